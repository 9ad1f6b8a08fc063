"""Where bytes and texts from outside come in.

Each surface takes any bytes, returns what it took of them (None: they were refused), and fails where that is anything
but what was signed, or where another error comes than those that are meant to.
"""

import base64
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from kombu import Connection

from cloudassist import expressions, guard, ids, keyring, messages, parameters, topology, warrant
from cloudassist.activation import ActivationCode
from cloudassist.duties.letter import open_letter
from cloudassist.enrolment import Cause, Enrolled, EnrolmentRequest, SealedRequest, decode_answer, encode_answer
from cloudassist.errors import InvalidParameterError, MessageError
from cloudassist.expressions import Fault
from cloudassist.keyring import SigningKey
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist.messages import ClientState, ClientStatus, Registration, Report
from cloudassist.orders import Order, Payload, Purpose, payload_hash
from cloudassist.petition import Petition, Wish
from cloudassist.presence import Presence
from cloudassist.secret_values import decrypt, encrypt
from cloudassist.status import InvocationStatus
from cloudassist.warrant import Warrant
from cloudassist_agent.tasks import RunOrder

KEY, ROOT_KEY = SigningKey.from_seed(b"1" * 32), SigningKey.from_seed(b"2" * 32)
OTHER_KEY = SigningKey.from_seed(b"3" * 32)
ROOT = Root(ROOT_KEY.public)
KEYS = KeySet(3, b"r" * 32, (TrustedKey(KEY.public),))
NOW = 1_500
MAC_KEY = b"m" * 32
SECONDS = 5.0
"""Processor seconds that one input may take: far above what any takes, far below what somebody would call a hang."""

ORDER = Order(Purpose.RUN, "t-1.web-1", 3, 9_000, 8_000, "payload:x", "0" * 44)
STOP = Order(Purpose.STOP, "t-1.web-1", 3, 9_000)
OTHER = Order(Purpose.RUN, "t-2.web-2", 3, 9_000, 8_000, "payload:y", "1" * 44)
PAYLOAD = Payload("t-1", "c-1", "RunShellScript", "echo {{a}}", 60, {"a": "b"}).encode()
WARRANT = Warrant("t-1", "hash", warrant.digest(["web-1"]), 1_000, "rate(10s)", "UTC", 5, 10_000)
SAID = (
    Report("web-1", "t-1.web-1", 7, InvocationStatus.FINISHED, 1, 2, 0, output=b"hello"),
    Registration("web-1", "A" * 43, "1.0", tags={"a": "b"}),
    ClientStatus("web-1", ClientState.RUNNING),
)
ACTIVATION = "1E4F2C7A-3F0B-4B77-9C0D-0A1B2C3D4E5F"
CODE = ActivationCode(ROOT, b"c" * 32)
REQUEST = EnrolmentRequest(token="0" * 32, expires=5, public_key=keyring.encode_key(b"p" * 32), name="web-1")
_CHANNEL = Connection("memory://").channel()
_SECRET_KEY = b"s" * 32


@dataclass(frozen=True)
class Surface:
    """``feed`` takes bytes; ``genuine`` are examples of what it is made for, ``others`` of what is made for others."""

    feed: Callable[[bytes], object]
    genuine: tuple[bytes, ...]
    others: tuple[bytes, ...] = ()


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


def signed(domain: str, payload: bytes) -> list[str]:
    """Return an envelope of any bytes, as a holder of the key could write it who means harm."""
    signature = KEY.sign(b"cloudassist/" + domain.encode() + b"/v1\0" + payload)
    return [KEY.kid, base64.b64encode(signature).decode(), payload.decode(errors="replace")]


def queue(data: bytes) -> object:
    """What an agent pops: behind the guard, kombu and the task take it, and the one genuine order alone comes out."""
    task = RunOrder()
    task.agent = SimpleNamespace(  # type: ignore[assignment]
        orders=SimpleNamespace(open=lambda purpose, sealed: Order.open(purpose, sealed, KEYS, NOW))
    )
    try:
        guard.check_item("instance.web-1", data)
        accepted = task.accept(_CHANNEL.message_to_python(json.loads(data)))
    except MessageError:
        return None
    assert accepted.args == (ORDER,)
    return accepted


def stop(data: bytes) -> object:
    """What comes on a control queue."""
    try:
        guard.check_item("control.web-1", data)
        found = Order.open(Purpose.STOP, _json(json.loads(data)["body"]), KEYS, NOW)
    except MessageError:
        return None
    assert found == STOP
    return found


