from collections.abc import Iterator

import pytest
import redis

from cloudassist import Assistant
from cloudassist.settings import Settings
from cloudassist.store.ledger import Ledger
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
