"""Every surface with inputs of all sorts: what was made up, and what is genuine but for some change.

Changes are made to the bytes, and to the JSON that they are: in a message, its body, and the order in that, alike.

``make test`` tries a few hundred each, ``make soak`` a hundred thousand in all, and counts them.
"""

import contextlib
import copy
import json
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudassist import Assistant, keyring, topology
from cloudassist.duties.aggregator import Aggregator
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.messages import ClientState, ClientStatus, Registration, Report
from cloudassist.status import InvocationStatus
from cloudassist.store import keys
from fuzz.surfaces import SURFACES, feed, message
from support.ledgers import plan_run

AGGREGATOR = "aggregator"
TRIED: Counter[str] = Counter()
SOAKED = 100_000
"""Inputs that `make soak` tries, the fewest."""

made_up = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode(errors="replace"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
ODD = (
    b"null",
    b"-1",
    b"1e400",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"[" * 500,
    b"9" * 400,
    b"\x00",
    b"\xff",
    b"__type__",
    b"true",
)


@st.composite
def changed(draw, genuine):
    """Something genuine with up to four changes: a bit, a piece more, less, twice, or exchanged for something odd."""
    data = draw(st.sampled_from(genuine))
    match draw(st.sampled_from(["pieces", "pieces", "a bit", "cut off"])):
        case "a bit":
            at = draw(st.integers(0, 8 * len(data) - 1))
            return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]
        case "cut off":
            return data[: draw(st.integers(0, len(data)))]
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from(ODD)
            | st.just(data[start:end] * 2)
            | st.just(b"")
            | st.text(max_size=4).map(lambda text: text.encode(errors="replace"))
        )
        data = data[:start] + piece + data[end:]
    return data


class Text(list):
    """A text that is JSON itself, opened: its one element is what it says."""


def opened(value):
    """Return a JSON value in which also texts that are objects or arrays are opened; no JSON is None."""
    match value:
        case str() if value[:1] in {"[", "{"}:
            with contextlib.suppress(ValueError):
                return Text([opened(json.loads(value))])
        case list():
            return [opened(item) for item in value]
        case dict():
            return {name: opened(item) for name, item in value.items()}
    return value


def closed(value):
    match value:
        case Text():
            return json.dumps(closed(value[0]) if len(value) == 1 else closed(list(value)), separators=(",", ":"))
        case list():
            return [closed(item) for item in value]
        case dict():
            return {name: closed(item) for name, item in value.items()}
    return value


def places(value):
    """Return every place in a JSON value: what holds it, and where in that."""
    inside = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for where, item in list(inside):
        yield value, where
        yield from places(item)


NAMES = st.sampled_from(["", "__type__", "v", "kind", "id", "\ud800", "eta"]) | st.text(max_size=8)
VALUES = (
    st.sampled_from(
        [None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 10**400, 1.5, 1e308, "", "\ud800", "\0", [], {}, [[]]]
    )
    | st.text(max_size=20)
    | st.integers()
    | st.sampled_from([150, 1_000, 20_000]).map(lambda count: "x" * count)
)


@st.composite
def rearranged(draw, genuine):
    """Something genuine whose JSON has up to three fields set, exchanged with others, doubled, renamed or removed."""
    root = [opened(draw(st.sampled_from(genuine)).decode())]
    for _ in range(draw(st.integers(1, 3))):
        holder, where = draw(st.sampled_from(list(places(root))))
        match draw(st.sampled_from(["set", "exchange", "double", "rename", "remove"])):
            case "set":
                holder[where] = copy.deepcopy(draw(VALUES))
            case "exchange":
                other, there = draw(st.sampled_from(list(places(root))))
                one, two = copy.deepcopy(holder[where]), copy.deepcopy(other[there])
                holder[where], other[there] = two, one
            case "double":
                twice = copy.deepcopy(holder[where])
                holder.insert(where, twice) if isinstance(holder, list) else holder.update({draw(NAMES): twice})
            case "rename" if isinstance(holder, dict):
                holder[draw(NAMES)] = holder.pop(where)
            case _:
                del holder[where]
        if not root:
            break
    value = closed(root[0]) if root else None
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


