"""Activations and managed instances by the operations: an enroller does what producers ask."""

import asyncio
import re

import pytest

from cloudassist import AsyncAssistant, ids, limits, topology
from cloudassist.activation import ActivationCode
from cloudassist.duties.enroller import Enroller
from cloudassist.enrolment import EnrolmentRequest
from cloudassist.errors import (
    ConflictError,
    InvalidParameterError,
    LimitExceededError,
    NotFoundError,
    NotSupportedError,
    ServiceUnavailableError,
)
from cloudassist.keyring import KEY_BYTES, encode_key
from cloudassist.keyset import Root
from cloudassist.store import enrolments, instances, keys
from support.region import changed
from support.waiting import wait_until

PUBLIC = encode_key(b"p" * KEY_BYTES)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """An enroller ends after its wait."""
    monkeypatch.setattr("cloudassist.duties.enroller.WAIT_SECONDS", 0.05)


@pytest.fixture
def enroller(region, server):
    """An enroller; the users that it made are removed afterwards, for the server is not this test's alone."""
    enroller = Enroller(region.ledger, changed(region.settings, activations=4), database=0, remote_control=False)
    enroller.start()
    yield enroller
    enroller.stop()
    for name in users(server):
        server.acl_deluser(name)


@pytest.fixture
def enrol(region, server):
    """Enrol a machine as its request would; return the answer's key at the server."""

    def enrol(activation, name="", public_key=PUBLIC):
        code = ActivationCode.parse(activation.activation_code)
        now = region.ledger.call(instances.server_time())
        request = EnrolmentRequest(token=ids.new_token(), expires=now + 30_000, public_key=public_key, name=name)
        server.lpush(topology.ENROLMENTS_QUEUE, request.seal(activation.activation_id, code.key))
        key = topology.enrolled_key(activation.activation_id, request.token)
        return wait_until(lambda: server.get(key), "the answer")

    return enrol


def users(server):
    return [name for name in server.acl_users() if name.startswith(("activation.", "agent."))]


def test_an_activation_is_made_and_its_code_shown_once(assistant, enroller, server, settings):
    made = assistant.create_activation(
        instance_count=3, time_to_live_in_hours=2, instance_name="web", description="the front", tags={"role": "web"}
    )
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", made.activation_id)
    assert ActivationCode.parse(made.activation_code).root == Root.of(settings)
    (found,) = assistant.describe_activations()
    assert found.activation_code == ""
    assert found == made.model_copy(update={"activation_code": ""})
    assert (found.instance_count, found.registered_count, found.disabled) == (3, 0, False)
    assert (found.expiration_time - found.creation_time).total_seconds() == 7_200
    assert (found.caller, found.tags) == ("tester@here", {"role": "web"})
    assert users(server) == [topology.activation_user(made.activation_id)]
    text = str([server.hgetall(key) for key in server.scan_iter("activation:*")]) + str(server.acl_list())
    code = ActivationCode.parse(made.activation_code)
    assert code.password not in text
    assert made.activation_code[2:40] not in text


def test_the_same_token_makes_nothing_new_and_shows_no_code(assistant, enroller):
    first = assistant.create_activation(client_token="once", instance_name="web")
    again = assistant.create_activation(client_token="once", instance_name="web")
    assert (again.activation_id, again.activation_code) == (first.activation_id, "")
    with pytest.raises(ConflictError, match="other arguments"):
        assistant.create_activation(client_token="once", instance_name="db")
    assert len(assistant.describe_activations()) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        ({"instance_count": 0}, LimitExceededError, "InvalidParameter.InstanceCount"),
        ({"instance_count": 1_001}, LimitExceededError, "InvalidParameter.InstanceCount"),
        ({"instance_count": True}, InvalidParameterError, "InvalidParameter.InstanceCount"),
        ({"time_to_live_in_hours": 25}, LimitExceededError, "InvalidParameter.TimeToLiveInHours"),
        ({"time_to_live_in_hours": "4"}, InvalidParameterError, "InvalidParameter.TimeToLiveInHours"),
        ({"instance_name": "w"}, InvalidParameterError, "InvalidParameter.InstanceName"),
        ({"instance_name": "1web"}, InvalidParameterError, "InvalidParameter.InstanceName"),
        ({"instance_name": "we*"}, InvalidParameterError, "InvalidParameter.InstanceName"),
        ({"instance_name": "w" * 51}, InvalidParameterError, "InvalidParameter.InstanceName"),
        ({"description": "d" * 101}, LimitExceededError, "InvalidParameter.Description"),
        ({"tags": {"a": "b,c"}}, InvalidParameterError, "InvalidParameter.Tags"),
        ({"ip_address_range": "10.0.0.0/8"}, NotSupportedError, "InvalidParameter.NotSupported"),
        ({"client_token": "a b"}, InvalidParameterError, "InvalidClientToken.Malformed"),
    ],
    ids=str,
)
def test_arguments_are_checked_before_anything_is_asked(assistant, server, arguments, error, code):
    with pytest.raises(error) as caught:
        assistant.create_activation(**arguments)
    assert caught.value.code == code
    assert server.llen(keys.PETITIONS) == 0


