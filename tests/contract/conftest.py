"""Every contract test runs twice, on the fake and on the real thing, in tables and queues of its own."""

from collections.abc import AsyncIterator, Sequence
from typing import cast
from uuid import uuid4

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.rows import Condition, Row, Rows, Write
from shared.adapters.storage.stores import Stores, stores


class RowsApart:
    """Rows whose tables bear a prefix, so that tests which share a storage don't meet."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._prefix = f"t{uuid4().hex[:12]}"

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return await self._rows.get(self._prefix + table, partition, key)

    async def write(self, table: str, write: Write) -> str:
        return await self._rows.write(self._prefix + table, write)

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        return await self._rows.transact(self._prefix + table, writes)

    def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        return self._rows.query(self._prefix + table, where, select=select)


@pytest.fixture(params=["memory", "azurite"])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    """Empty rows, in memory and in Azurite."""
    if request.param == "memory":
        yield RowsApart(MemoryRows())
        return
    connection = cast("str", request.getfixturevalue("azurite"))
    async with TableServiceClient.from_connection_string(
        connection, transport=AioHttpTransport(use_env_settings=False)
    ) as service:
        yield RowsApart(AzureRows(service))


@pytest.fixture
def stored(rows: Rows) -> Stores:
    """All stores over empty rows."""
    return stores(rows)
