"""What do signatures cost? Per order and per report, on the way out and on the agent; in the aggregator: see rollup."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from benchmarks import stage
from benchmarks.fleet import final_report
from benchmarks.measure import Figure, median, times
from cloudassist import keyring
from cloudassist.client import Assistant
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, TrustedKey
from cloudassist.orders import Order, Payload, Purpose, payload_hash
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


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 2_000 if quick else 10_000
    return [
        *_each(count),
        *_accepting(count // 10),
        *_fan_out(count, 3 if quick else 5),
    ]


def _order(number: int) -> Order:
    return Order(Purpose.RUN, f"t-{number:016x}.web-1", 0, FAR, FAR, "payload:" + "x" * 32, "h" * 44)


def _each(count: int) -> list[Figure]:
    """Measure one signature, one order, one MAC."""
    order = _order(1)
    sealed = order.seal(KEY)
    body = final_report("t-1.web-1").encode().encode()
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