def test_activations_are_found_by_what_is_known_of_them(assistant, enroller):
    web = assistant.create_activation(instance_name="web", tags={"role": "web"})
    db = assistant.create_activation(instance_name="db")
    assert [each.activation_id for each in assistant.describe_activations()] == [db.activation_id, web.activation_id]
    for filters in ({"instance_name": "w*"}, {"tags": {"role": "web"}}, {"activation_id": web.activation_id}):
        assert [each.activation_id for each in assistant.describe_activations(**filters)] == [web.activation_id]
    page = assistant.describe_activations(max_results=1)
    assert (len(page), page.total_count, len(list(page.all()))) == (1, 2, 2)


def test_an_activation_is_disabled_and_deleted(assistant, enroller, server, enrol):
    used, unused = assistant.create_activation(), assistant.create_activation()
    enrol(used, "web-9")
    assert assistant.disable_activation(used.activation_id).disabled
    assert '"refused": "InvalidActivation.Disabled"' in enrol(used, "web-8")
    with pytest.raises(ConflictError) as caught:
        assistant.delete_activation(used.activation_id)
    assert caught.value.code == "InvalidOperation.ActivationInUse"
    assert assistant.delete_activation(unused.activation_id).activation_id == unused.activation_id
    assert topology.activation_user(unused.activation_id) not in users(server)
    for missing in (unused.activation_id, "nothing", 5):
        for operation in (assistant.disable_activation, assistant.delete_activation):
            with pytest.raises(NotFoundError):
                operation(missing)


def test_managed_instances_are_those_that_were_enrolled(assistant, enroller, enrol):
    activation = assistant.create_activation()
    enrol(activation, "new-1")
    assert [each.instance_id for each in assistant.describe_instances()] == ["new-1", "web-1", "web-2"]
    (found,) = assistant.describe_managed_instances()
    assert (found.instance_id, found.instance_name, found.online) == ("new-1", "new-1", False)
    assert found.activation_id == activation.activation_id
    named = assistant.modify_managed_instance("new-1", instance_name="Front door")
    assert (named.instance_id, named.instance_name) == ("new-1", "Front door")
    assert [each.instance_name for each in assistant.describe_instances(instance_name="new*")] == ["Front door"]
    assert len(assistant.describe_instances(instance_name="Front*")) == 0
    for filters, count in (
        ({"instance_name": "Front*"}, 1),
        ({"instance_name": "new-1"}, 0),
        ({"activation_id": activation.activation_id}, 1),
        ({"activation_id": "other"}, 0),
        ({"connected": True}, 0),
        ({"instance_ids": ["new-1", "web-1"]}, 1),
        ({"machine_id": "other"}, 0),
    ):
        assert len(assistant.describe_managed_instances(**filters)) == count, filters


@pytest.mark.parametrize("name", ["", "x", "1st", "n" * 129, "a\nb", "http://x", 5])
def test_a_name_is_one_that_people_can_read(assistant, name):
    with pytest.raises(InvalidParameterError):
        assistant.modify_managed_instance("web-1", instance_name=name)


