"""The value of a secret parameter is nowhere but where it is needed, which is in its script."""

import getpass
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.store import keys
from support.monitor import monitored
from support.servers import cut
from support.stacks import FAST, by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120), pytest.mark.matrix("I9")]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run scripts as somebody else")
SECRET = "S3CRET-Qx7-VALUE"
NAMES = ["web-1", "web-2"]
CELERY = [str(Path(sys.executable).parent / "celery"), "-A", "cloudassist"]


@pytest.fixture(scope="module")
def scripts():
    """Where the scripts' folders are: all users can reach it, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def stack(scripts):
    own = {"CLOUDASSIST_EXECUTION_PATH": str(scripts), "CLOUDASSIST_KEEP_SCRIPT_FILE": "yes"}
    with LocalStack(instances=NAMES, environment=FAST | own) as stack:
        yield stack


@pytest.fixture
def assistant(stack):
    with stack.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(stack):
    with redis.Redis.from_url(stack.url) as client:
        yield client


def script(folder, then="true"):
    """Return a script that proves on the disk that it got the value, and says it in several ways."""
    return f"printf %s '{{{{password}}}}' > {folder}/$CLOUDASSIST_RECORD_ID; echo it is '{{{{password}}}}'.; {then}"


def everything_on(server):
    """Return all that a server holds, as bytes."""
    reads = {
        b"string": server.get, b"hash": server.hgetall, b"list": lambda key: server.lrange(key, 0, -1),
        b"set": server.smembers, b"zset": lambda key: server.zrange(key, 0, -1, withscores=True),
        b"stream": server.xrange,
    }  # fmt: skip
    return repr([(key, reads[server.type(key)](key)) for key in server.scan_iter()])


def processes(stack):
    """Return the command lines and environments of all processes of a stack and of what they have started."""
    found = b""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            if str(stack.data_dir).encode() in environment or b"CLOUDASSIST_RECORD_ID" in environment:
                found += environment + (entry / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def events_of(stack, seen, end):
    """Collect all that is published on the server's channels."""
    with redis.Redis.from_url(stack.url) as client, client.pubsub() as pubsub:
        pubsub.psubscribe("*")
        while not end.is_set():
            seen.append(repr(pubsub.get_message(timeout=0.05)))


