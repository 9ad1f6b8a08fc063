"""Where a run goes: by ids, by tags."""

import pytest

from cloudassist.errors import InvalidParameterError, LimitExceededError, NotFoundError


@pytest.fixture
def tagged(region):
    region.register(["db-1", "db-2"], {"role": "db", "zone": "a"})
    region.register(["db-3"], {"role": "db", "zone": "b"})
    region.register(["odd-1"], {"role": "d[b]*", "empty": "", "ü": "ö=ä"})
    return region


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ({"role": "db"}, ["db-1", "db-2", "db-3"]),
        ({"role": "db", "zone": "a"}, ["db-1", "db-2"]),
        ({"zone": "b"}, ["db-3"]),
        ({"empty": ""}, ["odd-1"]),
        ({"role": "d[b]*"}, ["odd-1"]),
        ({"ü": "ö=ä"}, ["odd-1"]),
    ],
)
def test_instances_are_chosen_by_all_of_the_tags(assistant, tagged, tags, names):
    run = assistant.run_command("true", resource_tags=tags)
    assert [result.instance_id for result in run.results()] == names


@pytest.mark.parametrize("tags", [{"role": "web"}, {"role": "db", "zone": "c"}, {"none": ""}, {"role": ""}])
def test_tags_that_nobody_carries_are_an_error(assistant, tagged, tags):
    with pytest.raises(NotFoundError) as caught:
        assistant.run_command("true", resource_tags=tags)
    assert (caught.value.code, caught.value.status) == ("InvalidResourceTag.InstanceNotFound", 400)


def test_tags_must_not_match_more_than_a_call_may_name(tagged):
    with tagged.assistant(instances_per_call=2) as assistant, pytest.raises(LimitExceededError) as caught:
        assistant.run_command("true", resource_tags={"role": "db"})
    assert caught.value.code == "InstanceIds.ExceedLimit"
    assert "match 3 instances; the limit is 2" in caught.value.message


def test_an_instance_that_changes_its_tags_is_found_by_the_new_ones(assistant, tagged):
    tagged.register(["db-3"], {"role": "cache"})
    run = assistant.run_command("true", resource_tags={"role": "db"})
    assert [result.instance_id for result in run.results()] == ["db-1", "db-2"]


def test_an_offline_instance_is_chosen_too_and_fails_at_once(assistant, tagged):
    tagged.register(["off-1"], {"zone": "b"}, online=False)
    run = assistant.run_command("true", resource_tags={"zone": "b"})
    assert {result.instance_id: result.error_code for result in run.results()} == {
        "db-3": "",
        "off-1": "ClientNotRunning",
    }


def test_a_kept_command_is_run_by_tags(assistant, tagged):
    command = assistant.create_command("true", name="n")
    run = assistant.invoke_command(command.command_id, resource_tags={"zone": "b"})
    assert [result.instance_id for result in run.results()] == ["db-3"]
    with pytest.raises(InvalidParameterError):
        assistant.invoke_command(command.command_id, resource_tags={"zone": "b"}, instance_ids=["web-1"])


def test_a_thousand_and_more_instances_are_looked_through(assistant, tagged):
    tagged.register([f"many-{number:04}" for number in range(1_100)])
    tagged.register(["zz-1"], {"last": "yes"})
    run = assistant.run_command("true", resource_tags={"last": "yes"})
    assert [result.instance_id for result in run.results()] == ["zz-1"]