def test_what_an_instance_had_in_hand_fails_when_it_is_deregistered(assistant, enroller, region, recurring):
    started = assistant.run_command("true", instance_ids=["web-1", "web-2"])
    waiting = assistant.run_command("true", instance_ids=["web-1"], deliver_within=60)
    region.start(started.invoke_id, "web-1")
    schedule = recurring()
    gone = assistant.deregister_managed_instance("web-1")
    assert (gone.instance_id, gone.active_task_count) == ("web-1", 2)
    (result, _) = started.results()
    assert (result.status, result.error_code, result.detail_status) == ("Failed", "InstanceDeregistered", "Error")
    (result,) = waiting.wait(5).results()
    assert (result.error_code, result.detail_status) == ("InstanceDeregistered", "Aborted")
    assert {status: count for status, count in schedule.refresh().counts.items() if count} == {
        "Running": 1,
        "Stopped": 1,
    }
    with pytest.raises(NotFoundError):
        assistant.run_command("true", instance_ids=["web-1"])
    with pytest.raises(NotFoundError):
        assistant.deregister_managed_instance("web-1")


def test_without_a_worker_of_that_role_the_caller_is_told(assistant, monkeypatch):
    monkeypatch.setattr(limits, "PETITION_SECONDS", 0.2)
    with pytest.raises(ServiceUnavailableError, match="is a worker of the role enrol running"):
        assistant.create_activation()


def test_there_are_as_many_as_may_be(assistant, enroller):
    for _ in range(4):
        assistant.create_activation()
    with pytest.raises(LimitExceededError) as caught:
        assistant.create_activation()
    assert caught.value.code == "ActivationCount.ExceedQuota"


def test_what_lapsed_long_ago_has_no_user_any_more(assistant, region, server):
    enroller = Enroller(region.ledger, region.settings, database=0, remote_control=False)
    enroller.start()
    made = assistant.create_activation()
    enroller.stop()
    server.zadd(keys.LAPSING, {made.activation_id: 1})
    enroller._next_look = 0
    enroller.turn()
    assert users(server) == []
    assert server.zcard(keys.LAPSING) == 0


def test_what_is_no_request_is_put_aside_and_stops_nothing(assistant, enroller, server):
    server.lpush(topology.ENROLMENTS_QUEUE, "rubbish", '["a", "b", "c"]')
    server.lpush(keys.PETITIONS, "rubbish", "[]")
    assistant.create_activation()
    wait_until(lambda: server.llen(topology.ENROLMENTS_QUEUE) == 0, "the requests to be taken")
    counts = wait_until(lambda: server.hgetall(keys.REJECTED_COUNTS), "them to be put aside")
    assert {reason.partition("-")[0] for reason in counts} == {"enrol"}


def test_a_key_that_nothing_can_be_sealed_to_is_put_aside(assistant, enroller, server, enrol):
    """It would otherwise hold up whoever comes after."""
    made = assistant.create_activation()
    code = ActivationCode.parse(made.activation_code)
    bad = EnrolmentRequest(token=ids.new_token(), expires=2**52, public_key="A" * 43)
    server.lpush(topology.ENROLMENTS_QUEUE, bad.seal(made.activation_id, code.key))
    enrol(made, "new-1")
    assert server.hget(keys.REJECTED_COUNTS, "enrol-bad-key") == "1"


def test_too_many_requests_are_dropped(region, server, monkeypatch):
    monkeypatch.setattr(limits, "ENROLMENTS_WAITING", 3)
    server.lpush(topology.ENROLMENTS_QUEUE, *"abcdefg")
    region.ledger.call(enrolments.drop_newest())
    assert server.lrange(topology.ENROLMENTS_QUEUE, 0, -1) == ["c", "b", "a"]


def test_the_asynchronous_client_has_them_all(settings, region, enroller, enrol):
    async def session():
        async with AsyncAssistant(settings=settings) as assistant:
            made = await assistant.create_activation(instance_name="web")
            await asyncio.to_thread(enrol, made)
            (found,) = await assistant.describe_managed_instances()
            await assistant.modify_managed_instance(found.instance_id, instance_name="Front door")
            gone = await assistant.deregister_managed_instance(found.instance_id)
            await assistant.disable_activation(made.activation_id)
            (last,) = await assistant.describe_activations()
            await assistant.delete_activation(made.activation_id)
            return gone, last

    gone, last = asyncio.run(session())
    assert (gone.instance_id, gone.instance_name) == ("web-01", "Front door")
    assert (last.registered_count, last.deregistered_count, last.disabled) == (1, 1, True)
