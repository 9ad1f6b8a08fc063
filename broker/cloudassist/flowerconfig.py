"""How Flower looks and what it may do: read by ``celery -A cloudassist flower``, wherever that is started.

A ``flowerconfig.py`` in the folder where it is started, ``--conf`` and ``FLOWER_CONF`` are read instead of this one;
they can begin with ``from cloudassist.flowerconfig import *``. Each option is also one of the command line, and an
environment variable ``FLOWER_<OPTION>``. Only Flower reads this, and no name of it may be an option by chance.
"""

from typing import Final

from cloudassist.control.flower import close_metrics as _close_metrics
from cloudassist.control.flower import logins as _logins

read_only: Final = True
"""Offer nothing that changes something: agents refuse it, and a stop is ``celery -A cloudassist assist stop``."""

tasks_columns: Final = "uuid,worker,state,result,received,runtime"
"""The record's id (invocation, dot, instance), instance, how it ended and with which code, when, how long it ran."""

enable_events: Final = False
"""Tell nobody to send events: whether an agent does is its own setting, CLOUDASSIST_EVENTS."""

purge_offline_workers: Final = 86_400
"""Seconds without a sign of life after which an instance leaves the list."""

basic_auth: Final = _logins()
"""Who may look, from CLOUDASSIST_FLOWER_LOGIN_FILE; without that file everybody who reaches the port."""

address: Final = "" if basic_auth else "127.0.0.1"
"""Where Flower listens: without a login, on this machine only."""

_close_metrics()
