"""Pages: by token, stable while rows arrive, and not to be tampered with."""

import base64
import string

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cloudassist.errors import InvalidParameterError
from cloudassist.operations.listing import MOST_READ
from support.data import table
from support.monitor import monitored

OF_INSTANCES = ("describe_instances", "describe_cloud_assistant_status")
LISTINGS = (
    "describe_commands",
    "describe_invocations",
    "describe_instances",
    "describe_cloud_assistant_status",
    "describe_audit_trail",
)


def pages_of(page):
    """Walk pages by their tokens, as a program without our client would."""
    while True:
        yield page
        if not page.next_token:
            return
        page = page._follow(page.next_token)


def identity(row):
    """Return what tells a row from all others, and does not change."""
    names = ("command_id", "invoke_id", "instance_id", "time", "operation", "subject")
    return [getattr(row, name, None) for name in names]


@pytest.mark.parametrize("row", table("paging"), ids=lambda row: row["what"])
def test_pages_by_token_and_by_number(assistant, row):
    names = [assistant.create_command("true", name=str(number)).name for number in range(row["rows"])][::-1]
    pages = list(pages_of(assistant.describe_commands(max_results=row["size"])))
    expected = [[names[index] for index in page] for page in row["pages"]]
    assert [[command.name for command in page] for page in pages] == expected
    assert {page.total_count for page in pages} == {row["rows"]}
    numbered = [
        assistant.describe_commands(page_number=number, page_size=row["size"]) for number in range(1, len(expected) + 2)
    ]
    assert [[command.name for command in page] for page in numbered] == [*expected, []]
    assert {page.total_count for page in numbered} == {row["rows"]}


def test_sizes_have_a_default_and_the_token_style_wins(assistant):
    for number in range(12):
        assistant.create_command("true", name=str(number))
    assert len(assistant.describe_commands()) == 10
    assert len(assistant.describe_commands(page_size=3)) == 3
    assert len(assistant.describe_commands(page_number=2)) == 2
    page = assistant.describe_commands(max_results=4, page_number=3, page_size=2)
    assert (len(page), bool(page.next_token)) == (4, True)
    assert len(assistant.describe_commands(max_results=50)) == 12


@pytest.mark.parametrize("kind", LISTINGS)
def test_new_rows_do_not_move_the_pages_that_follow(assistant, region, kind):
    def add(number):
        assistant.create_command("true", name=f"n{number}")
        assistant.run_command("true", instance_ids=["web-1"])
        region.register([f"a-{number:02}"])

    for number in range(5):
        add(number)
    describe = getattr(assistant, kind)
    before = list(map(identity, describe(max_results=50).all()))
    seen = []
    for page in pages_of(describe(max_results=2)):
        seen += map(identity, page)
        add(len(seen) + 10)
    # Instances come in the order of their ids: what is new may come, but what was there comes once.
    assert [row for row in seen if row in before] == before
    assert kind in OF_INSTANCES or len(seen) == len(before)


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["add", "delete", "next"]), max_size=30), st.integers(1, 4))
def test_what_stays_is_seen_exactly_once_whatever_happens_meanwhile(assistant, actions, size):
    for command in list(assistant.describe_commands(max_results=50).all()):
        assistant.delete_command(command.command_id)
    stays = [assistant.create_command("true", name="stays").command_id for _ in range(6)]
    goes = [assistant.create_command("true", name="goes").command_id for _ in range(3)]
    page = assistant.describe_commands(max_results=size)
    seen = list(page)
    for action in actions:
        if action == "add":
            assistant.create_command("true", name="new")
        elif action == "delete" and goes:
            assistant.delete_command(goes.pop())
        elif action == "next" and page.next_token:
            page = page._follow(page.next_token)
            seen += page
    while page.next_token:
        page = page._follow(page.next_token)
        seen += page
    assert [command.command_id for command in seen if command.name == "stays"] == stays[::-1]


@pytest.fixture
def token(assistant):
    for number in range(3):
        assistant.create_command("true", name=str(number))
    return assistant.describe_commands(max_results=1).next_token


def test_a_token_is_opaque_and_refuses_tampering(assistant, token):
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [
        token[:-1],
        token + "A",
        token.swapcase(),
        "",
        "not a token",
        "ü",
        "A" * 10_000,
        *(base64.urlsafe_b64encode(data[:-1] + bytes([last])).decode() for last in range(256) if last != data[-1]),
        *(token[:index] + "A" + token[index + 1 :] for index in range(len(token) - 1) if token[index] != "A"),
    ]
    for each in forged:
        if each:
            with pytest.raises(InvalidParameterError) as caught:
                assistant.describe_commands(max_results=1, next_token=each)
            assert caught.value.code == "InvalidParameter.NextToken"


@given(st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=60))
@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_token_can_be_made_up(assistant, made_up):
    with pytest.raises(InvalidParameterError):
        assistant.describe_commands(next_token=made_up)


def test_a_token_is_good_for_its_own_listing_only(assistant, region, token):
    for call in (
        lambda: assistant.describe_commands(name="*", next_token=token),
        lambda: assistant.describe_invocations(next_token=token),
        lambda: assistant.describe_instances(next_token=token),
        lambda: assistant.describe_audit_trail(next_token=token),
    ):
        with pytest.raises(InvalidParameterError):
            call()
    with region.assistant() as other:
        assert [command.name for command in other.describe_commands(max_results=2, next_token=token)] == ["1", "0"]


def test_a_page_of_a_large_run_reads_one_page(region, server_url, server):
    names = [f"i-{number:05}" for number in range(10_000)]
    region.register(names)
    with region.assistant(instances_per_call=10_000) as assistant:
        run = assistant.run_command("true", instance_ids=names)
        first = assistant.describe_invocation_results(run.invoke_id, max_results=50)
        with monitored(server_url) as seen:
            page = first._follow(first.next_token)
        assert [result.instance_id for result in page] == names[50:100]
        assert page.total_count == 10_000
        # The run twice, the key of tokens twice, the length, the page's ids, and two reads per row.
        assert len([command for command in seen if command[0] != "ECHO"]) <= 50 * 2 + 10
        with monitored(server_url) as seen:
            (row,) = assistant.describe_invocations(invoke_id=run.invoke_id)
        assert (row.instance_count, len(row.invoke_instances)) == (10_000, 100)
        assert len(seen) <= 100 + 20
        far = assistant.describe_invocation_results(run.invoke_id, page_number=200, page_size=50)
        assert [result.instance_id for result in far] == names[-50:]


def test_a_filter_that_finds_little_is_answered_in_bounded_pieces(region):
    with region.assistant(kept_commands=3_000) as assistant:
        first = assistant.create_command("true", name="first")
        for _ in range(MOST_READ + 100):
            assistant.create_command("true", name="other")
        page = assistant.describe_commands(name="first")
        assert len(page) == 0
        assert page.next_token
        assert list(page.all()) == [first]
