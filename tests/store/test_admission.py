"""What the ledger makes of activations and of machines that ask: each in one function."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudassist import ids, topology
from cloudassist.activation import new_activation_id
from cloudassist.enrolment import Cause, EnrolmentRequest
from cloudassist.error_code import ErrorCode
from cloudassist.messages import Registration
from cloudassist.store import activations, enrolments, instances, keys
from cloudassist.store.audit import Act
from cloudassist.store.ledger import Ledger
from support.ledgers import plan_run

ACT = Act(caller="me", operation="Test").encode()


@pytest.fixture
def create(ledger):
    """Make an activation; return its id."""

    def create(*, most=5, token="", **fields):
        activation_id = new_activation_id()
        written = {
            "verifier": "v",
            "count": 10,
            "hours": 1,
            "prefix": "",
            "description": "",
            "tags": "{}",
            "caller": "me",
        }
        call = activations.create(
            activation_id,
            written | fields,
            token=token or activation_id,
            digest="d",
            token_ms=60_000,
            most=most,
            life_ms=3_600_000,
            act=ACT,
        )
        assert ledger.call(call)[0] in {"made", "refused"}
        return activation_id

    return create


@pytest.fixture
def admit(ledger):
    """Ask as a machine; return the answer."""

    def admit(activation_id, public_key="key", *, ledger=ledger, token="", seconds=59, password="sealed", **wishes):
        now = ledger.call(instances.server_time())
        fields = {"hostname": "host", "machine_id": "machine"} | wishes
        request = EnrolmentRequest(
            token=token or ids.new_token(), expires=now + 1_000 * seconds, public_key=public_key, **fields
        )
        return ledger.call(enrolments.admit(activation_id, request, password=password, digest="digest"))

    return admit


def test_a_machine_is_called_as_the_activation_says_or_as_its_host(create, admit):
    ten, thousand, without = create(prefix="web", count=10), create(prefix="db", count=1_000), create()
    assert [admit(ten, key)[1] for key in "abc"] == ["web-01", "web-02", "web-03"]
    assert admit(thousand, "d")[1] == "db-0001"
    assert admit(without, "e", hostname="some.host")[1] == "some.host"
    assert admit(without, "f", name="chosen")[1] == "chosen"
    assert admit(ten, "g", name="web-db")[1] == "web-db"


def test_a_number_that_is_taken_is_left_out(ledger, create, admit):
    first, second = create(prefix="web"), create(prefix="web")
    ledger.call(instances.register(Registration("web-02", "old", "1.0")))
    assert [admit(first, key)[1] for key in "ab"] == ["web-01", "web-03"]
    assert admit(second, "c")[1] == "web-04"


@pytest.mark.parametrize(
    ("fields", "wishes", "cause"),
    [
        ({"count": 0}, {}, Cause.USED_UP),
        ({"verifier": ""}, {"name": "?"}, Cause.NAME_REFUSED),
        ({}, {"hostname": ""}, Cause.NAME_REFUSED),
        ({"prefix": "web"}, {"name": "db-1"}, Cause.NAME_REFUSED),
        ({"prefix": "web"}, {"name": "webber"}, Cause.NAME_REFUSED),
        ({}, {"name": "taken"}, Cause.NAME_TAKEN),
        ({}, {"hostname": "taken"}, Cause.NAME_TAKEN),
    ],
    ids=str,
)
def test_what_an_activation_does_not_allow_is_refused_and_costs_nothing(ledger, create, admit, fields, wishes, cause):
    ledger.call(instances.register(Registration("taken", "old", "1.0")))
    activation_id = create(**fields)
    assert admit(activation_id, **wishes) == ["refused", cause]
    assert ledger.call(activations.read(activation_id)).get("registered") is None
    assert ledger.call(instances.total()) == 1


def test_an_activation_that_is_over_disabled_or_gone_lets_nobody_in(ledger, server, create, admit):
    over, disabled, gone = create(), create(), create()
    server.hset(keys.activation(over), "expires", 1)
    assert ledger.call(activations.disable(disabled, ACT)) == ["disabled"]
    assert ledger.call(activations.delete(gone, ACT)) == ["deleted"]
    assert admit(over) == ["refused", Cause.EXPIRED]
    assert admit(disabled) == ["refused", Cause.DISABLED]
    assert admit(gone) == ["refused", Cause.NO_ACTIVATION]


def test_nothing_can_be_asked_twice_and_nothing_late(create, admit):
    activation_id, token = create(), ids.new_token()
    assert admit(activation_id, token=token)[0] == "admitted"
    assert admit(activation_id, token=token) == ["void", "replayed"]
    assert admit(activation_id, "other", token=token) == ["void", "replayed"]
    assert admit(activation_id, seconds=-1) == ["void", "expired"]
    assert admit(activation_id, seconds=61) == ["void", "expired"]


def test_the_token_is_remembered_for_longer_than_the_request_is_valid(server, create, admit):
    activation_id, token = create(), ids.new_token()
    admit(activation_id, token=token)
    assert server.pttl(topology.enrolled_key(activation_id, token)) > 60_000


def test_the_same_machine_gets_the_same_answer_again_also_from_a_code_that_is_used_up(ledger, create, admit):
    activation_id = create(count=1)
    first = admit(activation_id, password="first")
    again = ["again", *first[1:]]
    assert admit(activation_id, password="second") == again
    assert admit(activation_id, password="second", name="another") == again
    assert admit(activation_id, machine_id="copy") == ["refused", Cause.OTHER_MACHINE]
    assert ledger.call(activations.read(activation_id))["registered"] == "1"
    assert admit(activation_id, "other") == ["refused", Cause.USED_UP]


@pytest.mark.parametrize("prefix", ["web", ""])
def test_ten_machines_cannot_share_three_uses(server_url, ledger, create, admit, prefix):
    activation_id = create(count=3, prefix=prefix)

    def ask(number):
        with Ledger(server_url) as own:
            return admit(activation_id, f"key-{number}", ledger=own, hostname=f"host-{number}")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(10)))
    names = [answer[1] for answer in answers if answer[0] == "admitted"]
    assert len(set(names)) == len(names) == 3
    assert [answer for answer in answers if answer[0] != "admitted"] == [["refused", Cause.USED_UP]] * 7
    assert ledger.call(instances.total()) == 3


def test_who_was_enrolled_is_believed_by_that_key_alone(ledger, server, create, admit):
    """Neither a registration nor whoever may write what is known of instances can put another key in its place."""
    name = admit(create())[1]
    assert not ledger.call(instances.register(Registration(name, "other", "1.0", machine_id="machine")))
    assert not ledger.call(instances.register(Registration(name, "key", "1.0", machine_id="copy")))
    assert ledger.call(instances.register(Registration(name, "key", "1.0", machine_id="machine")))
    server.hset(keys.instance(name), "public_key", "swapped")
    assert ledger.call(instances.read_public_key(name)) == "key"
    assert server.get(topology.owner_key(name)) == "key/machine"


def test_who_is_deregistered_is_gone_and_comes_back_as_another(ledger, server, create, admit):
    activation_id = create(count=2)
    name = admit(activation_id)[1]
    server.set(topology.presence_key(name), "x", px=60_000)
    server.lpush(topology.instance_queue(name), "order")
    server.lpush(topology.control_queue(name), "stop")
    assert ledger.call(enrolments.deregister(name, ACT)) == ["deregistered"]
    assert [key for key in server.scan_iter() if name in key] == []
    assert ledger.call(instances.read_enrolments([name]))[1] == [None]
    assert ledger.call(instances.total()) == 0
    assert not ledger.call(instances.register(Registration(name, "key", "1.0")))
    assert ledger.call(enrolments.deregister(name, ACT))[:2] == ["refused", "InvalidInstance.NotFound"]
    again = admit(activation_id)
    assert again[1:3] == [name, "1"]
    assert ledger.call(instances.read_enrolments([name]))[1][0].epoch == 1
    assert admit(activation_id, "other") == ["refused", Cause.USED_UP]


def test_a_run_that_was_being_planned_says_what_became_of_its_instance(ledger, server, create, admit):
    """Its producer had read how the instance is enrolled before that went."""
    name = admit(create())[1]
    ledger.call(enrolments.deregister(name, ACT))
    run = plan_run(ledger, server, [name])
    assert run.codes == [ErrorCode.INSTANCE_DEREGISTERED]


def test_an_activation_goes_when_none_of_its_instances_is_left(ledger, server, create, admit):
    activation_id = create()
    name = admit(activation_id)[1]
    assert ledger.call(activations.delete(activation_id, ACT)) == ["refused", "InvalidOperation.ActivationInUse", 1]
    ledger.call(enrolments.deregister(name, ACT))
    assert ledger.call(activations.delete(activation_id, ACT)) == ["deleted"]
    lasting = [key for key in server.scan_iter() if activation_id in key and server.ttl(key) < 0]
    assert lasting == []
    assert (server.zcard(keys.ACTIVATIONS), server.zcard(keys.LAPSING)) == (0, 0)


def test_there_are_as_many_activations_as_may_be(ledger, create):
    for _ in range(3):
        create(most=2)
    assert ledger.call(activations.total()) == 2


def test_who_was_brought_in_and_let_go_is_written_down(server, create, admit, ledger):
    activation_id = create(caller="operator@here")
    name = admit(activation_id)[1]
    ledger.call(enrolments.deregister(name, ACT))
    entries = [fields for _, fields in server.xrange(keys.AUDIT_TRAIL)]
    assert (entries[1]["operation"], entries[1]["caller"]) == ("RegisterManagedInstance", "operator@here")
    assert (entries[1]["subject"], entries[1]["instances"]) == (activation_id, name)
    assert len(entries) == 3


def test_tags_come_with_the_activation(ledger, create, admit):
    answer = admit(create(tags=json.dumps({"role": "web"})))
    assert json.loads(answer[5]) == {"role": "web"}
    assert ledger.call(instances.read_tags(answer[1])) == '{"role": "web"}'
