"""Rows in Azure Table Storage.

Each write puts a fresh `stamp` into its row. The SDK repeats a request whose reply was lost, and then loses against
itself: so after a 409, 404 or 412 the row is read back, and the own stamp in it means that the write has won. All
conditional writes of Muster pass here, so this is the only place that knows.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.adapters.storage.rows import (
    KEY,
    PARTITION,
    Condition,
    Row,
    Value,
    Verb,
    Write,
    check_transaction,
)
from shared.application.ports import StaleError
from shared.errors import UnavailableError

STAMP = "stamp"
_LOST = (404, 409, 412)
T = TypeVar("T")


class AzureRows:
    """Tables of one storage account, each created before it is first used."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service
        self._tables: dict[str, asyncio.Task[TableClient]] = {}

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        client = await self._client(table)
        try:
            return _row(await _answer(client.get_entity(partition, key)))
        except ResourceNotFoundError:
            return None

    async def write(self, table: str, write: Write) -> str:
        client = await self._client(table)
        stamp = secrets.token_hex(16)
        try:
            return _etag(await _answer(_single(client, write, stamp)))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            if write.verb is Verb.DELETE and isinstance(error, ResourceNotFoundError):
                return ""
            return (await self._confirmed(table, [write], stamp, error))[0]

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        check_transaction(writes)
        client = await self._client(table)
        stamp = secrets.token_hex(16)
        operations = [_operation(write, stamp) for write in writes]
        try:
            replies = await _answer(client.submit_transaction(operations))
            return [_etag(reply) for reply in replies]
        except TableTransactionError as error:
            if error.status_code not in _LOST:
                raise UnavailableError(f"Table Storage: {error.message}") from error
            return await self._confirmed(table, writes, stamp, error)

    async def _confirmed(
        self, table: str, writes: Sequence[Write], stamp: str, error: Exception
    ) -> list[str]:
        """The ETags of rows that bear our stamp; `StaleError` if any other row does not."""
        etags = []
        for write in writes:
            row = await self.get(table, write.row.partition, write.row.key)
            deleted = write.verb is Verb.DELETE and row is None
            if not deleted and (row is None or row.values.get(STAMP) != stamp):
                raise StaleError(table, write.row.partition, write.row.key) from error
            etags.append(row.etag if row else "")
        return etags

    async def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        client = await self._client(table)
        columns = [PARTITION, KEY, *select] if select else None
        pages = client.query_entities(_filter(where), select=columns).by_page()
        try:
            async for page in pages:
                async for entity in page:
                    yield _row(entity)
        except AzureError as error:
            raise UnavailableError(f"Table Storage: {error}") from error

    async def _client(self, table: str) -> TableClient:
        task = self._tables.get(table)
        if task is None or (task.done() and task.exception()):
            task = self._tables[table] = asyncio.ensure_future(self._create(table))
        return await asyncio.shield(task)

    async def _create(self, table: str) -> TableClient:
        return await _answer(self._service.create_table_if_not_exists(table))


async def _answer(call: Awaitable[T]) -> T:
    """Await a call; what is neither an answer nor a lost race becomes `UnavailableError`."""
    try:
        return await call
    except (
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
        TableTransactionError,
    ):
        raise
    except HttpResponseError as error:
        raise UnavailableError(f"Table Storage: {error.message}") from error
    except AzureError as error:
        raise UnavailableError(f"Table Storage: {error}") from error


def _entity(row: Row, stamp: str) -> dict[str, Any]:
    return {PARTITION: row.partition, KEY: row.key, STAMP: stamp, **row.values}


def _condition(row: Row) -> dict[str, Any]:
    if not row.etag:
        return {}
    return {"etag": row.etag, "match_condition": MatchConditions.IfNotModified}


_MODES = {Verb.REPLACE: UpdateMode.REPLACE, Verb.MERGE: UpdateMode.MERGE}


def _single(client: TableClient, write: Write, stamp: str) -> Awaitable[Any]:
    row = write.row
    if write.verb is Verb.INSERT:
        return client.create_entity(_entity(row, stamp))
    if write.verb is Verb.DELETE:
        return client.delete_entity(row.partition, row.key, **_condition(row))
    change: Callable[..., Awaitable[Any]] = (
        client.update_entity if row.etag else client.upsert_entity
    )
    return change(_entity(row, stamp), mode=_MODES[write.verb], **_condition(row))


def _operation(write: Write, stamp: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    row, entity = write.row, _entity(write.row, stamp)
    if write.verb is Verb.INSERT:
        return ("create", entity, {})
    if write.verb is Verb.DELETE:
        return ("delete", entity, _condition(row))
    return (
        "update" if row.etag else "upsert",
        entity,
        {"mode": _MODES[write.verb], **_condition(row)},
    )


def _etag(reply: Mapping[str, Any] | None) -> str:
    return str((reply or {}).get("etag", ""))


def _row(entity: Any) -> Row:
    values = {
        name: value
        for name, value in entity.items()
        if name not in (PARTITION, KEY) and value is not None
    }
    return Row(
        partition=entity[PARTITION],
        key=entity[KEY],
        values=values,
        etag=str(entity.metadata["etag"]),
    )


def _filter(where: Sequence[Condition]) -> str:
    return " and ".join(f"{c.column} {c.operator.value} {_literal(c.value)}" for c in where)


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
