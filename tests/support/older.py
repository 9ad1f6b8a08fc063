"""An instance whose agent is one version older: it says what stands in ``data/schema_1.json``, by hand."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import redis

from cloudassist import LocalStack, keyring, topology
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.settings import PREFIX
from support.data import table
from support.malformed import GOOD

SAID = table("schema_1")
TAKE_SECONDS = 20


class Older:
    """The instance, with its own user at the server. ``version`` pretends that it writes another schema."""

    def __init__(self, stack: LocalStack, name: str, folder: Path, server: redis.Redis, version: int = 1) -> None:
        self.name = name
        self._server = server
        self._version = version
        create_key(folder / "instance.key", "instance")
        self._own = AgreementKey.load(folder / "instance.key", "instance")
        region = AgreementKey.load(stack.data_dir / "keys" / "report.key", "report")
        self._mac_key = self._own.mac_key(name, region.public)
        self.say("register")
        server.set(topology.presence_key(name), json.dumps(SAID["presence"] | {"v": version}), px=60_000)

    def say(self, kind: str, record: str = "") -> None:
        """Report something."""
        words = {"instance": self.name, "record": record, "public_key": encode_key(self._own.public)}
        body = Template(json.dumps(SAID[kind] | {"v": self._version})).substitute(words)
        mac = keyring.mac(self._mac_key, body.encode())
        self._server.lpush(topology.REPORTS_QUEUE, json.dumps(GOOD | {"headers": {"mac": mac}, "body": body}))

    def take(self, queue: str) -> dict[str, Any]:
        """Take an order from a queue; return its fields by name. Others than this schema has are a failure."""
        popped = self._server.brpop(queue, TAKE_SECONDS)
        assert popped, f"no order came to {queue}"
        body = json.loads(json.loads(popped[1])["body"])
        (_, _, payload) = body if queue == topology.control_queue(self.name) else body[0][0]
        return dict(zip(SAID["order"], json.loads(payload), strict=True))

    def take_run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take and claim a run; return its order and its payload."""
        order = self.take(topology.instance_queue(self.name))
        record = order["record_id"]
        claim = topology.claim_key(self.name, record)
        assert self._server.set(claim, "journal/boot", nx=True, get=True, pxat=order["expires"]) is None
        return order, json.loads(self._server.get(order["payload_key"]))


@contextlib.contextmanager
def older(stack: LocalStack, name: str, folder: Path, version: int = 1) -> Iterator[Older]:
    """Have an older instance register with a stack, as the user that it is there."""
    folder.mkdir(exist_ok=True)
    with redis.Redis.from_url(stack.admit(name)[f"{PREFIX}URL"], decode_responses=True) as server:
        yield Older(stack, name, folder, server, version)
