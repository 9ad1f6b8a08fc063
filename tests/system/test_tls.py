"""TLS with certificates of a private CA on both sides: every role works by it, and what is wrong is refused."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import redis

from cloudassist import Assistant, AsyncAssistant, InvokeStatus, LocalStack
from cloudassist.embedded import free_port
from cloudassist.errors import CloudAssistError
from cloudassist.settings import Settings, read
from support.agents import agent
from support.tls import Authority, tls_end
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

WATCH = [sys.executable, "-m", "cloudassist_agent", "watch"]
CELERY = [str(Path(sys.executable).parent / "celery"), "-A", "cloudassist"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Another CA."""
    return Authority.make(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def stack(authority):
    """A stack whose roles all reach the server by TLS; ``address`` is where."""
    port = free_port()
    address = f"rediss://localhost:{port}/0"
    stack = LocalStack(instances=1, flower=True, environment=authority.settings(), address=address)
    with tls_end(authority, port, stack.port), stack:
        yield stack


def test_every_role_works(stack, tmp_path):
    with stack.assistant() as assistant:
        invocation = assistant.run_command("echo by TLS", instance_ids=["web-1"])
        assert invocation.wait(20).status is InvokeStatus.FINISHED
        assert [result.output for result in invocation.results()] == ["by TLS\n"]
        soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("at(%Y-%m-%d %H:%M:%S)")
        task = assistant.run_command("echo by beat", instance_ids=["web-1"], frequency=soon)
        wait_until(lambda: any(result.output for result in task.results()), "the moment to be run")
    command = [*CELERY, "assist", "run", "-i", "web-1", "echo from the command line"]
    done = subprocess.run(
        command, env=os.environ | stack.environment("producer"), capture_output=True, text=True, check=False
    )
    assert "from the command line" in done.stdout, done.stderr
    with agent(stack, "watched", tmp_path, command=WATCH), stack.assistant() as assistant:
        wait_until(
            lambda: assistant.describe_cloud_assistant_status(["watched"])[0].client_state == "Running",
            "the daemon to speak by TLS",
        )


def test_the_asyncio_producer_works(stack):
    async def act():
        async with AsyncAssistant(settings=stack.settings) as assistant:
            invocation = await assistant.run_command("echo hi", instance_ids=["web-1"])
            await invocation.wait(20)
            return invocation.status

    assert asyncio.run(act()) is InvokeStatus.FINISHED


def test_no_connection_goes_past_it(stack):
    """Every role has connections, and none of them is to the server's own port."""
    with redis.Redis.from_url(stack.url, decode_responses=True) as admin:
        users = {client["user"] for client in admin.client_list()}
    assert {"control", "dispatch", "beat", "flower", "agent.web-1"} <= users
    for name, process in stack.processes.items():
        found = psutil.Process(process.pid).net_connections("tcp")
        ports = {each.raddr.port for each in found if each.raddr}
        assert name == "server" or (ports and stack.port not in ports)


WRONG = {
    "the CA of somebody else": ("rediss", "localhost", "stranger", "not of the CA of CLOUDASSIST_TLS_CA"),
    "another host": ("rediss", "127.0.0.1", "", "certificate is for another host"),
    "no certificate": ("rediss", "localhost", "none", "may want a client certificate of its own CA"),
    "a certificate of somebody else": ("rediss", "localhost", "foreign", "may want a client certificate of its own CA"),
    "plain text": ("redis", "localhost", "plain", "if it speaks TLS, the URL begins with rediss://"),
}


@pytest.fixture
def wrong(stack, authority, stranger):
    """Return the settings of a role with one thing wrong."""

    def wrong(role, kind, instance_id=""):
        scheme, host, which, said = WRONG[kind]
        given = stack.environment(role, instance_id)
        right = given["CLOUDASSIST_URL"]
        given["CLOUDASSIST_URL"] = right.replace("rediss://", f"{scheme}://").replace("@localhost", f"@{host}")
        tls = [f"CLOUDASSIST_TLS_{name}" for name in ("CA", "CERTIFICATE", "KEY")]
        if which == "stranger":
            given[tls[0]] = str(stranger.ca_file)
        elif which == "foreign":
            given.update(zip(tls[1:], map(str, stranger.issue("client")), strict=True))
        elif which in {"none", "plain"}:
            for name in tls[1 - (which == "plain") :]:
                del given[name]
        return given, said

    return wrong


@pytest.mark.parametrize("kind", WRONG)
def test_a_producer_is_told_what_is_wrong(wrong, kind):
    given, said = wrong("producer", kind)
    password = given["CLOUDASSIST_URL"].split(":")[2].split("@")[0]
    with Assistant(settings=read(Settings, given)) as assistant, pytest.raises(CloudAssistError) as caught:
        assistant.describe_instances()
    assert said in caught.value.message
    assert password not in caught.value.message


@pytest.mark.parametrize("kind", WRONG)
def test_an_agent_is_told_what_is_wrong(stack, wrong, kind, tmp_path):
    given, said = wrong("agent", kind, "web-1")
    command = [sys.executable, "-m", "cloudassist_agent", "run"]
    environment = {"PATH": "/usr/bin:/bin", **given, "CLOUDASSIST_INSTANCE_ID": "web-1"}
    environment |= {"CLOUDASSIST_STATE_DIR": str(tmp_path)}
    log_file = tmp_path / "log"
    with log_file.open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: said in log_file.read_text(), f"{said!r} in the log", 20)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(10)
    assert "Traceback" not in log_file.read_text()


def test_the_command_line_tells_it_in_one_line(wrong):
    given, said = wrong("producer", "the CA of somebody else")
    done = subprocess.run(
        [*CELERY, "assist", "instances"], env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_tls_to_a_server_that_does_not_speak_it(near, authority):
    given = near.environment("producer") | authority.settings()
    given["CLOUDASSIST_URL"] = given["CLOUDASSIST_URL"].replace("redis://", "rediss://")
    with Assistant(settings=read(Settings, given)) as assistant, pytest.raises(CloudAssistError) as caught:
        assistant.describe_instances()
    assert "it may not speak TLS" in caught.value.message


@pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="Debian's redis-server, which speaks TLS, is not there"
)
def test_a_server_that_speaks_tls_itself(authority, tmp_path):
    """Redis 7 with tls-auth-clients; the ledger's functions and the access rules work on it as well."""
    port = free_port()
    certificate, key = authority.issue("localhost")
    options = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    options += ["--tls-ca-cert-file", str(authority.ca_file), "--tls-auth-clients", "yes", "--save", ""]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(["redis-server", *options, "--dir", str(tmp_path)], stdout=log, stderr=log)
    try:
        given = {"CLOUDASSIST_URL": f"rediss://localhost:{port}/0", **authority.settings()}
        with Assistant(settings=read(Settings, given)) as assistant:
            begun = time.monotonic()
            while True:
                try:
                    assert list(assistant.describe_instances()) == []
                    break
                except CloudAssistError:
                    assert time.monotonic() < begun + 10
        plain = {"CLOUDASSIST_URL": f"redis://localhost:{port}/0"}
        with Assistant(settings=read(Settings, plain)) as assistant, pytest.raises(CloudAssistError) as caught:
            assistant.describe_instances()
        assert "rediss://" in caught.value.message
    finally:
        process.terminate()
        process.wait(10)
