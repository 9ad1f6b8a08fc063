"""One command on several instances, end to end, with scripts that people really use."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudassist import InvocationStatus, InvokeStatus
from cloudassist.errors import ConflictError, NotFoundError, WaitTimeoutError
from cloudassist.store import invocations
from cloudassist.store.ledger import Ledger

pytestmark = pytest.mark.system

DEPLOY = """\
#!/bin/bash
# Wie man es so schreibt: mit Umlauten, Pipes und einem Here-Document.
set -euo pipefail

release="{{release}}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/config.ini" <<EOF
[app]
release = $release
greeting = grüß Gott, 你好, 👋
EOF

for name in alpha beta gamma; do
    printf '%s\\t%d\\n' "$name" "${#name}"
done | sort -k2 -n | tee "$work/list" | awk '{ total += $2 } END { print "total", total }'
grep -c . "$work/list"
sed -n 's/^greeting = //p' "$work/config.ini"
[[ "$release" == "2.0 \\"final\\"" ]] && echo "release ok"
"""


def only(invocation):
    (result,) = invocation.wait(timeout=30).results()
    return result


def test_a_real_bash_script_with_everything_in_it(assistant, stack):
    invocation = assistant.run_command(
        DEPLOY, instance_ids=stack.instance_ids, parameters={"release": '2.0 \\"final\\"'}, name="deploy"
    )
    assert invocation.wait(timeout=30).status is InvokeStatus.FINISHED
    for result in invocation.results():
        assert result.output == "total 14\n3\ngrüß Gott, 你好, 👋\nrelease ok\n"
        assert (result.status, result.exit_code) == (InvocationStatus.FINISHED, 0)
        assert result.creation_time <= result.start_time <= result.finish_time
        assert result.record_id == f"{invocation.invoke_id}.{result.instance_id}"


def test_a_script_that_writes_a_megabyte(assistant):
    result = only(assistant.run_command("seq -w 0 131071; echo end", instance_ids=["web-1"]))
    assert len(result.output_bytes) == 24 * 1024
    assert result.dropped == 131_072 * 7 + 4 - 24 * 1024
    assert result.output.startswith("000000\n000001\n")
    assert result.output.endswith("131071\nend\n")


def test_a_script_that_exits_3(assistant):
    result = only(assistant.run_command("echo no; exit 3", instance_ids=["web-1"]))
    assert (result.status, result.exit_code, result.output) == (InvocationStatus.FINISHED, 3, "no\n")


def test_a_script_with_a_syntax_error(assistant):
    result = only(assistant.run_command("if true; then\necho", instance_ids=["web-1"]))
    assert result.status is InvocationStatus.FINISHED
    assert result.exit_code == 2
    assert "yntax error" in result.output


def test_python_through_a_shebang(assistant):
    result = only(assistant.run_command("#!/usr/bin/env python3\nprint(6 * 7)", instance_ids=["web-1"]))
    assert result.output == "42\n"


def test_a_script_that_cannot_run_is_failed(assistant):
    invocation = assistant.run_command("pwd", instance_ids=["web-1", "web-2"], working_dir="/no/such/folder")
    assert invocation.wait(timeout=30).status is InvokeStatus.FAILED
    for result in invocation.results():
        assert (result.status, result.error_code) == (InvocationStatus.FAILED, "DirectoryNotExists")
        assert "/no/such/folder" in result.error_info
        assert result.exit_code is None
        assert result.start_time is None


def test_progress_is_followed_to_the_end(assistant, stack):
    invocation = assistant.run_command("sleep 0.5", instance_ids=stack.instance_ids)
    seen = list(invocation.follow(timeout=30))
    assert seen[0].counts[InvocationStatus.RUNNING] == 3
    assert seen[-1].ended
    assert seen[-1].counts[InvocationStatus.FINISHED] == 3
    assert all(progress.total == 3 for progress in seen)
    assert len(seen) == len({tuple(progress.counts.items()) for progress in seen})


def test_many_wait_for_one_run_and_all_are_told(assistant, stack):
    invocation = assistant.run_command("sleep 1", instance_ids=["web-1"])

    def wait_elsewhere(_):
        with stack.assistant() as other:
            status = other.invocation(invocation.invoke_id).wait(timeout=20).status
        return status, time.monotonic()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(wait_elsewhere, range(8)))
    assert {status for status, _ in told} == {InvokeStatus.FINISHED}
    moments = [moment for _, moment in told]
    assert max(moments) - min(moments) < 1.5


def test_waiting_after_the_end_returns_at_once(assistant):
    invocation = assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    begun = time.monotonic()
    assert assistant.invocation(invocation.invoke_id).wait(timeout=20).status is InvokeStatus.FINISHED
    assert time.monotonic() - begun < 1


def test_waiting_has_a_limit(assistant):
    invocation = assistant.run_command("sleep 30", instance_ids=["web-1"])
    with pytest.raises(WaitTimeoutError) as caught:
        invocation.wait(timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    assert invocation.invoke_id in caught.value.message
    assert invocation.status is InvokeStatus.RUNNING
    invocation.stop()
    invocation.wait(timeout=20)


@pytest.mark.matrix("F15")
def test_a_lost_notice_is_made_up_for(assistant, stack, monkeypatch):
    """The notice is swallowed on the way; the waiter looks for itself within two seconds."""
    invocation = assistant.run_command("sleep 0.3", instance_ids=["web-1"])
    with stack.assistant() as deaf:
        handle = deaf.invocation(invocation.invoke_id)
        monkeypatch.setattr(
            "cloudassist.store.ledger.Listener._hear", lambda _self, seconds: bool(threading.Event().wait(seconds))
        )
        begun = time.monotonic()
        assert handle.wait(timeout=20).status is InvokeStatus.FINISHED
        assert time.monotonic() - begun < 4


@pytest.mark.matrix("F15")
def test_a_notice_of_nothing_ends_no_wait(assistant, stack):
    invocation = assistant.run_command("sleep 30", instance_ids=["web-1"])
    ended = threading.Event()

    def notify():
        with Ledger(stack.url) as ledger:
            while not ended.wait(0.01):
                ledger.call(invocations.notice(invocation.invoke_id))

    notifier = threading.Thread(target=notify)
    notifier.start()
    try:
        with pytest.raises(WaitTimeoutError):
            invocation.wait(timeout=0.3)
    finally:
        ended.set()
        notifier.join(10)
    assert invocation.status is InvokeStatus.RUNNING
    invocation.stop()
    assert invocation.wait(timeout=20).status is InvokeStatus.STOPPED


def test_the_same_token_starts_nothing_twice(assistant, stack, tmp_path):
    script = f"echo $CLOUDASSIST_RECORD_ID >> {tmp_path}/runs; sleep 0.2"

    def call(_):
        with stack.assistant() as other:
            return other.run_command(script, instance_ids=["web-1"], client_token=f"token-{tmp_path.name}")

    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(call, range(5)))
    assert len({run.invoke_id for run in runs}) == 1
    assert len({run.command_id for run in runs}) == 1
    assistant.invocation(runs[0].invoke_id).wait(timeout=20)
    again = call(0)
    assert again.invoke_id == runs[0].invoke_id
    assert (tmp_path / "runs").read_text().count("\n") == 1
    with pytest.raises(ConflictError) as caught:
        assistant.run_command("other", instance_ids=["web-1"], client_token=f"token-{tmp_path.name}")
    assert caught.value.code == "IdempotentParameterMismatch"


def test_an_unknown_instance_is_refused_by_name_and_nothing_is_started(assistant, tmp_path):
    with pytest.raises(NotFoundError) as caught:
        assistant.run_command(f"touch {tmp_path}/ran", instance_ids=["web-1", "nobody-1", "nobody-2"])
    assert caught.value.code == "InvalidInstance.NotFound"
    assert caught.value.status == 404
    assert "nobody-1, nobody-2" in caught.value.message
    assert "web-1" not in caught.value.message
    assistant.run_command("true", instance_ids=["web-1"]).wait(timeout=20)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("invoke_id", ["t-0000000000000000", "", "x"])
def test_an_unknown_run_is_an_error(assistant, invoke_id):
    for call in (assistant.invocation, assistant.stop_invocation, assistant.describe_invocation_results):
        with pytest.raises(NotFoundError) as caught:
            call(invoke_id)
        assert caught.value.code == "InvalidInvokeId.NotFound"


def test_results_come_in_pages(assistant, stack):
    invocation = assistant.run_command("true", instance_ids=stack.instance_ids).wait(timeout=20)
    page = assistant.describe_invocation_results(invocation.invoke_id, max_results=2)
    assert [result.instance_id for result in page] == ["web-1", "web-2"]
    assert (page.total_count, bool(page.next_token)) == (3, True)
    assert [result.instance_id for result in page.all()] == stack.instance_ids
    last = assistant.describe_invocation_results(invocation.invoke_id, max_results=2, next_token=page.next_token)
    assert [result.instance_id for result in last] == ["web-3"]
    assert last.next_token == ""


def test_instances_come_in_pages(assistant, stack):
    page = assistant.describe_instances(max_results=2)
    assert [instance.instance_id for instance in page] == ["web-1", "web-2"]
    assert page.total_count == 3
    assert [instance.instance_id for instance in page.all()] == stack.instance_ids
    assert [instance.instance_id for instance in assistant.describe_instances(["web-3", "nobody"])] == ["web-3"]


def test_the_api_json_has_the_api_names(assistant):
    result = only(assistant.run_command("echo ok", instance_ids=["web-1"]))
    document = result.model_dump(by_alias=True)
    assert document["InvokeRecordStatus"] == "Finished"
    assert document["InvocationStatus"] == "Success"
    assert document["Output"] == "ok\n"
    assert document["FinishedTime"] == document["FinishTime"]
    assert document["StartTime"].endswith("Z")
    assert document["StopTime"] == ""
