"""Servers on premises as rows: each lies under its subscription and group, as a configuration does."""

from collections.abc import AsyncIterator
from dataclasses import replace

from shared.adapters.storage.codec import from_row, to_row
from shared.adapters.storage.keys import id_to_key
from shared.adapters.storage.rows import PARTITION, Row, Rows, Verb, Write, starting_with
from shared.application.ports import StoredServer

SERVERS = "Servers"
_SEPARATOR = "|providers|"


class Servers:
    """The port `ServerStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, server_id: str) -> StoredServer | None:
        row = await self._rows.get(SERVERS, *_place(server_id))
        return from_row(StoredServer, row) if row else None

    async def insert(self, server: StoredServer) -> StoredServer:
        return await self._write(Verb.INSERT, server)

    async def replace(self, server: StoredServer) -> StoredServer:
        return await self._write(Verb.REPLACE, server)

    async def delete(self, server: StoredServer) -> None:
        partition, key = _place(server.id)
        row = Row(partition=partition, key=key, values={}, etag=server.etag)
        await self._rows.write(SERVERS, Write(verb=Verb.DELETE, row=row))

    async def list(self, prefix: str) -> AsyncIterator[StoredServer]:
        where = starting_with(PARTITION, id_to_key(prefix) + "|")
        async for row in self._rows.query(SERVERS, where):
            yield from_row(StoredServer, row)

    async def _write(self, verb: Verb, server: StoredServer) -> StoredServer:
        partition, key = _place(server.id)
        row = to_row(server, partition=partition, key=key)
        etag = await self._rows.write(SERVERS, Write(verb=verb, row=row))
        return replace(server, etag=etag)


def _place(server_id: str) -> tuple[str, str]:
    """Partition (subscription and group) and row (name) of a server."""
    # The last of them, since a group may be called `providers`.
    scope, _, rest = id_to_key(server_id).rpartition(_SEPARATOR)
    return scope + "|", rest.rpartition("|")[2]
