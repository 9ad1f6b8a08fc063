"""Fixtures: a private server, and a whole stack, each once per test process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings as hypothesis_settings

from cloudassist import Assistant, LocalStack
from cloudassist.audit import Kind, lifetimes
from cloudassist.installation import make_keys
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger
from support.closing import faults_of
from support.servers import private_server
from support.stacks import WAITING_REPORTS

# Examples run on a machine that does other things as well: time says nothing about them.
hypothesis_settings.register_profile("default", deadline=None)
hypothesis_settings.register_profile("soak", deadline=None, max_examples=10_000, print_blob=True)
hypothesis_settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the fault suite be played for longer, and with other seeds; and one row of the matrix alone."""
    parser.addoption("--minutes", type=float, default=0, help="how long the fault suite is played, about")
    parser.addoption("--seed", type=int, default=1, help="the fault suite's first seed; each round has the next")
    parser.addoption("--row", help="only the tests that prove this row of the failure matrix: F20, I1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let tests that share a stack run in one process, else every process would start it; and those that wait first."""
    if row := config.getoption("row"):
        _keep(config, items, lambda item: any(row in mark.args for mark in item.iter_markers("matrix")))
    for item in items:
        if isinstance(item, pytest.Function) and (group := _group(item)):
            item.add_marker(pytest.mark.xdist_group(group))
    folders = ["faults", "system"]
    items.sort(key=lambda item: (item.path.parent.name not in folders, "near" not in getattr(item, "fixturenames", ())))


def _keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    """Leave out all tests but those that are wanted."""
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = filter(wanted, items)


def _group(item: pytest.Function) -> str:
    """Return what its test shares with others: the stack of all tests, or what its file has for its own.

    One process for all that start agents near a stack would be the last to end.
    """
    if "near" in item.fixturenames or any(hasattr(item.module, name) for name in item.fixturenames):
        return item.path.stem
    return "stack" if "stack" in item.fixturenames else ""


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with nothing else around it."""
    with private_server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def server(server_url: str) -> Iterator[redis.Redis]:
    """A plain client of an empty server; afterwards no key may be left without a lifetime but the permanent ones."""
    with redis.Redis.from_url(server_url, decode_responses=True) as client:
        client.flushall()
        yield client
    with Ledger(server_url) as ledger:
        assert [each for each in lifetimes.findings(ledger, 0, repair=False) if each.kind is Kind.LIFETIME] == []


@pytest.fixture
def ledger(server: redis.Redis, server_url: str) -> Iterator[Ledger]:
    """The ledger on an empty server."""
    with Ledger(server_url) as ledger:
        yield ledger


@pytest.fixture
def settings(server_url: str, tmp_path: Path) -> Settings:
    """Settings of a producer on the private server."""
    settings = Settings(url=server_url, state_dir=tmp_path, caller="tester@here")
    make_keys(settings)
    return settings


@pytest.fixture(scope="session", autouse=True)
def every_stack_is_looked_at_before_it_closes() -> Iterator[None]:
    """No stack of any test may leave a key without a lifetime, or have been refused what it needs."""
    close = LocalStack.close

    def look_and_close(stack: LocalStack) -> None:
        faults = faults_of(stack)
        close(stack)
        assert faults == []

    LocalStack.close = look_and_close  # type: ignore[method-assign]
    yield
    LocalStack.close = close  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """Three instances and everything that they need, as real processes. Tests must leave it as they found it."""
    environment = {
        "CLOUDASSIST_PRESENCE_INTERVAL_SECONDS": "1",
        "CLOUDASSIST_TAGS": "role=web,zone=a",
        "CLOUDASSIST_WAITING_REPORTS": str(WAITING_REPORTS),
    }
    with LocalStack(instances=3, environment=environment) as stack:
        yield stack


@pytest.fixture(scope="session")
def assistant(stack: LocalStack) -> Iterator[Assistant]:
    """A producer on the shared stack."""
    with stack.assistant() as assistant:
        yield assistant


@pytest.fixture(scope="session")
def near() -> Iterator[LocalStack]:
    """A stack beside which tests start agents of their own (support/agents.py), each under a name of its own."""
    with LocalStack(instances=["near"]) as stack:
        yield stack
