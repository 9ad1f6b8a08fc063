import inspect
import re

from cloudassist import limits
from cloudassist.enrolment import EnrolmentRequest
from cloudassist.error_code import ErrorCode
from cloudassist.messages import ClientState, ClientStatus, Registration, Report
from cloudassist.settings import Settings
from cloudassist.status import MOVES, InvocationStatus
from cloudassist.store import (
    activations,
    books,
    commands,
    enrolments,
    instances,
    invocations,
    library,
    reports,
    retention,
    schedules,
    sweeps,
)
from cloudassist.store.audit import Act
from cloudassist.store.invocations import PLAN_CHUNK, READ_CHUNK, STOP_CHUNK, Beginning, Lifetimes
from cloudassist.store.schedules import Claim, What

RECORD = "t-1.web-1"
LIFETIMES = Lifetimes.of(Settings(), 60)
NAMES = [f"i-{number}" for number in range(2)]
ACT = Act(caller="me", operation="RunCommand")
BEGINNING = Beginning(
    invoke_id="t-1",
    command_id="c-1",
    token="token",
    digest="digest",
    payload_key="payload:x",
    payload=b"",
    fields={"a": 1},
    command=None,
    day="2026-01-01",
    act=ACT,
)
REQUEST = EnrolmentRequest(token="0" * 32, expires=1, public_key="key")
CALLS = {
    "create_activation": activations.create(
        "A", {"a": 1}, token="t", digest="d", token_ms=1, most=1, life_ms=1, act=ACT.encode()
    ),
    "disable_activation": activations.disable("A", ACT.encode()),
    "delete_activation": activations.delete("A", ACT.encode()),
    "admit_instance": enrolments.admit("A", REQUEST, password="p", digest="d"),
    "deregister_instance": enrolments.deregister("web-1", ACT.encode()),
    "modify_instance": enrolments.modify("web-1", "name", ACT.encode()),
    "read_public_key": instances.read_public_key("web-1"),
    "create_command": commands.create("c-1", {"a": 1}, token="t", digest="d", token_ms=1, most=1, act=ACT),
    "modify_command": commands.modify("c-1", {"a": 1}, ACT),
    "delete_command": commands.delete("c-1", ACT),
    "note_heartbeats": instances.note_heartbeats(NAMES),
    "list_retired": retention.list_retired(1, 1, 1, 1),
    "read_enrolments": instances.read_enrolments(NAMES),
    "register_instance": instances.register(Registration("web-1", "key", "1")),
    "note_client": instances.note_client(ClientStatus("web-1", ClientState.RUNNING)),
    "begin_invocation": invocations.begin(BEGINNING, Settings(), LIFETIMES),
    "plan_records": invocations.plan("t-1", "c-1", NAMES, last=True, lifetimes=LIFETIMES, check_ms=1, open_limit=60),
    "stop_records": invocations.stop(
        "t-1", [f"t-1.{name}" for name in NAMES], lifetimes=LIFETIMES, check_ms=1, caller="me"
    ),
    "apply_reports": reports.apply(
        [Report("web-1", RECORD, 1, InvocationStatus.FINISHED, exit_code=0)] * 2, retention_ms=1, watch_ms=1
    ),
    "add_schedule": schedules.add("t-1", "c-1", NAMES, last=True, lifetimes=LIFETIMES, due=1),
    "list_schedules": schedules.list_due(1, 1),
    "claim_occurrences": schedules.claim([Claim("t-1", 1, 1, None, 0, What.RUN)], 1),
    "forget_invocation": retention.forget_invocation("t-1"),
    "forget_run": retention.forget_run("t-1@1"),
    "retire_runs": retention.retire_runs("t-1", 1, 1),
    "take_claimed": schedules.take_claimed(1, 1),
    "plan_occurrence": schedules.plan("t-1@1", NAMES, ("payload:x", b""), {"a": 1}, Settings(), LIFETIMES, last=True),
    "stop_schedule": schedules.stop("t-1", NAMES, LIFETIMES, all_=True),
    "take_reports": reports.take("me", 0),
    "adopt_reports": reports.adopt("dead", "me", 1),
    "retire_reports": reports.retire("me", 1, 1),
    "observe_due": sweeps.observe_due(1, 1),
    "mend_counts": books.mend_counts("t-1", [("n.Running", 1, 0), ("n.Failed", 0, 1)], 1),
    "mend_record": books.place(RECORD, mend=True),
    "expire_record": sweeps.expire(RECORD, 1, 1),
    "fail_record": sweeps.fail(RECORD, ErrorCode.CLIENT_NOT_RESPONSE, 1),
}


def declared(name, what):
    """Return (fixed, repeated) counts of what a function's head declares."""
    found = re.search(rf"^-- {what}:(.*(?:\n--  .*)*)$", library.files()[name], re.MULTILINE).group(1)
    line = found.replace("--", "")
    repeated = re.search(r"\(([^)]*)\)\*", line)
    fixed = line.replace(repeated.group(0), "") if repeated else line
    return len(fixed.split()), len(repeated.group(1).split()) if repeated else 0


def fits(count, fixed, repeated):
    return count == fixed if repeated == 0 else count >= fixed and (count - fixed) % repeated == 0


def test_every_function_has_one_callable_with_the_keys_and_arguments_of_its_head():
    assert sorted(CALLS) == library.function_names()
    for name, call in CALLS.items():
        command, function, count, *rest = call.words
        assert command == "FCALL"
        assert function.startswith(f"{name}_")
        assert fits(count, *declared(name, "KEYS")), name
        assert fits(len(rest) - count, *declared(name, "ARGV")), name


def test_every_head_says_what_it_returns():
    for name in library.function_names():
        assert re.search(r"^-- Returns: .+", library.files()[name], re.MULTILINE), name
        assert f"local function {name}(keys, args)" in library.files()[name]


def test_no_call_touches_more_keys_than_the_limit():
    many = [f"i-{number}" for number in range(PLAN_CHUNK)]
    plan = invocations.plan("t-1", "c-1", many, last=True, lifetimes=LIFETIMES, check_ms=1, open_limit=60)
    assert plan.words[2] <= limits.KEYS_PER_CALL
    records = [f"t-1.{name}" for name in many[:STOP_CHUNK]]
    stop = invocations.stop("t-1", records, lifetimes=LIFETIMES, check_ms=1, caller="me")
    assert stop.words[2] <= limits.KEYS_PER_CALL
    assert READ_CHUNK <= limits.KEYS_PER_CALL


def test_no_status_word_stands_in_a_lua_file():
    words = {status.value for status in InvocationStatus} | {code.value for code in ErrorCode}
    for name, text in library.files().items():
        code = re.sub(r"--.*", "", text)
        assert not re.findall(r"['\"](" + "|".join(words) + r")['\"]", code), name


def test_the_moves_are_written_into_the_library():
    source = library.source()
    for start, ends in MOVES.items():
        listed = ", ".join(f"['{end}'] = true" for end in sorted(ends))
        assert f"['{start}'] = {{{listed}}}" in source


def test_the_name_changes_with_the_text():
    first = library.source().splitlines()[0]
    assert re.fullmatch(r"#!lua name=cloudassist_\d+_[0-9a-f]{8}", first)
    assert inspect.getsource(library).count("_digest()") >= 3
