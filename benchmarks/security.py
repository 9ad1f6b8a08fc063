"""What do signatures cost? Per order and per report, on the way out, on the agent, and in the aggregator."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from benchmarks import stage
from benchmarks.measure import Figure, ProcessorTime, median, times
from cloudassist import ids, keyring, topology
from cloudassist.client import Assistant
from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.proofs import Proofs
from cloudassist.keyring import AgreementKey, SigningKey, create_key, encode_key
from cloudassist.keyset import KeySet, TrustedKey
from cloudassist.messages import FINAL_SEQUENCE, Report
from cloudassist.orders import Order, Payload, Purpose, payload_hash
from cloudassist.settings import Settings
from cloudassist.status import InvocationStatus
from cloudassist.store.ledger import Ledger
from cloudassist_agent.clock import ServerClock
from cloudassist_agent.journal.journal import Journal
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.upstream.link import Link
from cloudassist_agent.worker import make_app

QUESTION = "security"
FAR = 2**45
KEY = SigningKey.from_seed(b"1" * 32)
KEYS = KeySet(1, b"r" * 32, (TrustedKey(KEY.public),))
SCRIPT = "#" * 1_000 + "\necho hello"
OUTPUT = b"x" * 200
BATCHES = 3
"""Reports of so many runs are worked off in one go."""


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 2_000 if quick else 10_000
    return [
        *_each(count),
        *_accepting(count // 10),
        *_fan_out(count, 3 if quick else 5),
        *_roll_up(count, 1 if quick else 3),
    ]


def _order(number: int) -> Order:
    return Order(Purpose.RUN, f"t-{number:016x}.web-1", 0, FAR, FAR, "payload:" + "x" * 32, "h" * 44)


def _each(count: int) -> list[Figure]:
    """Measure one signature, one order, one MAC."""
    order = _order(1)
    sealed = order.seal(KEY)
    body = _report("t-1.web-1").encode().encode()
    mac_key, data = b"k" * 32, sealed[2].encode()
    mac = keyring.mac(mac_key, body)
    signature = KEY.sign(data)

    def micros(action: Callable[[], object]) -> float:
        return 1000 * median(times(action, count))

    sign, verify = micros(lambda: KEY.sign(data)), micros(lambda: keyring.verify(KEY.public, signature, data))
    return [
        Figure(QUESTION, f"a signature over {len(data)} bytes", sign, "µs"),
        Figure(QUESTION, "an order: written and signed", micros(lambda: order.seal(KEY)), "µs"),
        Figure(QUESTION, "a signature verified", verify, "µs"),
        Figure(QUESTION, "an order: verified and read", micros(lambda: Order.open(Purpose.RUN, sealed, KEYS, 0)), "µs"),
        Figure(QUESTION, f"the MAC of a report of {len(body)} bytes", micros(lambda: keyring.mac(mac_key, body)), "µs"),
        Figure(
            QUESTION,
            "… checked",
            micros(lambda: keyring.same_mac(keyring.mac(mac_key, body), mac)),
            "µs",
        ),
    ]


def _accepting(count: int) -> list[Figure]:
    """Measure what an agent does with an order until its script could start: all but Celery's own part."""
    payload = Payload("t-1", "c-1", "RunShellScript", SCRIPT, 60).encode()
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        # In life the server's file is on another machine, and does not delay the journal's.
        client.config_set("appendonly", "no")
        client.set("payload:x", payload)
        link = Link(make_app(AgentSettings(url=url, instance_id=("web-1",), state_dir=folder)), ServerClock())
        journal = Journal(folder / "journal.db")
        orders = [
            Order(Purpose.RUN, f"t-{number:016x}.web-1", 0, FAR, FAR, "payload:x", payload_hash(payload)).seal(KEY)
            for number in range(count + 1)
        ]
        left = iter(orders)

        def accept() -> tuple[float, float]:
            begun = time.perf_counter()
            order = Order.open(Purpose.RUN, next(left), KEYS, 0)
            claim = link.claim(order, "journal/boot")
            assert claim.payload is not None
            Payload.decode(claim.payload, order.payload_hash)
            accepted = time.perf_counter()
            assert journal.begin(order.record_id, order.instance_id, "boot", claim.now, order.expires)
            return 1000 * (accepted - begun), 1000 * (time.perf_counter() - begun)

        accept()
        accepted, committed = zip(*(accept() for _ in range(count)), strict=True)
        floor = median(times(client.ping, count))
        link.close()
        journal.close()
    what = "an order accepted: verified, claimed, read"
    return [
        Figure(QUESTION, what, median(accepted), "ms", median(accepted) / floor, "a PING", "≤ 0.5"),
        Figure(
            QUESTION,
            "… and committed to the journal's disk",
            median(committed),
            "ms",
            median(committed) / floor,
            "a PING",
        ),
    ]


class _Unsigned:
    """A key that signs nothing: what is left is everything else."""

    kid = KEY.kid

    def sign(self, _data: bytes) -> bytes:
        return bytes(keyring.SIGNATURE_BYTES)


@contextmanager
def _key(key: object) -> Iterator[None]:
    """Have producers sign with this one."""
    load = SigningKey.load
    SigningKey.load = lambda *_: key  # type: ignore[method-assign, assignment, return-value]
    try:
        yield
    finally:
        SigningKey.load = load  # type: ignore[method-assign]


