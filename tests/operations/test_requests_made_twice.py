"""ClientToken: the same request twice is one; and producers that collide. On a real server, from many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudassist.errors import CloudAssistError, ConflictError, LimitExceededError, NotFoundError

PRODUCERS = 8


def at_once(region, action, count=PRODUCERS, **settings):
    """Have so many producers do something at the same moment; return what each got, an error included."""
    barrier = threading.Barrier(count)

    def act(number):
        with region.assistant(**settings) as assistant:
            assistant.describe_commands()
            barrier.wait()
            try:
                return action(assistant, number)
            except CloudAssistError as error:
                return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def errors(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, CloudAssistError)]


def test_a_command_is_made_once(assistant, region):
    def make(assistant, _):
        return assistant.create_command("true", name="one", client_token="token-1")

    made = at_once(region, make)
    assert len({command.command_id for command in made}) == 1
    assert assistant.describe_commands().total_count == 1
    assert make(assistant, 0) == made[0]


def test_a_clone_is_made_once(assistant):
    source = assistant.create_command("true", name="one")
    first, second = (assistant.clone_command(source.command_id, timeout=20, client_token="t") for _ in range(2))
    assert first == second
    with pytest.raises(ConflictError):
        assistant.clone_command(source.command_id, timeout=30, client_token="t")


@pytest.mark.matrix("F1")
@pytest.mark.parametrize("keep", [False, True])
def test_a_run_is_begun_once(assistant, region, server, keep):
    def run(assistant, _):
        return assistant.run_command(
            "true", instance_ids=["web-1"], keep_command=keep, name="n", client_token="token-1"
        )

    runs = at_once(region, run)
    assert len({(each.invoke_id, each.command_id) for each in runs}) == 1
    assert server.llen("instance.web-1") == 1
    assert assistant.describe_commands().total_count == int(keep)
    region.end(runs[0].invoke_id, "web-1")
    assert run(assistant, 0).invoke_id == runs[0].invoke_id
    assert assistant.describe_invocations().total_count == 1


def test_an_invoke_is_begun_once(assistant, region):
    command = assistant.create_command("true", name="n")

    def invoke(assistant, _):
        return assistant.invoke_command(command.command_id, instance_ids=["web-1"], client_token="token-1")

    assert len({each.invoke_id for each in at_once(region, invoke)}) == 1
    assistant.modify_command(command.command_id, name="renamed")
    assert invoke(assistant, 0).command_id == command.command_id
    assert assistant.describe_commands()[0].invoke_times == 1


def test_other_arguments_under_the_same_token_are_a_mistake(assistant):
    command = assistant.create_command("true", name="n", client_token="t")
    assistant.run_command("true", instance_ids=["web-1"], client_token="u")
    for call in (
        lambda: assistant.create_command("false", name="n", client_token="t"),
        lambda: assistant.create_command("true", name="n", client_token="u"),
        lambda: assistant.run_command("true", instance_ids=["web-2"], client_token="u"),
        lambda: assistant.run_command("true", resource_tags={"a": "b"}, client_token="t"),
        lambda: assistant.invoke_command(command.command_id, instance_ids=["web-1"], client_token="u"),
    ):
        with pytest.raises((ConflictError, NotFoundError)) as caught:
            call()
        assert caught.value.code in {"IdempotentParameterMismatch", "InvalidResourceTag.InstanceNotFound"}


def test_a_token_is_remembered_for_a_day(assistant, server):
    assistant.run_command("true", instance_ids=["web-1"], client_token="mine")
    assert 86_000 < server.ttl("token:mine") <= 86_400


def test_a_token_of_a_command_that_was_deleted_makes_no_other(assistant):
    command = assistant.create_command("true", name="n", client_token="t")
    assistant.delete_command(command.command_id)
    with pytest.raises(NotFoundError) as caught:
        assistant.create_command("true", name="n", client_token="t")
    assert command.command_id in caught.value.message


def test_the_quota_of_commands_holds_between_producers(assistant, region):
    def make(assistant, number):
        return [_try(assistant.create_command, f"echo {number}", name=f"{number}-{n}") for n in range(5)]

    outcomes = [one for many in at_once(region, make, kept_commands=7) for one in many]
    refused = errors(outcomes)
    assert len(outcomes) - len(refused) == 7
    assert {error.code for error in refused} == {"CmdCount.ExceedQuota"}
    assert all(isinstance(error, LimitExceededError) for error in refused)
    assert assistant.describe_commands().total_count == 7


def test_the_quota_of_a_day_holds_between_producers(assistant, region):
    def run(assistant, _):
        return [_try(assistant.run_command, "true", instance_ids=["web-1"]) for _ in range(5)]

    outcomes = [one for many in at_once(region, run, calls_per_day=11) for one in many]
    assert len(outcomes) - len(errors(outcomes)) == 11
    assert assistant.describe_invocations().total_count == 11


def test_a_command_is_either_run_or_deleted(assistant, region):
    """Whoever comes first decides: what is deleted is not run, what runs is not deleted."""
    seen = set()
    for _ in range(30):
        command = assistant.create_command("true", name="n")

        def act(assistant, number, command_id=command.command_id):
            if number:
                return assistant.delete_command(command_id)
            return assistant.invoke_command(command_id, instance_ids=["web-1"])

        invoked, deleted = at_once(region, act, count=2)
        assert isinstance(invoked, NotFoundError) != isinstance(deleted, ConflictError)
        seen.add(deleted is None)
        if deleted is not None:
            region.end(invoked.invoke_id, "web-1")
            assistant.delete_command(command.command_id)
    assert assistant.describe_commands().total_count == 0
    assert seen  # which of them happens is a matter of chance


def _try(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except CloudAssistError as error:
        return error
