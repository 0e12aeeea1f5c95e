"""Rows in a dictionary: a fake that passes the same contract tests as Table Storage."""

import itertools
import operator
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from shared.adapters.storage.rows import (
    KEY,
    PARTITION,
    Condition,
    Operator,
    Row,
    Value,
    Verb,
    Write,
    check_transaction,
)
from shared.application.ports import StaleError

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GE: operator.ge,
    Operator.GT: operator.gt,
    Operator.LE: operator.le,
    Operator.LT: operator.lt,
}


class MemoryRows:
    """Tables as dictionaries of rows by partition and key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, str], Row]] = {}
        self._etags = itertools.count(1)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return self.tables.get(table, {}).get((partition, key))

    async def write(self, table: str, write: Write) -> str:
        return (await self.transact(table, [write]))[0]

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        check_transaction(writes)
        rows = self.tables.setdefault(table, {})
        places = [(write.row.partition, write.row.key) for write in writes]
        # Each write sees the others of its transaction; all or none of them stay.
        after = {place: rows[place] for place in places if place in rows}
        etags = [self._apply(after, write) for write in writes]
        for place in places:
            rows.pop(place, None)
        rows.update(after)
        return etags

    def _apply(self, rows: dict[tuple[str, str], Row], write: Write) -> str:
        at = (write.row.partition, write.row.key)
        before = rows.get(at)
        if write.verb is Verb.DELETE:
            if before and write.row.etag and before.etag != write.row.etag:
                raise StaleError(at)
            rows.pop(at, None)
            return ""
        if write.verb is Verb.INSERT and before:
            raise StaleError(at)
        if write.row.etag and (before is None or before.etag != write.row.etag):
            raise StaleError(at)
        kept = before.values if before and write.verb is Verb.MERGE else {}
        etag = str(next(self._etags))
        values = {**kept, **write.row.values}
        rows[at] = Row(partition=at[0], key=at[1], values=values, etag=etag)
        return etag

    async def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        rows = self.tables.get(table, {}).values()
        found = [row for row in rows if all(_meets(row, condition) for condition in where)]
        for row in sorted(found, key=lambda row: (row.partition, row.key)):
            values = {k: v for k, v in row.values.items() if not select or k in select}
            yield Row(partition=row.partition, key=row.key, values=values, etag=row.etag)


def _meets(row: Row, condition: Condition) -> bool:
    value = _value(row, condition.column)
    return value is not None and _COMPARE[condition.operator](value, condition.value)


def _value(row: Row, column: str) -> Value | None:
    if column == PARTITION:
        return row.partition
    return row.key if column == KEY else row.values.get(column)
