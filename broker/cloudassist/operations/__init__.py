"""The operations, one module per verb, without any I/O of their own.

An operation is a generator: it yields what it needs from the outside (calls to the ledger, orders to publish) and is
sent the answers. The synchronous client drives it one way, the asyncio one another way; the rules stand here once.
"""
