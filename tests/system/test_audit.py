"""``assist audit`` beside a stack that works: it finds nothing, until something is wrong."""

import json
import re
import threading

import pytest
import redis

from cloudassist.store import keys
from support import verbs

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

ROUNDS = 8


@pytest.fixture
def audit(stack):
    """Run the verb as an administrator; returns what it prints."""

    def run(*arguments, code=0, url=stack.url):
        done = verbs.run({"CLOUDASSIST_URL": url}, "audit", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_while_runs_come_and_go_nothing_is_found(assistant, audit):
    ended = threading.Event()

    def work():
        while not ended.is_set():
            assistant.run_command("exit $((RANDOM % 2))", instance_ids=["web-1", "web-2", "web-3"]).wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert [audit() for _ in range(ROUNDS)] == ["the books are right\n"] * ROUNDS
    finally:
        ended.set()
        worker.join(30)


def test_what_is_wrong_is_shown_and_put_right(stack, assistant, audit):
    run = assistant.run_command("true", instance_ids=["web-1"]).wait(20)
    with redis.Redis.from_url(stack.url) as server:
        server.hincrby(keys.invocation(run.invoke_id), "n.Failed", 2)
    header, row = audit(code=1).splitlines()
    assert header.split() == ["rule", "where", "repaired", "what"]
    assert row.split(maxsplit=3) == ["counter", run.invoke_id, "no", "n.Failed is 2 and should be 0"]
    (finding,) = json.loads(audit("--repair", "--json"))["Findings"]
    assert finding == {
        "kind": "counter", "where": run.invoke_id, "what": "n.Failed is 2 and should be 0", "repaired": True,
    }  # fmt: skip
    assert audit() == "the books are right\n"


def test_it_takes_an_administrator(stack, audit):
    with redis.Redis.from_url(stack.url) as server:
        server.acl_setuser("clerk", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-scan"])
        said = audit(code=1, url=re.sub("//.*@", "//clerk:pw@", stack.url))
        server.acl_deluser("clerk")
    assert "refuses this user a command" in said
    assert "Traceback" not in said
