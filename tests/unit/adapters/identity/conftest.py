"""A tenant that can be asked for its keys."""

from collections.abc import AsyncIterator

import pytest

from tests.tenant import Tenant, serving


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    async with serving() as running:
        yield running
