"""Calls about instances: who they are, and whether they are there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudassist import topology
from cloudassist.messages import ClientStatus, Registration
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_text, as_texts, command, flat
from cloudassist.store.library import function_call


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an order to an instance depends on: how often it was enrolled, and the schema that its agent speaks."""

    epoch: int
    schema: int


_FACTS: Final = ("agent_version", "os_type", "os_version", "os_id", "os_release", "hostname", "address")


def read_enrolments(instance_ids: Sequence[str]) -> Call[tuple[int, list[Enrolment | None]]]:
    """Return the server's time (ms) and the enrolment of each instance; None: not registered."""

    def decode(answer: list[Any]) -> tuple[int, list[Enrolment | None]]:
        now, *found = answer
        return now, [
            # Who registered before schemas were written down speaks the first one.
            None if epoch is None else Enrolment(int(epoch), int(spoken or 1))
            for epoch, spoken in found
        ]

    return function_call("read_enrolments", [keys.instance(instance_id) for instance_id in instance_ids], [], decode)


def register(registration: Registration) -> Call[bool]:
    """Write down who an instance is; False where the id belongs to another key or machine."""
    facts = {name: getattr(registration, name) for name in _FACTS}
    facts |= {name: getattr(registration, name) for name in ("schema", "clock_offset")}
    facts["tags"] = json.dumps(registration.tags)
    name = registration.instance_id
    return function_call(
        "register_instance",
        [keys.instance(name), keys.INSTANCES, topology.owner_key(name), keys.identity(name), keys.EPOCHS],
        [name, registration.public_key, registration.machine_id, *flat(facts)],
        bool,
    )


def note_client(status: ClientStatus) -> Call[str]:
    """Write down what the daemon of an instance says of its agent; ``unknown`` where that is not registered."""
    facts = {
        "client_state": status.state,
        "client_restarts": status.restarts,
        "client_reason": status.reason,
        "client_cpu_percent": status.cpu_percent,
        "client_rss_bytes": status.rss_bytes,
    }
    return function_call(
        "note_client", [keys.instance(status.instance_id)], flat(facts), lambda done: "" if done else "unknown"
    )


def read(instance_id: str) -> Call[dict[str, str]]:
    """Return what is written of one instance; empty where it is not registered."""
    return command(as_fields, "HGETALL", keys.instance(instance_id))


def read_agent(instance_id: str) -> Call[tuple[str, int]]:
    """Return the version of an instance's agent, and how far its machine's clock is ahead of the server's (ms)."""
    return command(_as_agent, "HMGET", keys.instance(instance_id), "agent_version", "clock_offset")


def read_presence(instance_id: str) -> Call[bytes | None]:
    """Return the instance's last sign of life, None where it is offline."""
    return command(lambda answer: answer, "GET", topology.presence_key(instance_id))


def server_time() -> Call[int]:
    """Return the server's time in milliseconds."""
    return command(lambda answer: int(answer[0]) * 1000 + int(answer[1]) // 1000, "TIME")


def state(instance_id: str) -> tuple[Call[Any], ...]:
    """Return the calls whose answers, behind the server's time, are an InstanceState (models/instance_state.py)."""
    return (
        read(instance_id),
        read_presence(instance_id),
        command(int, "ZLEXCOUNT", keys.OPEN, *_open_range(instance_id)),
        command(as_text, "HGET", keys.INVOKED, instance_id),
        command(lambda answer: int(answer or 0), "HGET", keys.COMPLETED, instance_id),
    )


def read_public_key(instance_id: str) -> Call[str]:
    """Return the public key of one instance; empty where it is not registered."""
    return function_call("read_public_key", [keys.identity(instance_id), keys.instance(instance_id)], [], as_text)


def is_enrolled(instance_id: str) -> Call[bool]:
    """Tell whether an instance was enrolled with an activation, and is still."""
    return command(bool, "EXISTS", keys.identity(instance_id))


def open_records(instance_id: str) -> Call[list[str]]:
    """Return the records of one instance that have not ended, in the order of their ids."""

    def decode(answer: list[bytes]) -> list[str]:
        return [entry.decode().partition("/")[2] for entry in answer]

    return command(decode, "ZRANGE", keys.OPEN, *_open_range(instance_id), "BYLEX")


def read_tags(instance_id: str) -> Call[str]:
    """Return the tags of one instance as JSON; empty where it is not registered."""
    return command(as_text, "HGET", keys.instance(instance_id), "tags")


def note_heartbeats(instance_ids: Sequence[str]) -> Call[int]:
    """Write down which of these instances give signs of life; how many."""
    names = [name for instance_id in instance_ids for name in _heartbeat_keys(instance_id)]
    return function_call("note_heartbeats", names, [], int)


def page(after: str, size: int) -> Call[list[str]]:
    """Return so many instance ids in lexical order, beginning behind ``after``."""
    start = f"({after}" if after else "-"
    return command(as_texts, "ZRANGE", keys.INSTANCES, start, "+", "BYLEX", "LIMIT", 0, size)


def total() -> Call[int]:
    """Return how many instances are registered."""
    return command(int, "ZCARD", keys.INSTANCES)


def _open_range(instance_id: str) -> tuple[str, str]:
    """Return where the open records of an instance begin and end (``_instances.lua``)."""
    return f"[{instance_id}/", f"({instance_id}0"


def _as_agent(answer: list[bytes | None]) -> tuple[str, int]:
    version, offset = map(as_text, answer)
    return version, int(offset or 0)


def _heartbeat_keys(instance_id: str) -> tuple[str, str]:
    return keys.instance(instance_id), topology.presence_key(instance_id)
