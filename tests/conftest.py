"""Fixtures that more than one folder of tests needs."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from localhost.azurite import start_azurite

# A busy machine is no failure.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a real Azurite; a test uses names of its own for tables and queues."""
    with start_azurite() as running:
        yield running.connection_string