def order(data: bytes) -> object:
    """An envelope."""
    try:
        found = Order.open(Purpose.RUN, _json(data), KEYS, NOW)
    except MessageError:
        return None
    assert found == ORDER
    return found


def signed_order(data: bytes) -> object:
    """What the signing key has signed, whatever it is."""
    found = None
    for purpose in Purpose:
        with contextlib.suppress(MessageError):
            found = Order.open(purpose, signed(purpose, data), KEYS, NOW)
            assert Order.open(purpose, found.seal(KEY), KEYS, NOW) == found
            assert found.record_id == ids.record_id(found.invoke_id, found.instance_id)
    return found


def payload(data: bytes) -> object:
    """A payload, under the hash that was signed, and under its own."""
    with contextlib.suppress(MessageError):
        assert Payload.decode(data, payload_hash(PAYLOAD)).encode() == PAYLOAD
    try:
        found = Payload.decode(data, payload_hash(data))
    except MessageError:
        return None
    assert Payload.decode(found.encode(), payload_hash(found.encode())) == found
    return found


def key_set(data: bytes) -> object:
    """A key set."""
    try:
        found = KeySet.open(data, ROOT)
    except MessageError:
        return None
    assert found == KEYS
    return found


def signed_key_set(data: bytes) -> object:
    """What the root key has signed, whatever it is; its keys are asked for, too."""
    signature = base64.b64encode(ROOT_KEY.sign(b"cloudassist/key-set/v1\0" + data)).decode()
    try:
        found = KeySet.open(json.dumps([signature, data.decode(errors="replace")]), ROOT)
    except MessageError:
        return None
    assert KeySet.open(found.seal(ROOT_KEY), ROOT) == found
    with contextlib.suppress(MessageError):
        Order.open(Purpose.RUN, ORDER.seal(KEY), found, NOW)
    return found


def warrants(data: bytes) -> object:
    """A warrant."""
    try:
        found = Warrant.open(data.decode(errors="replace"), KEYS, NOW)
    except MessageError:
        return None
    assert found == WARRANT
    return found


def signed_warrant(data: bytes) -> object:
    """What the signing key has signed for a warrant, whatever it is."""
    try:
        found = Warrant.open(json.dumps(signed("warrant", data)), KEYS, NOW)
    except MessageError:
        return None
    assert Warrant.open(found.seal(KEY), KEYS, NOW) == found
    return found


def reports(data: bytes) -> object:
    """What an aggregator takes: only the very bytes that an instance has authenticated are proven."""
    try:
        letter = open_letter(data)
    except MessageError:
        return None
    # What an instance that means harm has authenticated is read alike.
    assert messages.decode(letter.message.encode()) == letter.message
    if not keyring.same_mac(keyring.mac(MAC_KEY, letter.body), letter.mac):
        return None
    assert letter.body.decode() in {said.encode() for said in SAID}
    return letter


def presence(data: bytes) -> object:
    """A sign of life."""
    try:
        found = Presence.decode(data)
    except MessageError:
        return None
    assert Presence.decode(found.encode()) == found
    return found


def frequency(data: bytes) -> object:
    """An expression, and its next moments."""
    text = data.decode(errors="replace")
    try:
        expression = expressions.parse(text, "Europe/Berlin")
        moment: int | None = 1_800_000_000_000
        for _ in range(3):
            if moment is not None:
                following = expression.after(moment, 1_700_000_000_000)
                assert following is None or following > moment
                moment = following
        assert expression.sentence
        expressions.check(text, "UTC", 1_800_000_000_000)
    except Fault:
        return None
    return expression


def template(data: bytes) -> object:
    """A script with parameters."""
    text = data.decode(errors="replace")
    try:
        names = parameters.find_names(text)
        values = parameters.check_values(names, dict.fromkeys(names, "{{x}} {{ACS::InstanceId}}"))
    except InvalidParameterError:
        return None
    rendered = parameters.render(text, values, {"InstanceId": "web-1"})
    assert len(rendered) <= len(text) * 30 + 1
    assert parameters.render(text, {}, {}) == parameters.render(text, dict.fromkeys(names, ""), {})
    return names


def secrets(data: bytes) -> object:
    """Encrypted values."""
    try:
        found = decrypt("t-1", data.decode(errors="replace"), _SECRET_KEY)
    except MessageError:
        return None
    assert found == {"a": "b"}
    return found


