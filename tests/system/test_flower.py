"""Flower shows instances as workers and records by their id, and nothing of what a script says."""

import json
import os
import re
import signal
import urllib.error
import urllib.parse
import urllib.request

import pytest

from cloudassist import InvokeStatus, LocalStack
from cloudassist.control.application import make_app
from cloudassist.control.settings import ControlSettings
from cloudassist.settings import read
from support.browser import browser
from support.stacks import FAST
from support.waiting import wait_until

pytestmark = pytest.mark.system

FLEET = 200
"""Instances, all in one process."""
SECRET = "S3CRET-IN-A-SCRIPT"
VALUE = "V4LUE-OF-A-PARAMETER"
HIDDEN = re.compile(f"{SECRET}|{VALUE}")
ENDED = {"Finished": "SUCCESS", "Failed": "FAILURE", "Stopped": "REVOKED"}
AGE_SECONDS = 1.0
"""Seconds by which Flower's times may differ from the ledger's: an order is received before its script starts."""


@pytest.fixture(scope="module")
def flower():
    os.environ["FLOWER_UNAUTHENTICATED_API"] = "true"
    try:
        # What is sent again is received again: where the machine is busy, that would be the time that is shown.
        settings = FAST | {"CLOUDASSIST_INSTANCES_PER_CALL": str(FLEET), "CLOUDASSIST_REDELIVERY_SECONDS": "30"}
        with LocalStack(instances=FLEET, flower=True, simulated=True, environment=settings) as stack:
            yield stack
    finally:
        del os.environ["FLOWER_UNAUTHENTICATED_API"]


@pytest.fixture(scope="module")
def runs(flower):
    """Four runs that have ended in every way there is: by name, the results as the ledger has them."""
    with flower.assistant() as assistant:
        run = {
            "everywhere": assistant.run_command(f"true # {SECRET}", instance_ids=flower.instance_ids),
            "finished": assistant.run_command(
                f"echo {SECRET} {{{{a}}}}; exit 3", instance_ids=["web-1"], parameters={"a": VALUE}
            ),
            "failed": assistant.run_command(f"#!/no/{SECRET}", instance_ids=["web-2"]),
            "stopped": assistant.run_command(f"sleep 30 # {SECRET}", instance_ids=["web-3"]),
        }
        wait_until(lambda: next(run["stopped"].results()).start_time, "the script to start")
        run["stopped"].stop()
        for invocation in run.values():
            invocation.wait(timeout=30)
        results = {name: list(invocation.results()) for name, invocation in run.items()}
    for result in (result for each in results.values() for result in each):
        wait_until(lambda record_id=result.record_id: ended(flower, record_id), f"{result.record_id} to end in Flower")
    return results


def get(stack, path):
    with urllib.request.urlopen(stack.flower_url + path, timeout=10) as answer:
        return answer.read().decode()


def workers(stack):
    """Return the instances that are shown, and whether each is alive."""
    rows = json.loads(get(stack, "/workers?json=1"))["data"]
    return {row["hostname"]: row["status"] for row in rows if row["hostname"].startswith("agent@")}


def ended(stack, record_id):
    shown = json.loads(get(stack, "/api/tasks?limit=1000")).get(record_id)
    return shown and shown["state"] in ENDED.values()


def alive(stack, number):
    return wait_until(lambda: sum(workers(stack).values()) == number, f"{number} agents to show as alive")


def test_instances_are_workers(flower):
    alive(flower, FLEET)
    assert set(workers(flower)) == {f"agent@{name}" for name in flower.instance_ids}


@pytest.mark.matrix("I9")
def test_records_show_with_their_id_and_their_fate(flower, runs):
    shown = json.loads(get(flower, "/api/tasks?limit=1000"))
    assert [len(results) for results in runs.values()] == [FLEET, 1, 1, 1]
    for result in (result for results in runs.values() for result in results):
        task = shown[result.record_id]
        assert task["state"] == ENDED[result.status]
        assert (task["name"], task["worker"]) == ("cloudassist.run", f"agent@{result.instance_id}")
        assert task["kwargs"] == repr({"invocation": result.invoke_id, "instance": result.instance_id})
        if result.start_time:
            assert task["received"] == pytest.approx(result.start_time.timestamp(), abs=AGE_SECONDS)
            length = (result.finish_time - result.start_time).total_seconds()
            assert task["runtime"] == pytest.approx(length, abs=0.01)
    assert {name: shown[runs[name][0].record_id]["result"] for name in ("finished", "failed", "stopped")} == {
        "finished": "Finished, exit 3",
        "failed": "Failed, ExecutionException",
        "stopped": "Stopped",
    }


@pytest.mark.matrix("I9")
def test_no_page_has_a_script_or_a_value_in_it(flower, runs):
    pages = ["/workers", "/workers?json=1", "/tasks", "/broker", "/metrics", "/api/tasks?limit=1000"]
    pages += ["/api/workers?refresh=1", "/api/queues/length", "/api/task/types", found(FLEET + 3, "")]
    for record_id in (results[0].record_id for results in runs.values()):
        pages += [f"/task/{record_id}", f"/api/task/info/{record_id}"]
    for page in pages:
        text = get(flower, page)
        assert text, page
        assert not HIDDEN.search(text), page


