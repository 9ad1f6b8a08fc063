"""Dispatch: signs and sends what is not sent by a producer itself. Holds the signing key, in a process of its own.

What it is asked to do is named, never described: it reads records, invocations and recurring tasks from the ledger and
builds their orders from that.
"""
