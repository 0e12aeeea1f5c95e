"""Microsoft's client of the tables, as one process has it: the part that the product calls, with a network below it.

A write may fail before it arrives, or after it was committed, or time out after that; or its reply is lost, and the
client repeats it by itself and is refused for what it did before (409, 404, 412). Reads fail. Meanwhile others write.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from azure.core.exceptions import HttpResponseError, ServiceResponseError

from localhost.simulation.chances import (
    STORAGE_DOWN,
    TABLE_ERROR,
    TABLE_ERROR_AFTER_COMMIT,
    TABLE_READ_ERROR,
    TABLE_REPEAT,
    TABLE_TIME_OUT_AFTER_COMMIT,
    Chances,
)
from localhost.simulation.journal import Journal
from localhost.simulation.process import Process
from localhost.simulation.tables import KEY, PARTITION, Entity, Operation, Place, Tables

T = TypeVar("T")

_PAUSE = (timedelta(milliseconds=800), timedelta(seconds=8))
"""Between a request and its repetition by the client."""
_GIVES_UP = (timedelta(seconds=2), timedelta(seconds=40))
"""Until the client has repeated often enough and says that it failed."""
_TIME_OUT = (timedelta(seconds=30), timedelta(seconds=60))
_PAGES = (2, 5, 1000, 1000, 1000, 1000, 1000, 1000)
_OF_WRITES = (TABLE_ERROR, TABLE_ERROR_AFTER_COMMIT, TABLE_TIME_OUT_AFTER_COMMIT, TABLE_REPEAT)
_DANGEROUS = {"Jobs": 4.0, "Runs": 2.0, "Machines": 2.0}
"""Where a death hurts most, it comes more often."""


class Storage:
    """One storage account: what it keeps, and whether it can be reached."""

    def __init__(self, tables: Tables, journal: Journal, chances: Chances) -> None:
        self.tables = tables
        self.journal = journal
        self.chances = chances
        self.is_down = False


class TableService:
    """The service client of one process."""

    def __init__(self, storage: Storage, process: Process) -> None:
        self._storage = storage
        self._process = process

    async def create_table_if_not_exists(self, name: str) -> "TableClient":
        return TableClient(name, self._storage, self._process)


class TableClient:
    """The client of one table."""

    def __init__(self, name: str, storage: Storage, process: Process) -> None:
        self._name = name
        self._tables = storage.tables
        self._storage = storage
        self._chances = storage.chances
        self._process = process
        self._danger = _DANGEROUS.get(name, 1.0)

    async def get_entity(self, partition: str, key: str) -> Entity:
        return await self._read(
            f"get {self._name} {_end(key)}", lambda: self._tables.get(self._name, partition, key)
        )

    async def create_entity(self, entity: dict[str, Any]) -> Mapping[str, Any]:
        return await self._write(("create", entity, {}))

    async def update_entity(self, entity: dict[str, Any], **options: Any) -> Mapping[str, Any]:
        return await self._write(("update", entity, options))

    async def upsert_entity(self, entity: dict[str, Any], **options: Any) -> Mapping[str, Any]:
        return await self._write(("upsert", entity, options))

    async def delete_entity(self, partition: str, key: str, **options: Any) -> Mapping[str, Any]:
        return await self._write(("delete", {PARTITION: partition, KEY: key}, options))

    async def submit_transaction(
        self, operations: Sequence[Operation]
    ) -> Sequence[Mapping[str, Any]]:
        name = f"transact {self._name} {len(operations)} rows{_phases(operations)}"
        return await self._change(name, lambda: self._tables.transact(self._name, operations))

    def query_entities(self, where: str, *, select: Sequence[str] | None = None) -> "_Query":
        return _Query(self._pages(where))

    async def _pages(self, where: str) -> AsyncIterator[AsyncIterator[Entity]]:
        after: Place | None = None
        while True:
            page, after = await self._read(
                f"query {self._name}", self._page(where, after, self._chances.one_of(_PAGES))
            )
            yield _each(page)
            if after is None:
                return

    def _page(
        self, where: str, after: Place | None, limit: int
    ) -> Callable[[], tuple[list[Entity], Place | None]]:
        return lambda: self._tables.page(self._name, where, after=after, limit=limit)

    async def _write(self, operation: Operation) -> Mapping[str, Any]:
        verb, entity, _ = operation
        name = f"{verb} {self._name} {_end(entity[KEY])}{_phases([operation])}"
        return await self._change(name, lambda: self._tables.apply(self._name, operation))

    async def _read(self, name: str, effect: Callable[[], T]) -> T:
        if self._storage.is_down or self._chances.strikes(TABLE_READ_ERROR):
            await self._fail(name)
        return await self._process.call(name, effect)

    async def _change(self, name: str, effect: Callable[[], T]) -> T:
        fault = TABLE_ERROR if self._storage.is_down else self._chances.first_of(*_OF_WRITES)
        if not fault:
            return await self._process.call(name, effect, danger=self._danger)
        if fault == TABLE_ERROR:
            await self._fail(name)
        await self._process.call(f"{name} [{fault}]", effect, danger=self._danger)
        if fault == TABLE_REPEAT:
            return await self._process.call(
                f"{name} again", effect, takes=self._chances.between(*_PAUSE)
            )
        if fault == TABLE_ERROR_AFTER_COMMIT:
            await self._fail(name)
        self._storage.journal.mishap()
        await self._process.sleep(self._chances.between(*_TIME_OUT))
        self._storage.journal.mishap()
        raise ServiceResponseError("no answer came")

    async def _fail(self, name: str) -> NoReturn:
        """Say after a while that it failed."""
        if self._storage.is_down:
            self._chances.note(STORAGE_DOWN)
        self._storage.journal.mishap()
        await self._process.call(
            f"{name} fails", lambda: None, takes=self._chances.between(*_GIVES_UP)
        )
        self._storage.journal.mishap()
        raise HttpResponseError("503 Server Busy")


class _Query:
    """What a query is answered with: pages."""

    def __init__(self, pages: AsyncIterator[AsyncIterator[Entity]]) -> None:
        self._pages = pages

    def by_page(self) -> AsyncIterator[AsyncIterator[Entity]]:
        return self._pages


async def _each(page: Sequence[Entity]) -> AsyncIterator[Entity]:
    for entity in page:
        yield entity


def _end(key: str) -> str:
    return key.rpartition("|")[2][:14]


def _phases(operations: Sequence[Operation]) -> str:
    phases = {
        str(entity.get("outcome") or entity.get("phase") or "") for _, entity, _ in operations
    }
    return "".join(f" {phase}" for phase in sorted(phases) if phase)
