"""The ledger: the one truth about commands, invocations, records and instances.

Only this package imports redis. ``keys`` is the page of every key; ``lua/`` holds one server-side function per file;
``library`` assembles and calls them; ``calls`` gives each a typed signature; ``ledger`` is the connection that carries
calls, and everything above it only ever sees calls and their decoded answers.
"""