def enrolment(data: bytes) -> object:
    """A request to be enrolled: only what was signed with the code is read."""
    try:
        found = SealedRequest.parse(data).open(CODE.verifier)
    except MessageError:
        return None
    assert found == REQUEST
    return found


def signed_enrolment(data: bytes) -> object:
    """What a holder of the code has signed, whatever it is."""
    try:
        found = EnrolmentRequest.decode(data)
    except MessageError:
        return None
    assert SealedRequest.parse(found.seal(ACTIVATION, CODE.key).encode()).open(CODE.verifier) == found
    return found


def enrolled(data: bytes) -> object:
    """The answer to such a request."""
    try:
        found = decode_answer(data)
    except MessageError:
        return None
    assert decode_answer(encode_answer(found).encode()) == found
    return found


def petitions(data: bytes) -> object:
    """What a producer asks of the role enrol."""
    try:
        found = Petition.decode(data)
    except MessageError:
        return None
    assert Petition.decode(found.encode().encode()) == found
    return found


def _json(data: str | bytes) -> object:
    """Return what a message brings; None, which no surface takes, where it is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


SURFACES = {
    "queue": Surface(
        queue,
        (message([[ORDER.seal(KEY)], {}, {}]), message([[ORDER.seal(KEY)], {}, {}], eta="2099-01-01", retries=9)),
        (message([[], {}, {}]), message([[STOP.seal(KEY)], {}, {}]), message([[OTHER.seal(OTHER_KEY)], {}, {}])),
    ),
    "stop": Surface(
        stop, (message(STOP.seal(KEY)),), (message(ORDER.seal(KEY)), message("[]"), message(STOP.seal(OTHER_KEY)))
    ),
    "order": Surface(
        order,
        (json.dumps(ORDER.seal(KEY)).encode(),),
        (json.dumps(STOP.seal(KEY)).encode(), json.dumps(OTHER.seal(OTHER_KEY)).encode()),
    ),
    "signed order": Surface(signed_order, (ORDER.seal(KEY)[2].encode(), STOP.seal(KEY)[2].encode())),
    "payload": Surface(payload, (PAYLOAD,)),
    "key set": Surface(key_set, (KEYS.seal(ROOT_KEY).encode(),), (KEYS.seal(KEY).encode(),)),
    "signed key set": Surface(signed_key_set, (json.loads(KEYS.seal(ROOT_KEY))[1].encode(),)),
    "warrant": Surface(warrants, (WARRANT.seal(KEY).encode(),), (json.dumps(ORDER.seal(KEY)).encode(),)),
    "signed warrant": Surface(signed_warrant, (json.loads(WARRANT.seal(KEY))[2].encode(),)),
    "reports": Surface(
        reports,
        tuple(message(said.encode(), mac=keyring.mac(MAC_KEY, said.encode().encode())) for said in SAID),
        (message(SAID[0].encode(), mac=keyring.mac(b"another", SAID[0].encode().encode())),),
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
    "enrolment": Surface(
        enrolment,
        (REQUEST.seal(ACTIVATION, CODE.key).encode(),),
        (REQUEST.seal(ACTIVATION, OTHER_KEY).encode(), json.dumps(ORDER.seal(KEY)).encode()),
    ),
    "signed enrolment": Surface(signed_enrolment, (json.loads(REQUEST.seal(ACTIVATION, CODE.key))[2].encode(),)),
    "enrolled": Surface(
        enrolled,
        (
            encode_answer(Enrolled(instance_id="web-1", epoch=1, password="p", tags={"a": "b"})).encode(),
            encode_answer(Cause.EXPIRED).encode(),
        ),
    ),
    "petitions": Surface(
        petitions,
        (Petition("0" * 32, Wish.MODIFY_INSTANCE, "web-1", json.dumps(["a"] * 10), {"name": "n"}).encode().encode(),),
    ),
    "secrets": Surface(
        secrets,
        (encrypt("t-1", {"a": "b"}, _SECRET_KEY).encode(),),
        (encrypt("t-2", {"a": "b"}, _SECRET_KEY).encode(),),
    ),
}


def feed(name: str, data: bytes) -> object:
    """Feed one input to a surface and return what it took; fails where it takes too long, too."""
    begun = time.process_time()
    taken = SURFACES[name].feed(data)
    assert time.process_time() - begun < SECONDS
    return taken