def test_the_value_is_nowhere_but_in_its_script(stack, assistant, server, tmp_path):
    seen: list[str] = []
    end = threading.Event()
    listener = threading.Thread(target=events_of, args=(stack, seen, end))
    listener.start()
    with monitored(stack.url) as commands:
        run = assistant.run_command(
            script(tmp_path, f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; exit 3"),
            instance_ids=NAMES,
            parameters={"password": SECRET},
        )
        wait_until(lambda: len(list(tmp_path.iterdir())) == len(NAMES), "the scripts to have begun")
        wait_until(lambda: "****" in by_instance(run)["web-1"].output, "the live output")
        while_it_runs = processes(stack).decode(errors="replace") + everything_on(server)
        inspected = "".join(
            subprocess.run(
                [*CELERY, "-b", stack.url, "inspect", *words], capture_output=True, text=True, check=False
            ).stdout
            for words in (["active"], ["query_task", f"{run.invoke_id}.web-1"])
        )
        (tmp_path / "go").touch()
        run.wait(20)
    end.set()
    listener.join(10)
    for name in NAMES:
        assert (tmp_path / f"{run.invoke_id}.{name}").read_text() == SECRET
    assert {result.output for result in run.results()} == {"it is ****.\n"}
    assert f"{run.invoke_id}.web-1" in inspected
    shown = [repr(row) for row in (*assistant.describe_invocations(invoke_id=run.invoke_id), *run.results())]
    assert json.loads(next(iter(assistant.describe_invocations(invoke_id=run.invoke_id))).parameters) == {
        "password": "****"
    }
    files = [path for path in stack.data_dir.rglob("*") if path.is_file()]
    assert any(path.suffix == ".aof" for path in files)
    places = {
        "processes and server while it ran": while_it_runs,
        "what was sent": repr(commands),
        "events": "".join(seen),
        "inspect": inspected,
        "server": everything_on(server),
        "answers": "".join(shown),
    }
    assert all(places.values())
    places |= {str(path): path.read_bytes().decode(errors="replace") for path in files}
    assert [place for place, text in places.items() if SECRET in text] == []
    assert "task-started" in places["events"] or "task-succeeded" in places["events"]


def left_behind(*folders):
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


def test_its_script_file_goes_whatever_the_settings_say(assistant, scripts, tmp_path):
    run = assistant.run_command(script(tmp_path), instance_ids=NAMES, parameters={"password": SECRET})
    assert run.wait(20).status is InvokeStatus.FINISHED
    assert left_behind(scripts) == []


@pytest.mark.parametrize("username", ["", pytest.param("nobody", marks=as_root)])
def test_what_a_killed_agent_has_left_goes_when_it_starts_again(stack, assistant, scripts, username):
    """Whoever owns the folder by now, and although script files are kept."""
    run = assistant.run_command(
        "echo '{{password}}'; sleep 60", instance_ids=["web-1"], parameters={"password": SECRET}, username=username,
        working_dir="/",
    )  # fmt: skip
    wait_until(lambda: by_instance(run)["web-1"].start_time, "the script to start")
    stack.kill("agent@web-1")
    (left,) = left_behind(scripts)
    assert left.parent.owner() == (username or getpass.getuser())
    stack.start("agent@web-1")
    assert run.wait(20).status is InvokeStatus.FAILED
    assert by_instance(run)["web-1"].error_code == "ExecutionInterrupted"
    assert not left.parent.exists()
    stack.wait_ready()
    assert left_behind(scripts, stack.data_dir) == []


@pytest.mark.parametrize("content", ["#!/no/such/{{password}}\ntrue", "cd '/no/{{password}}'"])
def test_errors_are_masked(assistant, content):
    run = assistant.run_command(content, instance_ids=["web-1"], parameters={"password": SECRET})
    run.wait(20)
    (result,) = run.results()
    assert SECRET not in repr(result)
    assert "****" in result.error_info + result.output


def test_a_parameter_is_secret_where_it_is_said(assistant, tmp_path):
    run = assistant.run_command(
        "echo {{user}} {{pin}}", instance_ids=["web-1"], parameters={"user": "root", "pin": SECRET},
        secret_parameters=["PIN"],
    )  # fmt: skip
    run.wait(20)
    assert next(run.results()).output == "root ****\n"
    assert json.loads(next(iter(assistant.describe_invocations(invoke_id=run.invoke_id))).parameters) == {
        "user": "root",
        "pin": "****",
    }


def test_a_command_that_is_kept_takes_secrets_too(assistant, tmp_path):
    command = assistant.create_command(script(tmp_path), name="secretive", enable_parameter=True)
    try:
        run = assistant.invoke_command(command.command_id, instance_ids=["web-1"], parameters={"password": SECRET})
        assert run.wait(20).status is InvokeStatus.FINISHED
        assert (tmp_path / f"{run.invoke_id}.web-1").read_text() == SECRET
    finally:
        assistant.delete_command(command.command_id)


def test_an_order_that_got_lost_brings_its_secret_again(stack, assistant, server, tmp_path):
    stack.kill("agent@web-1", signal.SIGSTOP)
    cut(server)
    try:
        run = assistant.run_command(script(tmp_path), instance_ids=["web-1"], parameters={"password": SECRET})
        assert server.rpop(topology.instance_queue("web-1"))
    finally:
        stack.kill("agent@web-1", signal.SIGCONT)
    assert run.wait(20).status is InvokeStatus.FINISHED
    assert (tmp_path / f"{run.invoke_id}.web-1").read_text() == SECRET
    assert not server.exists(keys.sealed(run.invoke_id))


def test_a_recurring_run_opens_its_secret_each_time(assistant, server, tmp_path):
    soon = time.strftime("at(%Y-%m-%d %H:%M:%S)", time.gmtime(time.time() + 2))
    run = assistant.run_command(script(tmp_path), instance_ids=NAMES, parameters={"password": SECRET}, frequency=soon)
    assert server.hlen(keys.sealed(run.invoke_id)) == len(NAMES)
    assert run.wait(20).status is InvokeStatus.FINISHED
    assert {path.read_text() for path in tmp_path.iterdir()} == {SECRET}
    assert len(list(tmp_path.iterdir())) == len(NAMES)
    assert not server.exists(keys.sealed(run.invoke_id))


def test_a_secret_that_was_sealed_to_another_key_fails_and_runs_nothing(stack, assistant, server, tmp_path):
    """As where an instance was enrolled anew since: it never runs with an empty value."""
    public = server.hget(keys.instance("web-1"), "public_key")
    try:
        server.hset(keys.instance("web-1"), "public_key", server.hget(keys.instance("web-2"), "public_key"))
        # Both share no key: that of web-2 cannot be opened on web-1.
        run = assistant.run_command(script(tmp_path), instance_ids=["web-1"], parameters={"password": SECRET})
    finally:
        server.hset(keys.instance("web-1"), "public_key", public)
    assert run.wait(20).status is InvokeStatus.FAILED
    assert "its secret parameters cannot be opened" in next(run.results()).error_info
    assert list(tmp_path.iterdir()) == []


def test_an_instance_without_a_key_is_refused_before_anything_is_sent(assistant, server):
    server.hset(keys.instance("web-9"), mapping={"epoch": 0, "public_key": "none"})
    try:
        with pytest.raises(Exception, match="web-9 has no key that secret values can be sealed to"):
            assistant.run_command("echo {{password}}", instance_ids=["web-9"], parameters={"password": SECRET})
    finally:
        server.delete(keys.instance("web-9"))


def test_the_command_line_asks_for_it_or_reads_it_from_a_file(stack, tmp_path):
    (tmp_path / "password").write_text(f"{SECRET}\n")
    environment = {"PATH": "/usr/bin:/bin", **stack.environment("producer")}
    words = ["assist", "run", "-i", "web-1", "echo {{pin}}"]
    done = subprocess.run(
        [*CELERY, *words, "--secret", f"pin=@{tmp_path}/password"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"web-1 +Finished +0 .*\*\*\*\*", done.stdout)
    asked = subprocess.run(
        [*CELERY, *words, "--secret", "pin"], env=environment, input=f"{SECRET}\n", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert "****" in asked.stdout
    assert SECRET not in done.stdout + done.stderr + asked.stdout + asked.stderr
    wrong = subprocess.run(
        [*CELERY, *words, "--secret", f"pin={SECRET}"], env=environment, capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "could be seen" in wrong.stderr
