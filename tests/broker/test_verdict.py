import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist.presence import Presence
from cloudassist.settings import Settings
from cloudassist.verdict import Observation, decide
from support.data import table

SETTINGS = Settings()
CREATED, START_BY, TIMEOUT = 1_000_000, 1_000_000 + 3_600_000, 60
RECORD = "t-1.web-1"
ROWS = table("verdicts")


def observe(**given):
    """Build an observation; ``at`` is seconds after the planning, ``presence`` one of the words of the table."""
    presence = {
        "offline": None,
        "free": Presence("a/b", 0, (), 9),
        "full": Presence("a/b", 0, ("t-2.web-1",), 0),
        "draining": Presence("a/b", 0, (), 9, draining=True),
        "runs it": Presence("a/b", 0, (RECORD,), 0),
    }[given.get("presence", "free")]
    started = given.get("started")
    return Observation(
        now=CREATED + int(1000 * given.get("at", 3)),
        status=given.get("status", "Running"),
        planned=given.get("planned", True),
        creation_time=CREATED,
        deliver_by=CREATED + int(1000 * given.get("within", 60)),
        start_by=max(START_BY, CREATED + int(1000 * given.get("within", 60))),
        timeout=TIMEOUT,
        start_time=None if started is None else CREATED + int(1000 * started),
        tries=given.get("tries", 0),
        claim=given.get("claim", ""),
        presence=presence,
        waiting=given.get("waiting", 0),
        waited=given.get("waited", False),
        waiting_stops=given.get("waiting_stops", 0),
        record_id=RECORD,
        settled=given.get("settled", True),
    )


@pytest.mark.matrix("I2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_verdict(row):
    verdict = decide(observe(**row["seen"]), SETTINGS)
    assert verdict.action == row["action"]
    assert (verdict.error_code or "") == row.get("error_code", "")
    if "again_after" in row:
        assert verdict.look_at - observe(**row["seen"]).now == row["again_after"] * 1000


@pytest.mark.matrix("I2")
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "at": st.floats(0, 10_000),
            "status": st.sampled_from(["Running", "Stopping", "Stopped", "Finished", "Failed", ""]),
            "planned": st.booleans(),
            "started": st.floats(0, 4_000),
            "tries": st.integers(0, 100),
            "claim": st.sampled_from(["", "!stopped", "!expired", "journal/boot"]),
            "presence": st.sampled_from(["offline", "free", "full", "draining", "runs it"]),
            "within": st.floats(1, 700_000),
            "waiting_stops": st.integers(0, 60),
            "waiting": st.integers(0, 60),
            "waited": st.booleans(),
            "settled": st.booleans(),
        },
    )
)
def test_every_observation_has_a_verdict_and_a_next_look(seen):
    observation = observe(**seen)
    verdict = decide(observation, SETTINGS)
    if verdict.action not in {"forget", "fail"}:
        assert observation.now < verdict.look_at <= observation.now + 3_600_000
    if verdict.action == "fail":
        assert observation.settled
        assert verdict.error_code
    if verdict.action == "expire":
        assert observation.claim in {"", "!stopped", "!expired"}
    if verdict.action == "send-run":
        assert observation.presence is not None
        # What was in its queue a moment ago is not silent yet.
        assert not observation.waited


def test_redeliveries_come_at_3_6_12_seconds_up_to_a_minute():
    looks = []
    for tries in range(7):
        observation = observe(claim="journal/boot", tries=tries, at=3)
        looks.append((decide(observation, SETTINGS).look_at - observation.now) // 1000)
    assert looks == [3, 6, 12, 24, 48, 60, 60]
