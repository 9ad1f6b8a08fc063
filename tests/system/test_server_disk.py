"""The server's disk is full: what cannot be kept is refused, and nothing that was told is lost."""

import pytest
import redis

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.errors import ServiceUnavailableError
from support.disks import fill, needs_mount, small_disk
from support.stacks import FAST, by_instance, logging_script, runs
from support.waiting import wait_until

pytestmark = pytest.mark.system


@needs_mount
@pytest.mark.matrix("F17", "I5", "I10")
def test_nothing_is_begun_and_nothing_is_lost(tmp_path):
    folder = tmp_path / "run"
    with (
        small_disk(folder / "server", "size=8m") as disk,
        LocalStack(instances=1, data_dir=folder, environment=FAST) as stack,
        stack.assistant() as assistant,
        redis.Redis.from_url(stack.url, decode_responses=True) as server,
    ):
        script = logging_script(tmp_path, then=f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo ok")
        invocation = assistant.run_command(script, instance_ids=["web-1"])
        wait_until(lambda: by_instance(invocation)["web-1"].start_time, "the script to start")
        filler = fill(disk)
        # More than there is room for in the last block of its file.
        server.set(topology.presence_key("nobody"), "x" * 8192, px=1)
        wait_until(lambda: server.info("persistence")["aof_last_write_status"] == "err", "the server to notice")
        with pytest.raises(ServiceUnavailableError, match="MISCONF"):
            assistant.run_command(logging_script(tmp_path), instance_ids=["web-1"])
        (tmp_path / "go").touch()
        log = folder / "logs" / "agent@web-1.log"
        wait_until(lambda: "reports wait" in log.read_text(), "the agent to keep its report")
        assert invocation.refresh().status is InvokeStatus.RUNNING
        filler.unlink()
        assert invocation.wait(20).status is InvokeStatus.FINISHED
        assert by_instance(invocation)["web-1"].output == "ok\n"
        assert assistant.describe_invocations().total_count == len(runs(tmp_path)) == 1
