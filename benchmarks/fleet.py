"""Instances that only seem to be there: known and online, and able to prove what they are made to say."""

import json
from collections.abc import Sequence
from pathlib import Path

import redis

from benchmarks import stage
from cloudassist import ids, keyring, topology
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.status import InvocationStatus

OUTPUT = b"x" * 200
_AT_ONCE = 1_000


class Fleet:
    """So many instances on a server. They share a key: the key of its reports is each one's own nevertheless."""

    def __init__(self, url: str, folder: Path, count: int) -> None:
        self.names = [f"i-{number:05}" for number in range(count)]
        self._client = redis.Redis.from_url(url)
        self._url = url
        for kind in ("report", "instance"):
            if not (folder / f"{kind}.key").exists():
                create_key(folder / f"{kind}.key", kind)
        self.region_key = AgreementKey.load(folder / "report.key", "report")
        self._own = AgreementKey.load(folder / "instance.key", "instance")
        self._mac_keys: dict[str, bytes] = {}
        self.join()

    def join(self) -> None:
        """Register, and come online; also on a server that has lost everything."""
        stage.pretend(self._url, self.names)
        public = encode_key(self._own.public)
        with self._client.pipeline(transaction=False) as pipe:
            for name in self.names:
                pipe.hset(f"known:{name}", "public_key", public)
            pipe.execute()

    def finish(self, invoke_id: str, names: Sequence[str], output: bytes = OUTPUT) -> None:
        """Have instances report that a run has ended on them. The orders that wait for them are gone then."""
        for start in range(0, len(names), _AT_ONCE):
            with self._client.pipeline(transaction=False) as pipe:
                for name in names[start : start + _AT_ONCE]:
                    body = final_report(ids.record_id(invoke_id, name), output).encode()
                    pipe.lpush(topology.REPORTS_QUEUE, _message(body, keyring.mac(self._mac_key(name), body.encode())))
                pipe.unlink(*map(topology.instance_queue, names[start : start + _AT_ONCE]))
                pipe.execute()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _mac_key(self, name: str) -> bytes:
        if name not in self._mac_keys:
            self._mac_keys[name] = self._own.mac_key(name, self.region_key.public)
        return self._mac_keys[name]


def final_report(record_id: str, output: bytes = OUTPUT) -> Report:
    """Return the report of a script that has ended."""
    _, instance_id = ids.split_record_id(record_id)
    return Report(instance_id, record_id, FINAL_SEQUENCE, InvocationStatus.FINISHED, 1, 2, 0, output=output)


def _message(body: str, mac: str) -> str:
    """Return a report as kombu would send it."""
    properties = {"delivery_tag": "tag", "delivery_info": {"exchange": "", "routing_key": "reports"}}
    content = {"body": body, "headers": {"mac": mac}, "properties": properties | {"body_encoding": None}}
    return json.dumps(content | {"content-type": "application/json", "content-encoding": "utf-8"})
