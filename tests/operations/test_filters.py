"""Which rows the filters find: the truth table in tests/data/filters.json, over one small region."""

import pytest

from support.data import table

COMMANDS = (
    ("deploy", "RunShellScript", "to production"),
    ("deploy-db", "RunPowerShellScript", "for prod\nonly"),
    ("greet", "RunShellScript", ""),
)


@pytest.fixture
def labels(region, assistant):
    """Three commands, four instances, five runs; returns the label of each id and the id of each label."""
    region.register(["web-3"], {"role": "web", "zone": "a"})
    region.register(["off-1"], online=False)
    ids = {
        name: assistant.create_command("true", name=name, type=kind, description=description).command_id
        for name, kind, description in COMMANDS
    }
    runs = {
        "mixed": assistant.invoke_command(ids["deploy"], instance_ids=["web-1", "web-2"]),
        "failed": assistant.invoke_command(ids["deploy-db"], instance_ids=["web-1"]),
        "running": assistant.invoke_command(ids["greet"], instance_ids=["web-2"]),
        "waiting": assistant.run_command("true", instance_ids=["web-1"]),
        "stopped": assistant.run_command("true", instance_ids=["web-3"]),
    }
    region.end(runs["mixed"].invoke_id, "web-1")
    region.end(runs["mixed"].invoke_id, "web-2", exit_code=3)
    never = {"exit_code": None, "start_time": None, "error_code": "CommandNotApplicable"}
    region.end(runs["failed"].invoke_id, "web-1", "Failed", **never)
    region.start(runs["running"].invoke_id, "web-2")
    runs["stopped"].stop()
    ids |= {label: run.invoke_id for label, run in runs.items()}
    return ids


def label_of(row, labels):
    """Return how the table calls a row."""
    names = {value: label for label, value in labels.items()}
    if hasattr(row, "record_id"):
        return f"{names[row.invoke_id]}/{row.instance_id}"
    if hasattr(row, "outcome"):
        return row.operation
    if hasattr(row, "hostname"):
        return row.instance_id
    return names[row.invoke_id if hasattr(row, "invoke_id") else row.command_id]


def test_every_row_of_the_table(assistant, labels):
    for row in table("filters"):
        filters = {
            name: labels.get(value, value) if name.endswith("_id") else value for name, value in row["filters"].items()
        }
        describe = getattr(assistant, row["operation"])
        for paging in ({}, {"max_results": 1}, {"max_results": 2}):
            found = [label_of(each, labels) for each in describe(**filters, **paging).all()]
            assert found == row["found"], (row, paging)
        numbered = []
        for number in range(1, 20):
            page = describe(**filters, page_number=number, page_size=2)
            numbered += [label_of(each, labels) for each in page]
            assert page.total_count == len(row["found"]), row
        assert numbered == row["found"], row
