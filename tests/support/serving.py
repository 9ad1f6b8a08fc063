"""Whether an instance goes on, and what it says that it has refused."""

import json

import redis

from cloudassist import Assistant, InvokeStatus, topology


def serves(assistant: Assistant, instance_id: str) -> bool:
    """Tell whether an instance carries out a run soon."""
    invocation = assistant.run_command("echo still here", instance_ids=[instance_id])
    return invocation.wait(timeout=5).status is InvokeStatus.FINISHED


def refused(server: redis.Redis, instance_id: str) -> dict[str, int]:
    """Return how many messages an instance has refused, by reason."""
    presence = server.get(topology.presence_key(instance_id))
    return json.loads(presence)["refused"] if presence else {}
