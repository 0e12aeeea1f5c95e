"""Maintenance configurations and their assignments as rows.

A configuration lies under its subscription and group, an assignment under the scope it hangs on. An index lists a
configuration's assignments; it is written before the document and removed after it, so it may hold an entry too many,
which counts for nothing, and never one too few. Against a rival who removes the entry just then, it is written again
after the document, and removed by ETag only where no document names the configuration any more.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from shared.adapters.storage.codec import from_row, to_row
from shared.adapters.storage.keys import LONGEST, hashed, id_to_key
from shared.adapters.storage.resources import Resources
from shared.adapters.storage.rows import (
    PARTITION,
    Row,
    Rows,
    Verb,
    Write,
    in_partition,
    starting_with,
)
from shared.application.concurrency import gather_bounded
from shared.application.ports import StaleError, StoredAssignment, StoredConfiguration
from shared.domain.records import RunId

CONFIGURATIONS = "Configurations"
ASSIGNMENTS = "Assignments"
BY_CONFIGURATION = "AssignmentsByConfiguration"
_LONGEST_ID = LONGEST - len(id_to_key(RunId(configuration_id="", key=14 * "0").text))
"""Characters of a configuration's key that leave room for its runs'."""
_AT_ONCE = 16
"""Documents that are read side by side: a configuration may have thousands, each in a partition of its own."""
_SOME = 4 * _AT_ONCE
"""Documents that are read before the first of them is handed on."""


class Configurations(Resources[StoredConfiguration]):
    """The port `ConfigurationStore`."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, CONFIGURATIONS, StoredConfiguration, longest=_LONGEST_ID)


class Assignments:
    """The port `AssignmentStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, scope_id: str, name: str) -> StoredAssignment | None:
        row = await self._rows.get(ASSIGNMENTS, id_to_key(scope_id), id_to_key(name))
        return from_row(StoredAssignment, row) if row else None

    async def insert(self, assignment: StoredAssignment) -> StoredAssignment:
        await self._index(assignment)
        written = await self._write(Verb.INSERT, assignment)
        await self._index(assignment)
        return written

    async def replace(
        self, assignment: StoredAssignment, previous: StoredAssignment
    ) -> StoredAssignment:
        await self._index(assignment)
        written = await self._write(Verb.REPLACE, replace(assignment, etag=previous.etag))
        await self._index(assignment)
        if id_to_key(previous.configuration_id) != id_to_key(assignment.configuration_id):
            await self._unindex(previous)
        return written

    async def delete(self, assignment: StoredAssignment) -> None:
        row = to_row(
            assignment, partition=id_to_key(assignment.scope_id), key=id_to_key(assignment.name)
        )
        await self._rows.write(ASSIGNMENTS, Write(verb=Verb.DELETE, row=row))
        await self._unindex(assignment)

    async def list(self, scope_id: str) -> AsyncIterator[StoredAssignment]:
        async for row in self._rows.query(ASSIGNMENTS, in_partition(id_to_key(scope_id))):
            yield from_row(StoredAssignment, row)

    async def list_within(self, prefix: str) -> AsyncIterator[StoredAssignment]:
        key = id_to_key(prefix)
        async for row in self._rows.query(ASSIGNMENTS, in_partition(key)):
            yield from_row(StoredAssignment, row)
        async for row in self._rows.query(ASSIGNMENTS, starting_with(PARTITION, key + "|")):
            yield from_row(StoredAssignment, row)

    async def list_of(self, configuration_id: str) -> AsyncIterator[StoredAssignment]:
        own = id_to_key(configuration_id)
        entries = [row async for row in self._rows.query(BY_CONFIGURATION, in_partition(own))]
        for at in range(0, len(entries), _SOME):
            some = entries[at : at + _SOME]
            for assignment in await gather_bounded(map(self._named, some), _AT_ONCE):
                if assignment and id_to_key(assignment.configuration_id) == own:
                    yield assignment

    async def _named(self, entry: Row) -> StoredAssignment | None:
        """What an index entry names."""
        scope, name = str(entry.values["scope"]), str(entry.values["name"])
        row = await self._rows.get(ASSIGNMENTS, scope, name)
        return from_row(StoredAssignment, row) if row else None

    async def _write(self, verb: Verb, assignment: StoredAssignment) -> StoredAssignment:
        row = to_row(
            assignment, partition=id_to_key(assignment.scope_id), key=id_to_key(assignment.name)
        )
        etag = await self._rows.write(ASSIGNMENTS, Write(verb=verb, row=row))
        return replace(assignment, etag=etag)

    async def _index(self, assignment: StoredAssignment) -> None:
        entry = _index_entry(assignment)
        await self._rows.write(BY_CONFIGURATION, Write(verb=Verb.REPLACE, row=entry))

    async def _unindex(self, assignment: StoredAssignment) -> None:
        entry = _index_entry(assignment)
        seen = await self._rows.get(BY_CONFIGURATION, entry.partition, entry.key)
        current = await self.get(assignment.scope_id, assignment.name)
        if seen is None or (current and _index_entry(current).partition == entry.partition):
            return
        with suppress(StaleError):
            await self._rows.write(BY_CONFIGURATION, Write(verb=Verb.DELETE, row=seen))


def _index_entry(assignment: StoredAssignment) -> Row:
    scope, name = id_to_key(assignment.scope_id), id_to_key(assignment.name)
    return Row(
        partition=id_to_key(assignment.configuration_id),
        key=hashed(scope, name),
        values={"scope": scope, "name": name, "assignment": assignment.id},
    )
