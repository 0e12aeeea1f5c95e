"""A small fleet with one machine of each sort, and the local Azure over it."""

from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest

from localhost.azure.fleet import Fleet, Kind
from localhost.azure.server import LocalAzure, serve
from localhost.azure.updates import Os
from tests.unit.localhost_azure.estate import INSTALL_TIME, StandingClock, machine


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(
        [
            machine("vm-win"),
            machine("vm-linux", os=Os.LINUX),
            machine("vm-off", reachable=False),
            machine("arc-linux", kind=Kind.ARC, os=Os.LINUX),
            machine("arc-off", kind=Kind.ARC, reachable=False),
        ]
    )


@pytest.fixture
def azure(fleet: Fleet, clock: StandingClock) -> Iterator[LocalAzure]:
    local = LocalAzure(fleet, now=clock, install_time=(INSTALL_TIME, INSTALL_TIME))
    yield local
    local.close()


@pytest.fixture
def id_of(fleet: Fleet) -> Callable[[str], str]:
    ids = {found.name: found.id for found in fleet.machines()}
    return ids.__getitem__


@pytest.fixture
async def http(
    fleet: Fleet, clock: StandingClock
) -> AsyncIterator[tuple[LocalAzure, aiohttp.ClientSession]]:
    """A served Azure, and a client whose addresses begin at its base URL."""
    local = LocalAzure(fleet, now=clock, install_time=(INSTALL_TIME, INSTALL_TIME))
    async with serve(local) as base, aiohttp.ClientSession(base) as session:
        yield local, session
