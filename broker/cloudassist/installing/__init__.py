"""Bringing agents to hosts over SSH: what is shipped, how a host is judged, and the course of one and of many."""