def odd(*genuine):
    """Return inputs of all sorts; of what is genuine the most, since of that the most could come."""
    return made_up | changed(genuine) | rearranged(genuine)


@pytest.mark.parametrize("name", SURFACES)
def test_what_is_genuine_is_taken_and_what_is_made_for_others_is_not(name):
    surface = SURFACES[name]
    assert [feed(name, data) is not None for data in surface.genuine] == [True] * len(surface.genuine)
    assert [feed(name, data) for data in surface.others] == [None] * len(surface.others)


@pytest.mark.parametrize("name", SURFACES)
def test_nothing_comes_of_it(name):
    surface = SURFACES[name]

    @given(odd(*surface.genuine, *surface.others))
    def tried(data):
        TRIED[name] += 1
        feed(name, data)

    tried()


def test_an_aggregator_takes_in_whatever_an_instance_says(ledger, settings, server, tmp_path):
    """Also what it has authenticated: nothing of that ends a turn, comes again, or touches what is another's."""
    for kind in ("report", "instance"):
        create_key(tmp_path / f"own.{kind}", kind)
    region, own = (AgreementKey.load(tmp_path / f"own.{kind}", kind) for kind in ("report", "instance"))
    run = plan_run(ledger, server, ["web-1", "web-2"])
    server.delete(keys.instance("web-1"), topology.owner_key("web-1"))
    mac_key = own.mac_key("web-1", region.public)
    record = run.record_ids[0]
    said = (
        Registration("web-1", encode_key(own.public), "1.0", tags={"a": "b"}),
        Report("web-1", record, 1, InvocationStatus.RUNNING, 1),
        Report("web-1", record, 2, InvocationStatus.RUNNING, 1, output=b"hello", position=3),
        Report("web-1", record, 7, InvocationStatus.FINISHED, 1, 2, 0, output=b"hello"),
        ClientStatus("web-1", ClientState.RUNNING),
    )
    aggregator = Aggregator(ledger, settings, [region])
    others = {name: server.hgetall(name) for name in (keys.record(run.record_ids[1]), keys.instance("web-2"))}

    def say(body):
        text = body.decode(errors="replace")
        server.lpush(topology.REPORTS_QUEUE, message(text, mac=keyring.mac(mac_key, text.encode())))

    @given(st.lists(odd(*(each.encode().encode() for each in said)), min_size=1, max_size=4))
    def tried(bodies):
        TRIED[AGGREGATOR] += len(bodies)
        for body in bodies:
            say(body)
        aggregator.turn()
        assert server.llen(topology.REPORTS_QUEUE) == 0

    for each in said:
        say(each.encode().encode())
    aggregator.turn()
    assert server.hgetall(keys.REJECTED_COUNTS) == {}
    assert server.hget(keys.record(record), "status") == "Finished"
    tried()
    assert {name: server.hgetall(name) for name in others} == others
    assert server.hget(keys.record(record), "status") == "Finished"
    with Assistant(settings=settings) as assistant:
        assert [row.instance_id for row in assistant.describe_instances().all()] == ["web-1", "web-2"]
    aggregator.finish()


def test_so_many_were_tried(capsys):
    """Runs last; says how many, where it was a soak."""
    if settings.get_current_profile_name() != "soak":
        assert not TRIED or min(TRIED.values()) > 0
        return
    rows = [*TRIED.items(), ("in all", sum(TRIED.values()))]
    with capsys.disabled():
        sys.stdout.writelines(f"\n{name:12} {count:8,}" for name, count in rows)
    assert set(TRIED) == {*SURFACES, AGGREGATOR}
    assert sum(TRIED.values()) >= SOAKED
