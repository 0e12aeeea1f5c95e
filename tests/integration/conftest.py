"""A storage of its own for each test that runs the whole app."""

from collections.abc import Iterator

import pytest

from localhost.azurite import start_azurite


@pytest.fixture
def fresh_azurite() -> Iterator[str]:
    """The connection string of a real, empty Azurite."""
    with start_azurite() as running:
        yield running.connection_string
