"""Calls about instances: who they are, and whether they are there."""

import json
from collections.abc import Sequence
from typing import Any

from cloudassist import topology
from cloudassist.messages import Registration
from cloudassist.store import keys
from cloudassist.store.call import Call, as_fields, as_text, as_texts, command, flat
from cloudassist.store.library import function_call


def read_epochs(instance_ids: Sequence[str]) -> Call[tuple[int, list[int | None]]]:
    """Return the server's time (ms) and the enrolment epoch of each instance; None: not registered."""

    def decode(answer: list[Any]) -> tuple[int, list[int | None]]:
        now, *epochs = answer
        return now, [None if epoch is None else int(epoch) for epoch in epochs]

    return function_call("read_epochs", [keys.instance(instance_id) for instance_id in instance_ids], [], decode)


def register(registration: Registration) -> Call[bool]:
    """Write down who an instance is; False where the id belongs to another key."""
    facts = {
        name: getattr(registration, name) for name in ("agent_version", "os_type", "os_version", "hostname", "address")
    }
    facts["tags"] = json.dumps(registration.tags)
    return function_call(
        "register_instance",
        [keys.instance(registration.instance_id), keys.INSTANCES],
        [registration.instance_id, registration.public_key, *flat(facts)],
        bool,
    )


def read(instance_id: str) -> Call[dict[str, str]]:
    """Return what is written of one instance; empty where it is not registered."""
    return command(as_fields, "HGETALL", keys.instance(instance_id))


def read_presence(instance_id: str) -> Call[bytes | None]:
    """Return the instance's last sign of life, None where it is offline."""
    return command(lambda answer: answer, "GET", topology.presence_key(instance_id))


def read_public_key(instance_id: str) -> Call[str]:
    """Return the public key of one instance; empty where it is not registered."""
    return command(as_text, "HGET", keys.instance(instance_id), "public_key")


def read_open(instance_id: str) -> Call[int]:
    """Return how many records of one instance have not ended."""
    return command(int, "SCARD", keys.open_records(instance_id))


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


def _heartbeat_keys(instance_id: str) -> tuple[str, str]:
    return keys.instance(instance_id), topology.presence_key(instance_id)
