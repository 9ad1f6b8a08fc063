"""The network between an agent and the server: cut, gone, half-open, slow. Nothing of it needs a visit."""

import contextlib
import signal
import sqlite3
from dataclasses import replace

import pytest

from cloudassist import InvocationStatus, InvokeStatus, ids
from cloudassist.session import Signer
from support.agents import agent, run_soon, with_login
from support.proxy import proxy
from support.stacks import by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 10.0
"""Seconds within which an agent serves again when the server is back: 5 promised, and as many for a busy machine."""
HALF_OPEN = 30.0
"""The same where connections stay open and silent: 20 promised."""
EXIT = 5.0
"""Seconds in which an idle agent has ended: 1.5 promised."""


@pytest.fixture
def assistant(near):
    with near.assistant() as assistant:
        yield assistant


@pytest.fixture
def network(near):
    with proxy(near.port) as network:
        yield network


def started(invocation, name):
    wait_until(lambda: by_instance(invocation)[name].start_time, "the script to start")


def ended_in_journal(folder, invocation, name):
    """Tell whether an agent has written down how a record ended."""
    with contextlib.closing(sqlite3.connect(folder / name / "agents" / name / "journal.db")) as journal:
        query = "SELECT report FROM record WHERE id = ?"
        return journal.execute(query, (ids.record_id(invocation.invoke_id, name),)).fetchone()[0] is not None


@pytest.mark.matrix("F20", "I10")
def test_a_connection_that_breaks(near, assistant, network, tmp_path):
    with agent(near, "cut", tmp_path, url=network.url):
        network.cut()
        run_soon(assistant, "cut", SOON)


@pytest.mark.matrix("F20", "F21", "F45", "I5", "I10")
def test_an_outage_ends_no_script_and_loses_no_report(near, assistant, network, tmp_path):
    """Scripts go on, timeouts are kept, results wait; nothing runs twice."""
    until = f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    scripts = [("sleep 3; echo ended", 60), (until, 60), ("sleep 60", 10)]
    with agent(near, "away", tmp_path, url=network.url) as away:
        ends, goes_on, lasts_too_long = invocations = [
            assistant.run_command(logging_script(tmp_path, then=then), instance_ids=["away"], timeout=timeout)
            for then, timeout in scripts
        ]
        for invocation in invocations:
            started(invocation, "away")
        network.refuse()
        away.wait_for("does not serve")
        # Ten seconds and more: Celery alone would pause eight by now.
        wait_until(lambda: ended_in_journal(tmp_path, lasts_too_long, "away"), "the timeout", 30)
        network.accept()
        assert ends.wait(SOON).status is InvokeStatus.FINISHED
        assert by_instance(ends)["away"].output == "ended\n"
        result = by_instance(lasts_too_long.wait(SOON))["away"]
        assert (result.status, result.error_code) == (InvocationStatus.FAILED, "ExecutionTimeout")
        assert goes_on.refresh().status is InvokeStatus.RUNNING
        (tmp_path / "go").touch()
        assert goes_on.wait(SOON).status is InvokeStatus.FINISHED
        run_soon(assistant, "away", SOON)
        assert len(runs(tmp_path)) == len(scripts)


@pytest.mark.matrix("F22", "F23", "I10")
def test_half_open_connections(near, assistant, network, tmp_path):
    """No end is ever told of; on some of them what is asked arrives, and its answer is lost."""
    with (
        proxy(near.port) as deaf,
        agent(near, "frozen", tmp_path, url=network.url) as frozen,
        agent(near, "muted", tmp_path, url=deaf.url) as muted,
    ):
        lost = assistant.run_command("sleep 2; echo ended", instance_ids=["frozen", "muted"])
        for name in ("frozen", "muted"):
            started(lost, name)
        network.freeze()
        deaf.mute()
        for name in ("frozen", "muted"):
            run_soon(assistant, name, HALF_OPEN)
        assert lost.wait(SOON).status is InvokeStatus.FINISHED
        assert frozen.term() < EXIT
        assert muted.term() < EXIT


@pytest.mark.matrix("F20", "I10")
def test_a_server_that_is_silent_altogether(near, assistant, network, tmp_path):
    """New connections come about, and nobody answers on them."""
    with agent(near, "silent", tmp_path, url=network.url) as silent:
        network.freeze(new=True)
        silent.wait_for("does not serve", HALF_OPEN)
        network.accept()
        run_soon(assistant, "silent", HALF_OPEN)


@pytest.mark.matrix("F2")
def test_an_order_of_which_nobody_says_whether_it_arrived(near, network, tmp_path, monkeypatch):
    """It did, and only the answer was lost: the call is no failure, and there is one run of it."""
    monkeypatch.setattr("cloudassist.transport.ANSWER_SECONDS", 1.0)
    with near.assistant() as producer:
        far = replace(near.settings, url=with_login(network.url, near.settings.url))
        producer._session._signer = Signer(far)
        assert producer.run_command("true", instance_ids=["near"]).wait(SOON).status is InvokeStatus.FINISHED
        before = producer.describe_invocations().total_count
        network.mute()
        invocation = producer.run_command(logging_script(tmp_path), instance_ids=["near"])
        assert invocation.wait(SOON).status is InvokeStatus.FINISHED
        assert runs(tmp_path) == [ids.record_id(invocation.invoke_id, "near")]
        assert producer.describe_invocations().total_count == before + 1


@pytest.mark.matrix("F24")
def test_a_slow_line(near, assistant, network, tmp_path):
    network.delay = 0.03
    with agent(near, "slow", tmp_path, url=network.url):
        network.delay = 0.25
        run_soon(assistant, "slow", HALF_OPEN)
        network.delay = 0.03
        invocations = [
            assistant.run_command(logging_script(tmp_path), instance_ids=["slow"], timeout=60) for _ in range(10)
        ]
        for _ in range(3):
            network.cut()
            run_soon(assistant, "slow", HALF_OPEN, script="true")
        assert {invocation.wait(HALF_OPEN).status for invocation in invocations} == {InvokeStatus.FINISHED}
        assert sorted(runs(tmp_path)) == sorted(ids.record_id(each.invoke_id, "slow") for each in invocations)


def test_an_idle_agent_ends_at_once_also_without_its_server(near, network, tmp_path):
    with (
        agent(near, "idle", tmp_path, url=network.url) as idle,
        agent(near, "lonely", tmp_path, url=network.url) as lonely,
    ):
        assert idle.term() < EXIT
        network.refuse()
        lonely.wait_for("does not serve")
        assert lonely.term() < EXIT


@pytest.mark.matrix("F32")
def test_an_agent_that_drains_takes_nothing_over_a_new_connection(near, assistant, network, tmp_path):
    until = f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    with agent(near, "drains", tmp_path, url=network.url) as drains:
        goes_on = assistant.run_command(until, instance_ids=["drains"])
        started(goes_on, "drains")
        drains.process.send_signal(signal.SIGTERM)
        drains.wait_for("draining")
        served = drains.log.count("consuming from")
        network.cut()
        wait_until(lambda: drains.log.count("consuming from") > served, "the agent to connect again")
        late = assistant.run_command(logging_script(tmp_path), instance_ids=["drains"])
        (tmp_path / "go").touch()
        assert goes_on.wait(SOON).status is InvokeStatus.FINISHED
        assert drains.process.wait(SOON) == 0
        assert runs(tmp_path) == []
    with agent(near, "drains", tmp_path, url=network.url):
        assert late.wait(SOON).status is InvokeStatus.FINISHED
