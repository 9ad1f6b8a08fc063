"""The server-side functions: ``lua/*.lua`` assembled into one library, and called by name.

Each file's head states its keys, its arguments and its answer. Statuses, moves and error codes are written into the
library from the Python enumerations, so that no word stands in two places. The library's name carries a hash of its
text: processes of different versions each call their own, and none replaces another's (docs/architecture.md).
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final, TypeVar

from cloudassist import limits, schema, topology
from cloudassist.enrolment import Cause
from cloudassist.error_code import ErrorCode
from cloudassist.request import Word
from cloudassist.status import MOVES, TERMINAL, InvocationStatus
from cloudassist.store import audit, keys
from cloudassist.store.call import Call
from cloudassist.store.refusal import Refusal

T = TypeVar("T")

CLAIM_MARGIN_MS: Final = 10 * 60 * 1000
"""Milliseconds that a claim outlives the last moment at which its order may start."""
HISTORY_MARGIN_MS: Final = 24 * 3600 * 1000
"""Milliseconds that a run of a recurring task outlives its records, for retention to come by."""
CALLS_MS: Final = 2 * 24 * 3600 * 1000
"""Milliseconds that the count of a day's calls is kept."""
PLAN_MS: Final = 2_000
"""Milliseconds after which a plan that is not complete has been broken off: its producer sends all of it at once."""

NOT_FOUND: Final = "Function not found"
"""What the server answers where the library is not loaded."""

_SHARED_PREFIX: Final = "_"
_FLAGS: Final = re.compile(r"^-- FLAGS: (.+)$", re.MULTILINE)


def function_call(name: str, names: Sequence[str], args: Sequence[Word], decode: Callable[[Any], T]) -> Call[T]:
    """Return the call of a function by the name of its file; ``names`` are those of the keys that it touches."""
    return Call(("FCALL", f"{name}_{_digest()}", len(names), *names, *args), decode)


@cache
def source() -> str:
    """Return the text of the whole library."""
    body = _body()
    return f"#!lua name=cloudassist_{schema.CURRENT}_{_digest()}\n{body}\n{_registrations()}"


@cache
def files() -> Mapping[str, str]:
    """Return the text of each .lua file by its name without the ending, shared ones first."""
    folder = resources.files(__package__) / "lua"
    found = {
        entry.name.removesuffix(".lua"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
    return {name: found[name] for name in sorted(found, key=lambda name: (name[0] != _SHARED_PREFIX, name))}


def function_names() -> list[str]:
    """Return the names of the functions."""
    return [name for name in files() if not name.startswith(_SHARED_PREFIX)]


@cache
def _digest() -> str:
    return hashlib.sha256((_body() + str(schema.CURRENT)).encode()).hexdigest()[:8]


@cache
def _body() -> str:
    tables = {
        "Status": {status.name: status.value for status in InvocationStatus},
        "Terminal": {status.value: True for status in TERMINAL},
        "Moves": {start.value: {end.value: True for end in ends} for start, ends in MOVES.items()},
        "Code": {code.name: code.value for code in ErrorCode},
        "Known": {code.value: True for code in ErrorCode},
        "Refusal": {refusal.name: refusal.value for refusal in Refusal},
        "Audit": {"MOST": limits.AUDIT_ENTRIES, "OK": audit.OK},
        "Key": _names(),
        "Cause": {cause.name: cause.value for cause in Cause},
        "Schema": {"CURRENT": schema.CURRENT},
        "Claim": {
            "STOPPED": topology.STOPPED_CLAIM,
            "EXPIRED": topology.EXPIRED_CLAIM,
            "MARGIN_MS": CLAIM_MARGIN_MS,
        },
    }
    prelude = "\n".join(f"local {name} = {_lua(table)}" for name, table in tables.items())
    return prelude + "\n" + "\n".join(files().values())


def _names() -> dict[str, str | int]:
    """Return the only names that a function makes itself, and a few numbers.

    Of which command a run is, and of which task, stands in the run; what a machine is called is decided in a function;
    and naming the records that reports are about would cost more than all the rest.
    """
    return {
        "INSTANCE": keys.instance(""),
        "IDENTITY": keys.identity(""),
        "OWNER": topology.owner_key(""),
        "ACTIVATION": keys.activation(""),
        "ADMITTED": keys.admitted(""),
        "COMMAND": keys.command(""),
        "LIVE": keys.live(""),
        "INVOCATION": keys.invocation(""),
        "TARGETS": keys.targets(""),
        "FLEET": keys.fleet(""),
        "SEALED": keys.sealed(""),
        "HISTORY": keys.history(""),
        "RECORD": keys.record(""),
        "OUTPUT": keys.output(""),
        "OPEN": keys.OPEN,
        "INVOKED": keys.INVOKED,
        "COMPLETED": keys.COMPLETED,
        "STOPPING": keys.STOPPING,
        "ENDED": keys.ENDED,
        "CLAIM": topology.claim_key("", "")[:-1],
        "PRESENCE": topology.presence_key(""),
        "ORDERS": topology.instance_queue(""),
        "STOPS": topology.control_queue(""),
        "HISTORY_BYTES": keys.HISTORY_BYTES,
        "KEPT_BYTES": keys.KEPT_BYTES,
        "RECORD_BYTES": limits.RECORD_BYTES,
        "MARGIN_MS": HISTORY_MARGIN_MS,
        "FINISHED": keys.FINISHED,
        "CALLS_MS": CALLS_MS,
        "PLAN_MS": PLAN_MS,
    }


def _registrations() -> str:
    return "\n".join(
        f"redis.register_function{{function_name='{name}_{_digest()}', callback={name}, flags={{{_flags(name)}}}}}"
        for name in function_names()
    )


def _flags(name: str) -> str:
    """Return the flags that a function's head declares: what it may do, and whether also on a server that is full."""
    found = _FLAGS.search(files()[name])
    return ", ".join(f"'{flag}'" for flag in found[1].split()) if found else ""


def _lua(value: Any) -> str:
    if isinstance(value, Mapping):
        # Sorted, so that every process writes the same text and so the same hash.
        return "{" + ", ".join(f"['{key}'] = {_lua(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else str(value)
