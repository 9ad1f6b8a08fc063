"""What Prometheus is told by a control worker that has a port for it."""

import urllib.request

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from cloudassist import InvokeStatus, LocalStack, topology
from cloudassist.embedded import free_port
from support.waiting import wait_until

pytestmark = pytest.mark.system


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        sample.name + "".join(f":{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_region_in_numbers():
    port = free_port()
    with LocalStack(instances=2, environment={"CLOUDASSIST_METRICS_PORT": str(port)}) as stack:
        with stack.assistant() as assistant, redis.Redis.from_url(stack.url) as server:
            run = assistant.run_command("sleep 60", instance_ids=["web-1", "web-2"])
            server.lpush(topology.REPORTS_QUEUE, "x")
            wait_until(lambda: scrape(port).get("cloudassist_rejected_messages_total:not-json"), "the bad one to count")
            told = scrape(port)
            run.stop()
            assert run.wait(timeout=20).status is InvokeStatus.STOPPED
            after = scrape(port)
        expected = {"up": 1, "instances_registered": 2, "records_open": 2, "records_overdue": 0, "reports_waiting": 0}
        expected |= {"aggregators": 1, "aggregator_behind_seconds": 0, "rejected_messages_total:not-json": 1}
        assert {name: told[f"cloudassist_{name}"] for name in expected} == expected
        assert after["cloudassist_records_open"] == 0
        stack.kill("server")
        wait_until(lambda: scrape(port)["cloudassist_up"] == 0, "the server's end to be told")