def found(length, words):
    """Return the address by which the page of tasks asks for what its search box says."""
    order = {"order[0][column]": 0, "order[0][dir]": "asc", "columns[0][data]": "name"}
    query = {"draw": 1, "start": 0, "length": length, "search[value]": words} | order
    return f"/tasks/datatable?{urllib.parse.urlencode(query)}"


def test_records_are_found_by_id_by_run_and_by_instance(flower, runs):
    (record,) = runs["finished"]
    for words in (record.record_id, record.invoke_id, f"kwargs:invocation={record.invoke_id}"):
        (row,) = json.loads(get(flower, found(10, words)))["data"]
        assert (row["uuid"], row["state"]) == (record.record_id, "SUCCESS")
    of_instance = json.loads(get(flower, found(10, "kwargs:instance=web-2")))["data"]
    assert {row["uuid"] for row in of_instance} == {runs["everywhere"][1].record_id, runs["failed"][0].record_id}


def test_nothing_can_be_changed(flower, runs):
    for path in ("/api/worker/shutdown/agent@web-1", f"/api/task/revoke/{runs['stopped'][0].record_id}"):
        request = urllib.request.Request(flower.flower_url + path, method="POST", data=b"")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=10)
    send = urllib.request.Request(f"{flower.flower_url}/api/task/send-task/cloudassist.run", data=b'{"args": []}')
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(send, timeout=10)


def test_of_what_it_broadcasts_only_questions_are_heard(flower):
    """Whoever has its user at the server can say what he likes on its channel, also that it came by another one."""
    with make_app(read(ControlSettings, flower.environment("flower"))) as app:
        (answer,) = app.control.ping(destination=["agent@web-1"], timeout=5)
        assert answer == {"agent@web-1": {"ok": "pong"}}
        for command in ("shutdown", "revoke", "hello", "add_consumer", "disable_events"):
            assert app.control.broadcast(command, reply=True, timeout=0.3) == []
        with app.connection_for_write() as connection:
            pretend(connection.default_channel, "celery.pidbox", {"method": "shutdown"})
        assert app.control.ping(destination=["agent@web-1"], timeout=5) == [answer]
    assert all(process.poll() is None for process in flower.processes.values())


def pretend(channel, exchange, body):
    """Publish on Flower's channel what says of itself that it came by another exchange."""
    message = channel.prepare_message(json.dumps(body), content_type="application/json", content_encoding="utf-8")
    info = {"exchange": exchange, "routing_key": ""}
    message["properties"] = {"delivery_info": info, "delivery_tag": "1", "delivery_mode": 1, "body_encoding": None}
    assert channel.client.publish("/0.flower.pidbox", json.dumps(message)) > 0


def test_a_browser_shows_all_of_it(flower, runs):
    (failed,) = runs["failed"]
    with browser(base_url=flower.flower_url) as tab:
        page = tab.page
        page.goto("/workers")
        page.wait_for_function(f"document.querySelector('#workers-online').textContent == '{FLEET + 2}'")
        page.locator("#workers-table_wrapper input[type=search]").fill("agent@web-200")
        row = page.locator("#workers-table tbody tr")
        assert (row.count(), row.get_by_text("Online").count()) == (1, 1)
        assert row.get_by_role("link", name="agent@web-200").count() == 1
        page.goto("/tasks")
        page.locator("#tasks-table_wrapper input[type=search]").fill(failed.record_id)
        rows = page.locator("#tasks-table tbody tr")
        page.wait_for_function("document.querySelectorAll('#tasks-table tbody tr').length == 1")
        for cell in (failed.record_id, "FAILURE", "Failed, ExecutionException", "agent@web-2"):
            assert rows.get_by_text(cell, exact=True).first.is_visible(), cell
        rows.first.get_by_role("link", name=failed.record_id).click()
        page.wait_for_url(f"**/task/{failed.record_id}")
        shown = page.locator("#task-page").inner_text()
        assert "Failed, ExecutionException" in shown
        assert page.locator("#task-revoke, #task-terminate").count() == 0
        page.goto("/worker/agent@web-1")
        assert page.locator("#workername").inner_text() == "agent@web-1"
        page.goto("/broker")
        assert page.locator("tbody tr").first.inner_text().split()[:2] == ["cloudassist", "0"]
    assert len(tab.texts) > 5
    assert [address for address, text in tab.texts.items() if HIDDEN.search(text)] == []


@pytest.mark.matrix("F16")
def test_nothing_needs_it(flower):
    flower.kill("flower")
    with flower.assistant() as assistant:
        done = assistant.run_command("true", instance_ids=flower.instance_ids).wait(timeout=20)
    assert done.status is InvokeStatus.FINISHED


def test_an_instance_is_alive_as_long_as_presence_says(flower):
    flower.start("flower")
    flower.wait_ready()
    alive(flower, FLEET)
    flower.kill("agent@web-1")
    with flower.assistant() as assistant:
        wait_until(lambda: not any(found.online for found in assistant.describe_instances().all()), "presence to end")
    alive(flower, 0)
    flower.start("agent@web-1")
    alive(flower, FLEET)
    flower.kill("agent@web-1", signal.SIGTERM)
    wait_until(lambda: flower.processes["agent@web-1"].poll() is not None, "the agent to end")
    assert not any(workers(flower).values())
