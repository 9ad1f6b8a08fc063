"""What Prometheus is told by a control worker that has a port for it."""

import signal
import urllib.request

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.embedded import free_port
from support.stacks import FAST
from support.waiting import wait_until

pytestmark = pytest.mark.system


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        ":".join([sample.name.removeprefix("cloudassist_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def unfinished(told):
    return told["records_open:Running"], told["records_open:Stopping"]


def test_a_region_in_numbers():
    port = free_port()
    with LocalStack(instances=2, environment=FAST | {"CLOUDASSIST_METRICS_PORT": str(port)}) as stack:
        with stack.assistant() as assistant, redis.Redis.from_url(stack.url) as server:
            assert assistant.run_command("exit 3", instance_ids=["web-1"]).wait(20).status is InvokeStatus.FINISHED
            run = assistant.run_command("sleep 60", instance_ids=["web-1", "web-2"])
            server.lpush(topology.REPORTS_QUEUE, "x")
            wait_until(lambda: scrape(port).get("rejected_messages_total:not-json"), "the bad one to count")
            wait_until(lambda: scrape(port)["delivery_seconds_count"] == 3, "both scripts to start")
            told = scrape(port)
            stack.kill("agent@web-2", signal.SIGSTOP)
            run.stop()
            wait_until(lambda: unfinished(scrape(port)) == (0, 1), "the other end to count")
            server.delete(topology.presence_key("web-2"))
            assert assistant.run_command("true", instance_ids=["web-2"]).wait(20).status is InvokeStatus.FAILED
            assistant.run_command("true", instance_ids=["web-2"], deliver_within=600).stop()
            stack.kill("agent@web-2", signal.SIGCONT)
            assert run.wait(timeout=20).status is InvokeStatus.STOPPED
            ended = scrape(port)
        expected = {"up": 1, "instances_registered": 2, "records_overdue": 0, "reports_waiting": 0}
        expected |= {
            "records_open:Running": 2,
            "records_open:Stopping": 0,
            "records_ended_total:ClientNotResponse:Failed": 0,
        }
        expected |= {"aggregators": 1, "aggregator_behind_seconds": 0, "rejected_messages_total:not-json": 1}
        expected |= {"execution_seconds_count": 1, "records_ended_total:ExitCodeNonzero:Finished": 1}
        expected |= {"schedules": 0, "schedule_late_seconds": 0, "schedule_moments_unplanned": 0, "dispatch_waiting": 0}
        expected |= {"server_persistent": 1, "server_memory_limit_bytes": 0, "server_refused_writes_total": 0}
        assert {name: told[name] for name in expected} == expected
        assert told["delivery_seconds_sum"] < 60
        # One failed as it was planned, and one was stopped before it began: they count like those that ran.
        wanted = {"records_open:Running": 0, "records_open:Stopping": 0, "records_ended_total::Stopped": 3}
        wanted |= {"records_ended_total:ClientNotRunning:Failed": 1, "records_ended_total:ExitCodeNonzero:Finished": 1}
        assert {name: ended[name] for name in wanted} == wanted
        stack.kill("server")
        away = wait_until(lambda: (told := scrape(port))["up"] == 0 and told, "the server's end to be told")
        assert away["execution_seconds_count"] == 3
        assert "records_open:Running" not in away
