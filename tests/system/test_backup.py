"""A backup of the ledger is taken while everything works, and another server begins with it."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack
from cloudassist.audit import findings
from cloudassist.embedded import free_port
from cloudassist.errors import NotFoundError
from cloudassist.store.ledger import Ledger
from support.agents import run_soon
from support.backups import copy_file, take_snapshot
from support.closing import denials
from support.proxy import proxy
from support.servers import answers, at_port, start_server
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOON = 15.0
"""Seconds within which everything works again: 5 promised for an agent, and the producer waits for the rest as well."""


@pytest.mark.matrix("F5", "F8", "I1")
@pytest.mark.parametrize("take", [copy_file, take_snapshot])
def test_what_was_confirmed_before_it_is_there_and_nothing_runs_twice(tmp_path, take):
    """What ended since is told again from the journals; what began since is gone, and says so."""
    port = free_port()
    with proxy(port) as way:
        stack = LocalStack(instances=1, environment=FAST, address=way.url)
        way.target = stack.port
        with stack, stack.assistant() as assistant, redis.Redis.from_url(stack.url) as server:
            before = assistant.run_command(logging_script(tmp_path, then="echo before"), instance_ids=["web-1"])
            assert before.wait(20).status is InvokeStatus.FINISHED
            script = logging_script(tmp_path, then=f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo during")
            during = assistant.run_command(script, instance_ids=["web-1"])
            wait_until(lambda: by_instance(during)["web-1"].start_time, "the script to start")
            soon = (datetime.now(UTC) + timedelta(seconds=3)).strftime("at(%Y-%m-%d %H:%M:%S)")
            recurring = assistant.run_command(
                logging_script(tmp_path, then="echo due"), instance_ids=["web-1"], frequency=soon
            )
            options = take(server, stack.data_dir / "server", tmp_path / "restored")
            assert len(runs(tmp_path)) == 2
            after = assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
            assert after.wait(20).status is InvokeStatus.FINISHED
            (tmp_path / "go").touch()
            assert during.wait(20).status is InvokeStatus.FINISHED
            assert recurring.wait(20).status is InvokeStatus.FINISHED
            ran = runs(tmp_path)
            assert len(ran) == len(set(ran)) == 4

            stack.kill("server")
            users = ["--aclfile", str(stack.data_dir / "server" / "users.acl")]
            process = start_server(tmp_path / "restored", port, [*options, *users])
            way.target = port
            try:
                with redis.Redis.from_url(at_port(stack.url, port), decode_responses=True) as restored:
                    wait_until(lambda: answers(restored), "the server to have read its file")
                    restored.config_set("appendonly", "yes")
                    run_soon(assistant, "web-1", SOON)
                    for run in (before, during, recurring):
                        assert assistant.invocation(run.invoke_id).wait(SOON).status is InvokeStatus.FINISHED
                    outputs = {by_instance(run)["web-1"].output for run in (before, during, recurring)}
                    assert outputs == {"before\n", "during\n", "due\n"}
                    with pytest.raises(NotFoundError):
                        assistant.invocation(after.invoke_id)
                    assert sorted(runs(tmp_path)) == sorted(ran)
                    with Ledger(at_port(stack.url, port)) as ledger:
                        assert list(findings(ledger, stack.settings)) == []
                    assert denials(restored) == []
            finally:
                stack.close()
                process.terminate()
                process.wait(10)
