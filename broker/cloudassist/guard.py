"""The guard in front of kombu: what comes off a queue is looked at before kombu or Celery touch it.

A stock worker dies of eight kinds of malformed message, and of five of them at every restart again. Here a message
that is not what it should be becomes an empty poll and a count (:mod:`cloudassist.guarded`).
"""

import base64
import binascii
import json
from typing import Any, Final

from cloudassist import limits, topology
from cloudassist.errors import MessageError

_TYPED: Final = b"__type__"
"""What kombu's JSON reader looks for."""
_CONTENT_TYPE: Final = "application/json"
_BODY_ENCODINGS: Final = (None, "base64")
_RUNS: Final = frozenset({topology.RUN_TASK})
_DISPATCHED: Final = frozenset({topology.REDELIVER_TASK, topology.OCCUR_TASK, topology.FORESEE_TASK})


def check_item(queue: str, item: bytes) -> dict[str, Any]:
    """Return the message that an item of a queue is; raises MessageError unless it does kombu and Celery no harm."""
    if len(item) > limits.MESSAGE_BYTES:
        raise MessageError("too-large", f"{len(item)} bytes; the limit is {limits.MESSAGE_BYTES}")
    try:
        message: dict[str, Any] = json.loads(item.decode(), object_hook=_plain_object if _TYPED in item else None)
    except (ValueError, RecursionError) as error:
        raise MessageError("not-json", str(error)[:100]) from None
    check_message(message)
    if queue.startswith(topology.INSTANCE_QUEUE_PREFIX):
        _check_task(message["headers"], _RUNS)
    elif queue == topology.DISPATCH_QUEUE:
        _check_task(message["headers"], _DISPATCHED)
    return message


def check_message(message: object) -> None:
    """Raise MessageError unless a decoded message has the shape that kombu reads without asking."""
    if not isinstance(message, dict):
        raise MessageError("not-an-object", type(message).__name__)
    headers = message.setdefault("headers", {})
    properties = message.get("properties")
    body = message.get("body")
    if not isinstance(headers, dict) or not isinstance(properties, dict) or not isinstance(body, str):
        raise MessageError("bad-shape", "headers, properties or body")
    if not isinstance(properties.get("delivery_tag"), str) or not isinstance(properties.get("delivery_info"), dict):
        raise MessageError("bad-shape", "delivery_tag or delivery_info")
    if not all(isinstance(value, str | int | None) for value in properties["delivery_info"].values()):
        raise MessageError("bad-shape", "delivery_info")
    if message.get("content-type") != _CONTENT_TYPE or message.get("content-encoding") != "utf-8":
        raise MessageError("bad-content-type", str(message.get("content-type"))[:50])
    if headers.get("compression"):
        raise MessageError("compressed")
    _check_body(body, properties.get("body_encoding"))


def _plain_object(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what kombu's JSON reader would turn into Python objects."""
    if "__type__" in value:
        raise ValueError("typed values are not accepted")
    return value


def _check_task(headers: dict[str, Any], known: frozenset[str]) -> None:
    """Refuse a task that its worker does not have: Celery would log the whole message."""
    task = headers.get("task")
    if not isinstance(task, str) or task not in known:
        raise MessageError("unknown-task", str(task)[:50])
    if not isinstance(headers.get("id"), str):
        raise MessageError("bad-shape", "id")


def _check_body(body: str, encoding: object) -> None:
    if encoding not in _BODY_ENCODINGS:
        raise MessageError("bad-body-encoding", str(encoding)[:50])
    try:
        data = base64.b64decode(body, validate=True) if encoding else body.encode()
        data.decode()
    except (binascii.Error, ValueError):
        raise MessageError("bad-body") from None
