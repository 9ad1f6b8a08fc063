"""Calls of the worker that brings instances in and lets them go, and of the producers that ask it to."""

from dataclasses import dataclass
from typing import Any, Final

from cloudassist import limits, topology
from cloudassist.enrolment import REQUEST_SECONDS, EnrolmentRequest
from cloudassist.petition import ANSWER_MS
from cloudassist.store import keys
from cloudassist.store.activations import as_words
from cloudassist.store.call import Call, as_nothing, command
from cloudassist.store.library import function_call

NUMBERS_TRIED: Final = 2_000
"""Numbers behind a prefix that are looked at for one that is not taken."""

_REQUEST_MS: Final = 1000 * REQUEST_SECONDS


@dataclass(frozen=True, slots=True)
class Asked:
    """What came in: a petition of a producer's, or the request of a machine; the bytes as they are."""

    is_petition: bool
    document: bytes


def wait_for_one(seconds: float) -> Call[Asked | None]:
    """Take a petition, or else a request; None where none came in so many seconds."""

    def decode(answer: list[bytes] | None) -> Asked | None:
        return None if answer is None else Asked(answer[0] == keys.PETITIONS.encode(), answer[1])

    return command(decode, "BRPOP", keys.PETITIONS, topology.ENROLMENTS_QUEUE, seconds)


def drop_newest() -> Call[None]:
    """Drop the newest requests where more wait than may: whoever has a code must not fill the server."""
    return command(as_nothing, "LTRIM", topology.ENROLMENTS_QUEUE, -limits.ENROLMENTS_WAITING, -1)


def admit(activation_id: str, request: EnrolmentRequest, *, password: str, digest: str) -> Call[list[Any]]:
    """Make an instance of a machine; the answer stands in the head of the function.

    ``password`` is the sealed one, ``digest`` what the server keeps of it.
    """
    return function_call(
        "admit_instance",
        [
            keys.activation(activation_id),
            keys.admitted(activation_id),
            topology.enrolled_key(activation_id, request.token),
            keys.INSTANCES,
            keys.EPOCHS,
            keys.AUDIT_TRAIL,
        ],
        [
            activation_id,
            request.public_key,
            request.machine_id,
            request.name,
            request.hostname,
            request.expires,
            _REQUEST_MS,
            1000 * limits.ACTIVATION_KNOWN_SECONDS,
            password,
            digest,
            NUMBERS_TRIED,
        ],
        as_words,
    )


def answer(activation_id: str, token: str, text: str) -> Call[None]:
    """Leave the answer to a machine's request."""
    name = topology.enrolled_key(activation_id, token)
    return command(as_nothing, "SET", name, text, "PX", 2 * _REQUEST_MS)


def deregister(instance_id: str, act: str) -> Call[list[Any]]:
    """Let an instance be known no more."""
    names = [
        keys.instance(instance_id),
        keys.identity(instance_id),
        topology.owner_key(instance_id),
        topology.presence_key(instance_id),
        topology.instance_queue(instance_id),
        topology.control_queue(instance_id),
        keys.INSTANCES,
        keys.EPOCHS,
        keys.REVOCATIONS,
        keys.INVOKED,
        keys.COMPLETED,
        keys.AUDIT_TRAIL,
    ]
    return function_call("deregister_instance", names, [instance_id, act], as_words)


def modify(instance_id: str, name: str, act: str) -> Call[list[Any]]:
    """Give an instance another name."""
    return function_call("modify_instance", [keys.instance(instance_id), keys.AUDIT_TRAIL], [name, act], as_words)


def petition(text: str) -> Call[None]:
    """Ask the worker for something."""
    return command(as_nothing, "LPUSH", keys.PETITIONS, text)


def answer_petition(token: str, text: str) -> tuple[Call[None], Call[None]]:
    """Leave the answer to a petition, and tell whoever waits for it."""
    return (
        command(as_nothing, "SET", keys.petition(token), text, "PX", ANSWER_MS),
        command(as_nothing, "PUBLISH", keys.changes(token), ""),
    )


def read_answer(token: str) -> Call[bytes | None]:
    """Return the answer to a petition; None where there is none yet."""
    return command(lambda found: found, "GET", keys.petition(token))