def _fan_out(count: int, rounds: int) -> list[Figure]:
    """Measure run_command as a whole, with signatures and without, in turns."""
    names = [f"i-{number:05}" for number in range(count)]
    rates: dict[str, list[float]] = {"signed": [], "unsigned": []}
    with stage.server() as (url, folder), redis.Redis.from_url(url) as client:
        settings = stage.settings(url, folder, count)
        for _ in range(rounds):
            for name, key in (("signed", KEY), ("unsigned", _Unsigned())):
                client.flushall()
                stage.pretend(url, names)
                with _key(key), Assistant(settings=settings) as assistant:
                    assistant.run_command(SCRIPT, instance_ids=names[:1])
                    begun = time.perf_counter()
                    assistant.run_command(SCRIPT, instance_ids=names)
                    rates[name].append(count / (time.perf_counter() - begun))
    signed, unsigned = median(rates["signed"]), median(rates["unsigned"])
    what = f"plan, sign and publish for {count} instances"
    return [
        Figure(QUESTION, what, signed, "orders/s", signed / unsigned, "without signatures", "≥ 15,000"),
        Figure(QUESTION, "… without signatures", unsigned, "orders/s"),
    ]


def _report(record_id: str) -> Report:
    _, instance_id = ids.split_record_id(record_id)
    return Report(instance_id, record_id, FINAL_SEQUENCE, InvocationStatus.FINISHED, 1, 2, 0, output=OUTPUT)


def _roll_up(count: int, rounds: int) -> list[Figure]:
    """Measure one aggregator on the reports of so many instances, with MACs checked and without, in turns."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    costs = []
    for _ in range(rounds):
        for checked in (True, False):
            rate, cost = _apply(count, checked=checked)
            rates[checked].append(rate)
            if checked:
                costs.append(cost)
    rate, bare = median(rates[True]), median(rates[False])
    what = f"reports of {count} instances applied by one aggregator"
    return [
        Figure(QUESTION, what, rate, "/s", rate / bare, "MACs unchecked", "≥ 25,000"),
        Figure(QUESTION, "… the server's part of each", median(costs), "µs", None, "", "≤ 20"),
        Figure(QUESTION, "… with MACs unchecked", bare, "/s"),
    ]


def _own_keys(url: str, names: list[str], public: str) -> None:
    """Give the pretended instances a key, which they share: the key of a MAC is each one's own."""
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hset(f"known:{name}", "public_key", public)
        pipe.execute()


def _queue_reports(url: str, settings: Settings, names: list[str], mac_keys: dict[str, bytes], batches: int) -> None:
    with Assistant(settings=settings) as assistant, redis.Redis.from_url(url) as client:
        for _ in range(batches):
            run = assistant.run_command("true", instance_ids=names)
            for start in range(0, len(names), 1_000):
                with client.pipeline(transaction=False) as pipe:
                    for name in names[start : start + 1_000]:
                        body = _report(ids.record_id(run.invoke_id, name)).encode()
                        pipe.lpush(topology.REPORTS_QUEUE, _message(body, keyring.mac(mac_keys[name], body.encode())))
                    pipe.execute()
        client.delete(*(topology.instance_queue(name) for name in names))


def _message(body: str, mac: str) -> str:
    properties = {"delivery_tag": "tag", "delivery_info": {"exchange": "", "routing_key": "reports"}}
    content = {"body": body, "headers": {"mac": mac}, "properties": properties | {"body_encoding": None}}
    return json.dumps(content | {"content-type": "application/json", "content-encoding": "utf-8"})


def _apply(count: int, *, checked: bool) -> tuple[float, float]:
    """Return how many reports are applied in a second, and the server's processor time for each (µs).

    On a server of its own: what lies there makes a difference. A first batch is not counted: by it the aggregator comes
    to know the instances, once for its life.
    """
    names = [f"i-{number:05}" for number in range(count)]
    with stage.server() as (url, folder), Ledger(url) as ledger, redis.Redis.from_url(url) as client:
        settings = stage.settings(url, folder, count)
        for kind in ("report", "instance"):
            create_key(folder / f"{kind}.key", kind)
        region = AgreementKey.load(folder / "report.key", "report")
        own = AgreementKey.load(folder / "instance.key", "instance")
        stage.pretend(url, names)
        _own_keys(url, names, encode_key(own.public))
        mac_keys = {name: own.mac_key(name, region.public) for name in names}
        with _checking(checked):
            aggregator = Aggregator(ledger, settings, [region])
            _queue_reports(url, settings, names, mac_keys, 1)
            _work_off(client, aggregator)
            _queue_reports(url, settings, names, mac_keys, BATCHES)
            used = ProcessorTime([client.info("server")["process_id"]])
            begun = time.perf_counter()
            _work_off(client, aggregator)
            taken = time.perf_counter() - begun
            aggregator.finish()
        assert not client.hgetall("rejected:counts")
        return BATCHES * count / taken, 1e6 * used.seconds() / (BATCHES * count)


@contextmanager
def _checking(checked: bool) -> Iterator[None]:  # noqa: FBT001 - private, and named where it is called
    check = Proofs.check
    if not checked:
        Proofs.check = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Proofs.check = check  # type: ignore[method-assign]


def _work_off(client: redis.Redis, aggregator: Aggregator) -> None:
    while client.llen(topology.REPORTS_QUEUE) or aggregator.behind_seconds:
        aggregator.turn()
