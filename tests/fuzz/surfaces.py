"""Where bytes and texts from outside come in.

Each surface takes any bytes, and fails where that has another effect than to be refused: nothing is accepted that
nobody signed, and no error comes but those that are meant to.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from kombu import Connection

from cloudassist import expressions, guard, keyring, messages, parameters, topology, warrant
from cloudassist.duties.aggregator import open_letter
from cloudassist.errors import InvalidParameterError, MessageError
from cloudassist.expressions import Fault
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist.messages import ClientState, ClientStatus, Registration, Report
from cloudassist.orders import Order, Payload, Purpose, payload_hash
from cloudassist.presence import Presence
from cloudassist.secret_values import decrypt, encrypt
from cloudassist.status import InvocationStatus
from cloudassist.warrant import Warrant
from cloudassist_agent.tasks import RunOrder

KEY, ROOT_KEY = SigningKey.from_seed(b"1" * 32), SigningKey.from_seed(b"2" * 32)
ROOT = Root(ROOT_KEY.public)
KEYS = KeySet(3, b"r" * 32, (TrustedKey(KEY.public),))
NOW = 1_500
MAC_KEY = b"m" * 32
SECONDS = 5.0
"""Processor seconds that one input may take: far above what any takes, far below what somebody would call a hang."""

ORDER = Order(Purpose.RUN, "t-1.web-1", 3, 9_000, 8_000, "payload:x", "0" * 44)
PAYLOAD = Payload("t-1", "c-1", "RunShellScript", "echo {{a}}", 60, {"a": "b"}).encode()
WARRANT = Warrant("t-1", "hash", warrant.digest(["web-1"]), 1_000, "rate(10s)", "UTC", 5, 10_000)
SAID = (
    Report("web-1", "t-1.web-1", 7, InvocationStatus.FINISHED, 1, 2, 0, output=b"hello"),
    Registration("web-1", "A" * 43, "1.0", tags={"a": "b"}),
    ClientStatus("web-1", ClientState.RUNNING),
)
_CHANNEL = Connection("memory://").channel()
_SECRET_KEY = b"s" * 32


@dataclass(frozen=True)
class Surface:
    """``feed`` takes bytes; ``genuine`` are examples of what it is made for."""

    feed: Callable[[bytes], object]
    genuine: tuple[bytes, ...]


def message(body: object, **headers: object) -> bytes:
    """Return a kombu message as it lies in a queue."""
    content = {
        "body": body if isinstance(body, str) else json.dumps(body),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": topology.RUN_TASK, "id": "t-1.web-1", **headers},
        "properties": {
            "delivery_tag": "tag",
            "delivery_info": {"exchange": "", "routing_key": "instance.web-1"},
            "body_encoding": None,
        },
    }
    return json.dumps(content).encode()


def queue(data: bytes) -> None:
    """What an agent pops: behind the guard, kombu and the task take it, and the one genuine order alone comes out."""
    try:
        guard.check_item("instance.web-1", data)
    except MessageError:
        return
    task = RunOrder()
    task.agent = SimpleNamespace(  # type: ignore[assignment]
        orders=SimpleNamespace(open=lambda purpose, sealed: Order.open(purpose, sealed, KEYS, NOW))
    )
    try:
        accepted = task.accept(_CHANNEL.message_to_python(json.loads(data)))
    except MessageError:
        return
    assert accepted.args == (ORDER,)


def stop(data: bytes) -> None:
    """What comes on a control queue."""
    try:
        guard.check_item("control.web-1", data)
        Order.open(Purpose.STOP, json.loads(json.loads(data)["body"]), KEYS, NOW)
    except (MessageError, ValueError):
        return
    raise AssertionError("a stop that nobody signed")


def order(data: bytes) -> None:
    """An envelope."""
    try:
        assert Order.open(Purpose.RUN, json.loads(data), KEYS, NOW) == ORDER
    except (MessageError, ValueError, RecursionError):
        return


def payload(data: bytes) -> None:
    """A payload, under the hash that was signed, and under its own."""
    with contextlib.suppress(MessageError):
        assert Payload.decode(data, payload_hash(PAYLOAD)).encode() == PAYLOAD
    try:
        found = Payload.decode(data, payload_hash(data))
    except MessageError:
        return
    assert Payload.decode(found.encode(), payload_hash(found.encode())) == found


def key_set(data: bytes) -> None:
    """A key set."""
    try:
        assert KeySet.open(data, ROOT) == KEYS
    except MessageError:
        return


def warrants(data: bytes) -> None:
    """A warrant."""
    try:
        assert Warrant.open(data.decode(errors="replace"), KEYS, NOW) == WARRANT
    except MessageError:
        return


def reports(data: bytes) -> None:
    """What an aggregator takes: only the very bytes that an instance has authenticated are proven."""
    try:
        letter = open_letter(data)
    except MessageError:
        return
    if keyring.same_mac(keyring.mac(MAC_KEY, letter.body), letter.mac):
        assert letter.body.decode() in {said.encode() for said in SAID}
    assert messages.decode(letter.message.encode()) == letter.message


def presence(data: bytes) -> None:
    """A sign of life."""
    try:
        found = Presence.decode(data)
    except MessageError:
        return
    assert Presence.decode(found.encode()) == found


def frequency(data: bytes) -> None:
    """An expression, and its next moments."""
    text = data.decode(errors="replace")
    with contextlib.suppress(Fault):
        expression = expressions.parse(text, "Europe/Berlin")
        moment: int | None = 1_800_000_000_000
        for _ in range(3):
            if moment is not None:
                following = expression.after(moment, 1_700_000_000_000)
                assert following is None or following > moment
                moment = following
        expressions.check(text, "UTC", 1_800_000_000_000)
        assert expression.sentence


def template(data: bytes) -> None:
    """A script with parameters."""
    text = data.decode(errors="replace")
    try:
        names = parameters.find_names(text)
        values = parameters.check_values(names, dict.fromkeys(names, "{{x}} {{ACS::InstanceId}}"))
    except InvalidParameterError:
        return
    rendered = parameters.render(text, values, {"InstanceId": "web-1"})
    assert len(rendered) <= len(text) * 30 + 1
    assert parameters.render(text, {}, {}) == parameters.render(text, dict.fromkeys(names, ""), {})


def secrets(data: bytes) -> None:
    """Encrypted values."""
    try:
        assert decrypt("t-1", data.decode(errors="replace"), _SECRET_KEY) == {"a": "b"}
    except MessageError:
        return


SURFACES = {
    "queue": Surface(queue, (message([[ORDER.seal(KEY)], {}, {}]), message([[], {}, {}], eta="2099-01-01"))),
    "stop": Surface(stop, (message(ORDER.seal(KEY)), message("[]"))),
    "order": Surface(order, (json.dumps(ORDER.seal(KEY)).encode(),)),
    "payload": Surface(payload, (PAYLOAD,)),
    "key set": Surface(key_set, (KEYS.seal(ROOT_KEY).encode(),)),
    "warrant": Surface(warrants, (WARRANT.seal(KEY).encode(),)),
    "reports": Surface(
        reports,
        tuple(message(said.encode(), mac=keyring.mac(MAC_KEY, said.encode().encode())) for said in SAID),
    ),
    "presence": Surface(presence, (Presence("j/b", 1, ("t-1.web-1",), 3, refused={"x": 1}, keys=3).encode(),)),
    "frequency": Surface(
        frequency,
        (
            b"rate(30s)",
            b"at(2027-01-31 09:30:00 Europe/Berlin)",
            b"0 0/15 8-18 ? * MON-FRI 2027 Asia/Tokyo",
            b"0 0 0 LW * ?",
        ),
    ),
    "template": Surface(template, (b"echo {{ name }} {{ACS::InstanceId}} {{a-b_c}}",)),
    "secrets": Surface(secrets, (encrypt("t-1", {"a": "b"}, _SECRET_KEY).encode(),)),
}


def feed(name: str, data: bytes) -> None:
    """Feed one input to a surface; fails where it takes too long, too."""
    begun = time.process_time()
    SURFACES[name].feed(data)
    assert time.process_time() - begun < SECONDS
