"""Names of queues, tasks, and of the few keys that an instance touches itself; pure.

Every queue hangs on the default exchange with the routing key equal to the queue's name: a named exchange would read
every binding at each publish (15 ms at 10,000 instances). Names are prefixed, never suffixed: an instance may be
called ``web.control``. Whatever belongs to an instance has its id at a fixed place, so that one access rule can hold
it.
"""

import re
from typing import Final

from cloudassist import limits
from cloudassist.errors import InvalidParameterError

REPORTS_QUEUE: Final = "reports"
"""What instances have to say; read by the aggregator."""
DISPATCH_QUEUE: Final = "dispatch"
"""Records whose orders are to be signed and sent again; read by the dispatch worker, which holds the key."""
ENROLMENTS_QUEUE: Final = "enrolments"
"""What machines ask that want to become instances; read by the worker of the role enrol."""
ENROL_QUEUE: Final = "enrol"
"""The queue of such a worker itself; nothing is sent there."""
DEFAULT_QUEUE: Final = "cloudassist"
"""The queue of a control worker itself; nothing is sent there."""
CONTROL_QUEUES: Final = (REPORTS_QUEUE, DISPATCH_QUEUE, DEFAULT_QUEUE)
"""Queues that are no instance's."""

RUN_TASK: Final = "cloudassist.run"
"""The task that an agent runs: one order."""
REDELIVER_TASK: Final = "cloudassist.redeliver"
"""The task that dispatch runs: records whose orders are to be sent again."""

OCCUR_TASK: Final = "cloudassist.occur"
"""The task that dispatch runs: moments of recurring tasks that have been claimed."""
FORESEE_TASK: Final = "cloudassist.foresee"
"""The task that dispatch runs: moments of recurring tasks that come before long."""

KEY_SET_KEY: Final = "key-set"
"""The key in which agents find the newest key set."""

CONTROL_EXCHANGE: Final = "celery"
"""Where Celery's remote control is broadcast (Celery's own default)."""
FLOWER_EXCHANGE: Final = "flower"
"""Where Flower broadcasts instead: workers hear its questions there and nothing else, for it is to change nothing."""

INSTANCE_QUEUE_PREFIX: Final = "instance."
CONTROL_QUEUE_PREFIX: Final = "control."

STOPPED_CLAIM: Final = "!stopped"
"""The claim of a stop that came before the instance's."""
EXPIRED_CLAIM: Final = "!expired"
"""The claim of the sweeper on a record that may no longer start."""

REFUSED_CLAIM: Final = "!refused"
"""The claim of an instance that could not write a record down, and will never start it."""

_INSTANCE_ID: Final = re.compile(limits.INSTANCE_ID_PATTERN)


def is_instance_id(value: object) -> bool:
    """Tell whether this may name an instance."""
    return isinstance(value, str) and _INSTANCE_ID.fullmatch(value) is not None


def check_instance_id(value: object) -> str:
    """Return an instance id unchanged; raises InvalidParameterError (InvalidInstanceId.Malformed)."""
    if not isinstance(value, str) or not is_instance_id(value):
        raise InvalidParameterError(
            "InvalidInstanceId.Malformed",
            f"{value!r} cannot name an instance; it must match {limits.INSTANCE_ID_PATTERN}",
        )
    return value


def instance_queue(instance_id: str) -> str:
    """Return the name of the queue from which this instance takes runs."""
    return INSTANCE_QUEUE_PREFIX + instance_id


def control_queue(instance_id: str) -> str:
    """Return the name of the queue from which this instance takes stops."""
    return CONTROL_QUEUE_PREFIX + instance_id


def presence_key(instance_id: str) -> str:
    """Return the key that this instance sets every 15 s while it lives; it is its lease, too."""
    return f"presence.{instance_id}"


def owner_key(instance_id: str) -> str:
    """Return the key in which the instance reads whose its id is: ``<public key>/<machine id>``."""
    return f"owner.{instance_id}"


def claim_key(instance_id: str, record_id: str) -> str:
    """Return the key that whoever decides a record's fate sets first."""
    return f"claim:{instance_id}:{record_id}"


def payload_key(token: str) -> str:
    """Return the key of an invocation's payload; ``token`` cannot be guessed and stands in the signed orders only."""
    return f"payload:{token}"


def enrolled_key(activation_id: str, token: str) -> str:
    """Return the key in which a machine finds the answer to its request; ``token`` cannot be guessed."""
    return f"enrolled.{activation_id}.{token}"


def events_of(instance_id: str) -> str:
    """Return the exchange on which an instance tells Celery's monitors what it does."""
    return f"celeryev/{instance_id}"


def agent_user(instance_id: str) -> str:
    """Return the name of an instance's user at the server."""
    return f"agent.{instance_id}"


def activation_user(activation_id: str) -> str:
    """Return the name of the user at the server of the machines that have an activation's code."""
    return f"activation.{activation_id}"


def worker_name(instance_id: str) -> str:
    """Return the name under which Celery and Flower know an instance."""
    return f"agent@{instance_id}"
