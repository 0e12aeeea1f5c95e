"""Rows: the part of Table Storage that the stores need, as a protocol with two implementations.

A row is found by table, partition and key, holds strings, integers, floats and booleans, and has an ETag. A write
that carries an ETag is conditional; one that has lost raises `StaleError` and has changed nothing. Implementations
*confirm*: a write that a client library repeated, and that lost only against itself, has won.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

Value = str | int | float | bool

BATCH = 100
"""Rows in one transaction (learn.microsoft.com/rest/api/storageservices, entity group transactions)."""


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
        """At most `BATCH` writes in one partition, all or none; the ETags. Raises `StaleError`."""

    def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        """Rows that meet all conditions, by partition and key; *select* names columns, empty means all."""
