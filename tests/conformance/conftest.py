"""One running host for each module of conformance tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from localhost.azure.faults import Faults
from localhost.azurite import start_azurite
from tests.integration.app import App, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app() -> AsyncIterator[App]:
    """The app over a small fleet that does what it is told."""
    with start_azurite() as storage:
        async with running(storage.connection_string, machines=5, faults=Faults()) as started:
            yield started


@pytest.fixture
def fresh_azurite() -> Iterator[str]:
    """The connection string of a real, empty Azurite."""
    with start_azurite() as started:
        yield started.connection_string
