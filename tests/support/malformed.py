"""The malformed messages of the table, ready to be pushed to a queue."""

import json
from typing import Any

from cloudassist import topology

GOOD: dict[str, Any] = {
    "body": "[[], {}, {}]",
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"task": topology.RUN_TASK, "id": "t-1.web-1"},
    "properties": {
        "delivery_tag": "tag",
        "delivery_info": {"exchange": "", "routing_key": "instance.web-1"},
        "body_encoding": None,
    },
}


def item(row: dict[str, Any]) -> bytes:
    """Return the bytes of one row: a good message with a change, or raw text."""
    if "raw" in row:
        return str(row["raw"]).encode()
    if "raw_escape" in row:
        return json.dumps(GOOD).replace("[[], {}, {}]", "\\ud800").encode()
    message = GOOD | row.get("change", {})
    for part in ("headers", "properties"):
        if part in row:
            message = message | {part: {**GOOD[part], **row[part]}}
    return json.dumps(message).encode()


def order_message(envelope: object, **headers: Any) -> str:
    """Return a message that carries an envelope, as Celery writes it."""
    body = json.dumps([[envelope], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return json.dumps(GOOD | {"body": body, "headers": {**GOOD["headers"], **headers}})
