"""Packages of the agent for Debian's and Red Hat's families: make packages.

Both hold the same tree: an environment of its own below /usr/lib/cloudassist, which the system's Python runs, and the
units of systemd. The agent's dependencies are in it: no distribution has them in the versions that are needed.
"""
