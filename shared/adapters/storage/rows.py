"""Rows: the part of Table Storage that the stores need, as a protocol with two implementations.

A row is found by table, partition and key, holds strings, integers, floats and booleans, and has an ETag. A write
that carries an ETag is conditional; one that has lost raises `StaleError` and has changed nothing. Implementations
*confirm*: a write that a client library repeated, and that lost only against itself, has won.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from shared.application.ports import StaleError

Value = str | int | float | bool

BATCH = 100
"""Rows in one transaction (learn.microsoft.com/rest/api/storageservices, entity group transactions)."""
_BATCH_CHARACTERS = 150_000
"""Text in one transaction: far less than its 4 MiB hold, whatever the encoding makes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; `etag` is empty on a row that was not read."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str = ""


class Verb(Enum):
    """How a row is written."""

    INSERT = "insert"
    """There must be none."""
    REPLACE = "replace"
    """The row must have the ETag; an empty one means that anything, or nothing, may be there."""
    MERGE = "merge"
    """As `REPLACE`, but columns that are not named stay."""
    DELETE = "delete"
    """The row must have the ETag, if one is given; that it is gone already is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of one row."""

    verb: Verb
    row: Row


class Operator(Enum):
    """How a condition compares; strings compare by code point."""

    EQ = "eq"
    NE = "ne"
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`column operator value`; a row without the column never meets it."""

    column: str
    operator: Operator
    value: Value


PARTITION = "PartitionKey"
KEY = "RowKey"


def in_partition(partition: str) -> tuple[Condition, ...]:
    """The conditions that select one partition."""
    return (Condition(column=PARTITION, operator=Operator.EQ, value=partition),)


def starting_with(column: str, prefix: str) -> tuple[Condition, ...]:
    """The conditions that select the values of *column* that begin with *prefix*."""
    last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return (
        Condition(column=column, operator=Operator.GE, value=prefix),
        Condition(column=column, operator=Operator.LT, value=last),
    )


class Rows(Protocol):
    """Tables are made on first use."""

    async def get(self, table: str, partition: str, key: str) -> Row | None: ...

    async def write(self, table: str, write: Write) -> str:
        """Write one row; the answer is its new ETag, empty after a deletion. Raises `StaleError`."""

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        """Writes that pass `check_transaction`, all or none; the ETags. Raises `StaleError`."""

    def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        """Rows that meet all conditions, by partition and key; *select* names columns, empty means all."""


def check_transaction(writes: Sequence[Write]) -> None:
    """Raise `ValueError` unless these are at most `BATCH` rows of one partition, each once."""
    places = {(write.row.partition, write.row.key) for write in writes}
    if len(places) < len(writes) or len({partition for partition, _ in places}) > 1:
        raise ValueError("A transaction has each row once, and all in one partition.")
    if len(writes) > BATCH:
        raise ValueError(f"A transaction has at most {BATCH} writes.")


async def write_many(rows: Rows, table: str, writes: Sequence[Write]) -> set[str]:
    """Write rows of one partition, splitting a transaction that meets a lost race; the keys that were written."""
    written: set[str] = set()
    for some in _batches(writes):
        try:
            await rows.transact(table, some)
            written |= {write.row.key for write in some}
        except StaleError:
            written |= {write.row.key for write in some if await _wrote(rows, table, write)}
    return written


def _batches(writes: Sequence[Write]) -> Iterator[list[Write]]:
    batch, size = list[Write](), 0
    for write in writes:
        added = sum(len(str(value)) for value in write.row.values.values())
        if batch and (len(batch) == BATCH or size + added > _BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += added
    if batch:
        yield batch


async def _wrote(rows: Rows, table: str, write: Write) -> bool:
    try:
        await rows.write(table, write)
    except StaleError:
        return False
    return True
