"""What Prometheus and Grafana are given: about numbers that there are, and told when they should be."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cloudassist.duties.aggregator import Aggregator
from cloudassist.duties.heartbeats import Heartbeats
from cloudassist.duties.metrics import Sources, WorkerMetrics
from cloudassist.duties.tally import Tally
from cloudassist.keyring import AgreementKey
from support.data import table

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "compose"
RULES = FOLDER / "prometheus" / "rules.yml"
NAME = re.compile(r"\bcloudassist_\w+")
SUFFIX = re.compile(r"_(total|bucket|sum|count)$")


@pytest.fixture
def told(ledger, settings):
    """The names of all metrics of a control worker."""
    heartbeats = Heartbeats(ledger)
    heartbeats.turn()
    key = AgreementKey.load(settings.report_key_file, "report")
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(Sources(ledger, Aggregator(ledger, settings, [key]), heartbeats, Tally())))
    return {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels():
    return json.loads((FOLDER / "grafana" / "dashboards" / "cloudassist.json").read_text())["panels"]


def used(texts):
    return {SUFFIX.sub("", name) for text in texts for name in NAME.findall(text)}


def test_alerts_are_about_numbers_that_there_are(told):
    assert used(rule["expr"] for rule in rules()) <= told


def test_the_dashboard_shows_every_number_and_no_other(told):
    assert used(target["expr"] for panel in panels() for target in panel["targets"]) == told


def test_the_page_explains_every_number_and_every_alert(told):
    page = (ROOT / "docs" / "operations.md").read_text()
    assert used(line for line in page.splitlines() if line.startswith("| `cloudassist_")) == told
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == [rule["alert"] for rule in rules()]


def test_every_alert_says_how_bad_it_is_and_what_was_seen():
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_its_files_and_the_alerts_fire_when_they_should(tmp_path):
    for command in (["rules", RULES], ["config", FOLDER / "prometheus" / "prometheus.yml"]):
        done = subprocess.run(["promtool", "check", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    rows = table("alerts")
    assert {row["alert"] for row in rows} == {rule["alert"] for rule in rules()}
    cases = tmp_path / "cases.yml"
    cases.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [_case(row) for row in rows]}))
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _case(row):
    """Return a row as promtool wants it: whether its alert is firing, counted."""
    firing = f'count(ALERTS{{alertname="{row["alert"]}",alertstate="firing"}}) or vector(0)'
    expected = [{"labels": "{}", "value": 0 if row.get("quiet") else 1}]
    return {
        "name": f"{row['alert']}: {row['series']}",
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in row["series"].items()],
        "promql_expr_test": [{"expr": firing, "eval_time": row.get("at", "9m"), "exp_samples": expected}],
    }
