"""What a shipped file does on its host: put the agent there, enrol it, have it run; and take it away again.

Needs nothing but Python's standard library. What is secret comes from standard input (one JSON object); a JSON object
per line goes to standard output: each step as it begins, and at last ``done`` or ``error``.

An installation is a folder::

    PREFIX/releases/VERSION-HASH/    an environment of its own, complete once ``complete`` lies in it
    PREFIX/runtimes/HASH/            a Python that was shipped along, where the host had none
    PREFIX/current                   a link to the release that runs; units and the start script go through it
    PREFIX/agent.env, start, stop    the settings, and what starts and stops agent and daemon where no systemd does

So an upgrade that breaks leaves the old release in place, and one that is begun again makes what was half anew.
"""
