from collections.abc import Callable, Iterator

import pytest
import redis

from cloudassist import Assistant, Invocation
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger
from support.beating import Beat
from support.region import Region


@pytest.fixture
def region(settings: Settings, ledger: Ledger, server: redis.Redis) -> Region:
    """A server with two instances that seem to be online."""
    region = Region(settings, ledger, server)
    region.register(["web-1", "web-2"])
    return region


@pytest.fixture
def assistant(region: Region) -> Iterator[Assistant]:
    """A producer of that region."""
    with region.assistant() as assistant:
        yield assistant


@pytest.fixture
def beat(region: Region) -> Beat:
    """A beat and dispatch, by hand."""
    return Beat(region)


@pytest.fixture
def recurring(assistant: Assistant) -> Callable[..., Invocation]:
    """Begin a recurring run on the two instances."""

    def recurring(frequency: str = "rate(10s)", **arguments: object) -> Invocation:
        return assistant.run_command("date", instance_ids=["web-1", "web-2"], frequency=frequency, **arguments)

    return recurring
