"""Resources of a resource group as rows: each lies under its subscription and group, in a row of its name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Generic, TypeVar

from shared.adapters.storage.codec import from_row, to_row
from shared.adapters.storage.keys import LONGEST, id_to_key
from shared.adapters.storage.rows import PARTITION, Row, Rows, Verb, Write, starting_with
from shared.application.ports import StoredConfiguration, StoredServer

_SEPARATOR = "|providers|"
T = TypeVar("T", StoredConfiguration, StoredServer)


class Resources(Generic[T]):
    """The documents of one kind in their table; a resource's key has at most *longest* characters."""

    def __init__(self, rows: Rows, table: str, kind: type[T], *, longest: int = LONGEST) -> None:
        self._rows = rows
        self._table = table
        self._kind: type[T] = kind
        self._longest = longest

    async def get(self, resource_id: str) -> T | None:
        row = await self._rows.get(self._table, *self._place(resource_id))
        return from_row(self._kind, row) if row else None

    async def insert(self, resource: T) -> T:
        return await self._write(Verb.INSERT, resource)

    async def replace(self, resource: T) -> T:
        return await self._write(Verb.REPLACE, resource)

    async def delete(self, resource: T) -> None:
        partition, key = self._place(resource.id)
        row = Row(partition=partition, key=key, values={}, etag=resource.etag)
        await self._rows.write(self._table, Write(verb=Verb.DELETE, row=row))

    async def list(self, prefix: str) -> AsyncIterator[T]:
        where = starting_with(PARTITION, id_to_key(prefix) + "|")
        async for row in self._rows.query(self._table, where):
            yield from_row(self._kind, row)

    async def _write(self, verb: Verb, resource: T) -> T:
        partition, key = self._place(resource.id)
        row = to_row(resource, partition=partition, key=key)
        etag = await self._rows.write(self._table, Write(verb=verb, row=row))
        return replace(resource, etag=etag)

    def _place(self, resource_id: str) -> tuple[str, str]:
        """Partition (subscription and group) and row (name)."""
        key = id_to_key(resource_id, longest=self._longest)
        # The last of them, since a group may be called `providers`.
        scope, _, rest = key.rpartition(_SEPARATOR)
        return scope + "|", rest.rpartition("|")[2]
