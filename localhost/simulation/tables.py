"""The tables of a storage account as Azure keeps them: what is stored, and what a request is answered with.

Requests are refused with the errors of Microsoft's own client, so that the product's code above it is the real one.
Pages of a query are read one by one, and what others write in between is seen in the later ones.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableTransactionError, UpdateMode

PARTITION = "PartitionKey"
KEY = "RowKey"
_CONDITION = re.compile(r"(\w+) (eq|ne|ge|gt|le|lt) ('(?:[^']|'')*'|[^ ]+)(?: and |$)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}
_STATUS: Mapping[type[HttpResponseError], int] = {
    ResourceExistsError: 409,
    ResourceModifiedError: 412,
    ResourceNotFoundError: 404,
}
Condition = tuple[str, Callable[[Any, Any], bool], Any]
Operation = tuple[str, dict[str, Any], Mapping[str, Any]]
Place = tuple[str, str]


class Entity(dict[str, Any]):
    """A row as the client hands it out: its columns, and its ETag beside them. It is never changed."""

    __slots__ = ("metadata",)

    def __init__(self, values: Mapping[str, Any], etag: str) -> None:
        super().__init__(values)
        self.metadata = {"etag": etag}


class Tables:
    """Rows by table, partition and key; `watch` is called with the table, the row before and the one after a write."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, dict[str, Entity]]] = {}
        self._etags = 0
        self.watch: Callable[[str, Entity | None, Entity | None], None] = lambda *_: None

    def partition(self, table: str, name: str) -> Mapping[str, Entity]:
        """The rows of a partition, by key."""
        return self._tables.get(table, {}).get(name, {})

    def get(self, table: str, partition: str, key: str) -> Entity:
        """One row; ResourceNotFoundError."""
        found = self.partition(table, partition).get(key)
        if found is None:
            raise ResourceNotFoundError("404")
        return found

    def apply(self, table: str, operation: Operation) -> dict[str, Any]:
        """Carry out one write; raises what the client would."""
        self._check(table, operation)
        return self._carry_out(table, operation)

    def transact(self, table: str, operations: Sequence[Operation]) -> list[dict[str, Any]]:
        """Carry out all writes or none."""
        for operation in operations:
            try:
                self._check(table, operation)
            except HttpResponseError as error:
                refusal = TableTransactionError(message="refused")
                refusal.status_code = _STATUS[type(error)]
                raise refusal from error
        return [self._carry_out(table, operation) for operation in operations]

    def page(
        self, table: str, where: str, *, after: Place | None, limit: int
    ) -> tuple[list[Entity], Place | None]:
        """At most *limit* rows after a place, by partition and key, and the place to go on after."""
        found: list[Entity] = []
        for entity in self._matching(table, conditions(where), after):
            if len(found) == limit:
                return found, _place(found[-1])
            found.append(entity)
        return found, None

    def _matching(
        self, table: str, where: Sequence[Condition], after: Place | None
    ) -> Iterator[Entity]:
        partitions = self._tables.get(table, {})
        of_partition = [one for one in where if one[0] == PARTITION]
        of_rows = [one for one in where if one[0] != PARTITION]
        exact = [value for _, compare, value in of_partition if compare is _COMPARE["eq"]]
        for name in exact or sorted(partitions):
            if name not in partitions or not all(
                cmp(name, value) for _, cmp, value in of_partition
            ):
                continue
            if after and name < after[0]:
                continue
            rows = partitions[name]
            for key in sorted(rows):
                if after and (name, key) <= after:
                    continue
                if all(_meets(rows[key], one) for one in of_rows):
                    yield rows[key]

    def _check(self, table: str, operation: Operation) -> None:
        verb, entity, options = operation
        before = self.partition(table, entity[PARTITION]).get(entity[KEY])
        if verb == "create" and before is not None:
            raise ResourceExistsError("409")
        if before is None and verb in ("update", "delete"):
            raise ResourceNotFoundError("404")
        etag = options.get("etag")
        if etag and before is not None and before.metadata["etag"] != etag:
            raise ResourceModifiedError("412")

    def _carry_out(self, table: str, operation: Operation) -> dict[str, Any]:
        verb, entity, options = operation
        rows = self._tables.setdefault(table, {}).setdefault(entity[PARTITION], {})
        before = rows.get(entity[KEY])
        if verb == "delete":
            del rows[entity[KEY]]
            self.watch(table, before, None)
            return {}
        self._etags += 1
        etag = f"{self._etags}"
        kept = before if before and options.get("mode") is UpdateMode.MERGE else {}
        after = rows[entity[KEY]] = Entity({**kept, **entity}, etag)
        self.watch(table, before, after)
        return {"etag": etag}


@lru_cache(maxsize=4096)
def conditions(where: str) -> tuple[Condition, ...]:
    """The conditions of a filter, all of which have to be met."""
    return tuple(
        (column, _COMPARE[operator], _value(literal))
        for column, operator, literal in _CONDITION.findall(where)
    )


def _value(literal: str) -> object:
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    if literal in ("true", "false"):
        return literal == "true"
    return float(literal) if "." in literal else int(literal)


def _meets(entity: Entity, condition: Condition) -> bool:
    column, compare, value = condition
    found = entity.get(column)
    return found is not None and compare(found, value)


def _place(entity: Entity) -> Place:
    return entity[PARTITION], entity[KEY]
