"""What is looked at before a stack is closed, whatever its test was about."""

import redis

from cloudassist import LocalStack, access
from cloudassist.audit import findings
from cloudassist.errors import ServiceUnavailableError
from cloudassist.store.ledger import Ledger

ROLES = {role.value for role in access.ROLES}


def faults_of(stack: LocalStack) -> list[str]:
    """Return what must not be; none where the server of the stack is not running."""
    server = stack.processes.get("server")
    if server is None or server.poll() is not None:
        return []
    try:
        with Ledger(stack.url) as ledger:
            found = [str(finding) for finding in findings(ledger, stack.settings)]
    except ServiceUnavailableError:  # it is as good as not running: a test has stopped it
        return []
    with redis.Redis.from_url(stack.url, decode_responses=True) as client:
        return found + denials(client)


def denials(client: redis.Redis) -> list[str]:
    """Return what the server refused to roles and instances: each has every right that it uses."""
    return [
        f"{entry['username']} was refused {entry['reason']} {entry['object']}"
        for entry in client.acl_log()
        if entry["reason"] != "auth" and (entry["username"] in ROLES or entry["username"].startswith("agent."))
    ]
