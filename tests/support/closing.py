"""What is looked at before a stack is closed, whatever its test was about."""

import contextlib
from collections.abc import Callable

import redis

from cloudassist import LocalStack, access
from support.lifetimes import keys_without_lifetime

ROLES = {role.value for role in access.ROLES}


def faults_of(stack: LocalStack) -> list[str]:
    """Return what must not be; none where the server of the stack is not running."""
    server = stack.processes.get("server")
    if server is None or server.poll() is not None:
        return []
    looks: list[Callable[[redis.Redis], list[str]]] = [keys_without_lifetime, denials]
    found: list[str] = []
    with redis.Redis.from_url(stack.url, decode_responses=True) as client, contextlib.suppress(redis.ConnectionError):
        for look in looks:
            found += look(client)
    return found


def denials(client: redis.Redis) -> list[str]:
    """Return what the server refused to roles and instances: each has every right that it uses."""
    return [
        f"{entry['username']} was refused {entry['reason']} {entry['object']}"
        for entry in client.acl_log()
        if entry["reason"] != "auth" and (entry["username"] in ROLES or entry["username"].startswith("agent."))
    ]
