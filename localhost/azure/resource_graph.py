"""Resource Graph: KQL over tables of the fleet, on DuckDB.

A caller sees only the subscriptions it names, through views; an unknown subscription gives no rows. Rows are replaced
by their owner (a machine, an install), many owners in one statement, so nothing is ever built anew. The engine lacks
`strcmp`, which is put before each query as a function. A skip token is the number of rows that were given already: it
goes on in an answer that may have changed since, as Resource Graph's does.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Self

import duckdb
import duckdb_kql

from localhost.azure.errors import ArmError
from localhost.azure.rows import TENANT, Row

TABLES = ("resources", "patchinstallationresources", "patchassessmentresources")
MOST_ROWS = 1000

_COLUMNS = (
    "id",
    "name",
    "type",
    "tenantId",
    "location",
    "resourceGroup",
    "subscriptionId",
    "tags",
    "properties",
)
_DYNAMIC = ("tags", "properties")
_INSTANT = re.compile(r"(?<=\bdatetime\()\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z(?=\))")
_SOME_INSTANT = "2000-01-01T00:00:00.000000Z"
_OWN_TIME_OR_PARAMETERS = re.compile(r"\b(now|ago|declare)\b")
_STRCMP = "let strcmp = (a: string, b: string) { iff(a == b, 0, iff(a > b, 1, -1)) };\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request: `subscriptions` None means all, `top` is at most 1,000, `skip` what a skip token says."""

    text: str
    subscriptions: tuple[str, ...] | None = None
    top: int = MOST_ROWS
    skip: int = 0

    @classmethod
    def parse(cls, body: object) -> Self:
        """Read the body; raises `ArmError` (400)."""
        if not isinstance(body, Mapping) or not isinstance(body.get("query"), str):
            raise _invalid("The query is missing.")
        subscriptions, options = body.get("subscriptions"), body.get("options") or {}
        if subscriptions is not None and not isinstance(subscriptions, list):
            raise _invalid("'subscriptions' is a list.")
        if not isinstance(options, Mapping):
            raise _invalid("'options' is an object.")
        top = options.get("$top", MOST_ROWS)
        if not isinstance(top, int) or not 1 <= top <= MOST_ROWS:
            raise _invalid("'options.$top' is a number from 1 to 1000.")
        return cls(
            text=body["query"],
            subscriptions=None if subscriptions is None else tuple(map(str, subscriptions)),
            top=top,
            skip=_skipped(options.get("$skipToken")),
        )


class ResourceGraph:
    """The tables and their query language. Not for several threads."""

    def __init__(self) -> None:
        # A query may not read this machine's files.
        self._database = duckdb_kql.connect(config={"enable_external_access": "false"})
        self._database.execute("create schema stored")
        self._database.execute("create table stored.visible (subscription varchar)")
        self._database.execute("create table stored.hidden (owner varchar)")
        self._hidden: frozenset[str] = frozenset()
        columns = ", ".join(f"{c} {'json' if c in _DYNAMIC else 'varchar'}" for c in _COLUMNS)
        for table in TABLES:
            self._database.execute(f"create table stored.{table} (owner varchar, {columns})")
            self._database.execute(
                f"create view {table} as select * exclude (owner) from stored.{table} "  # noqa: S608
                "where subscriptionId in (select subscription from stored.visible) "
                "and owner not in (select owner from stored.hidden)"
            )

    def replace(self, table: str, rows: Mapping[str, Iterable[Row]]) -> None:
        """Put *rows*, by owner, in the place of all rows that these owners had; no rows: they have none any more."""
        if not rows:
            return
        self._database.execute(
            f"delete from stored.{table} where owner in (select unnest(?))",  # noqa: S608
            [list(rows)],
        )
        values = [_values(owner, row) for owner, owned in rows.items() for row in owned]
        if values:
            marks = ", ".join("unnest(?::varchar[])" for _ in values[0])
            self._database.execute(
                f"insert into stored.{table} select {marks}",
                [list(column) for column in zip(*values, strict=True)],
            )

    def hide(self, owners: frozenset[str]) -> None:
        """Show nothing of these, and all of the others."""
        if owners == self._hidden:
            return
        self._hidden = owners
        self._database.execute("delete from stored.hidden")
        self._database.execute("insert into stored.hidden select unnest(?::varchar[])", [[*owners]])

    def answer(self, query: Query, now: datetime) -> dict[str, Any]:
        """The reply to a query; raises `ArmError` (400, details `InvalidQuery`) for one that is none.

        *now* is what `now()` and `ago(..)` mean.
        """
        self._show(query.subscriptions)
        try:
            sql, parameters = translated(query.text, now)
            cursor = self._database.execute(sql, parameters)
            columns = [(column[0], _reader(str(column[1]))) for column in cursor.description]
            cursor.fetchmany(query.skip)
            rows = cursor.fetchmany(query.top + 1)
            total = query.skip + len(rows)
            if len(rows) > query.top:
                total = self._count(sql, parameters)
        except (duckdb_kql.KqlError, duckdb.Error) as error:
            raise _invalid(str(error)) from error
        data = [_document(columns, row) for row in rows[: query.top]]
        whole = {
            "totalRecords": total,
            "count": len(data),
            "resultTruncated": "false",
            "data": data,
            "facets": [],
        }
        return whole if len(rows) <= query.top else _cut(whole, len(data), skipped=query.skip)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _show(self, subscriptions: Sequence[str] | None) -> None:
        self._database.execute("delete from stored.visible")
        if subscriptions is None:
            self._database.execute(
                "insert into stored.visible select distinct subscriptionId from stored.resources"
            )
        elif subscriptions:
            self._database.execute(
                "insert into stored.visible select unnest(?::varchar[])",
                [[subscription.lower() for subscription in subscriptions]],
            )

    def _count(self, sql: str, parameters: Any) -> int:
        counted = f"select count(*) from ({sql})"  # noqa: S608
        found = self._database.execute(counted, parameters).fetchone()
        return int(found[0]) if found else 0


def translated(text: str, now: datetime) -> tuple[str, Any]:
    """The query as SQL, and its parameters; those that differ by one instant only are parsed once, for it is dear."""
    instants = _INSTANT.findall(text)
    if len(instants) != 1 or _OWN_TIME_OR_PARAMETERS.search(text):
        sql = to_sql(text, now)
        return str(sql), sql.parameters
    return _remembered(_INSTANT.sub(_SOME_INSTANT, text)).replace(_SOME_INSTANT, instants[0]), {}


@lru_cache(maxsize=256)
def _remembered(text: str) -> str:
    return str(to_sql(text, now=None))


def to_sql(text: str, now: datetime | None) -> Any:
    """The query as the engine translates it, with its parameters; raises `KqlError`."""
    return duckdb_kql.to_sql(_STRCMP + text, schema=_schema(), allow_write=False, query_now=now)


def half(answer: dict[str, Any], body: object) -> dict[str, Any]:
    """The same answer to *body* with half of its rows, as one that is too large in bytes; one row stays as it is."""
    rows = len(answer["data"])
    return answer if rows < 2 else _cut(answer, rows // 2, skipped=Query.parse(body).skip)


def _cut(answer: dict[str, Any], rows: int, *, skipped: int) -> dict[str, Any]:
    token = base64.urlsafe_b64encode(str(skipped + rows).encode()).decode()
    data = answer["data"][:rows]
    # Without an id in its rows a query can't be gone on with.
    more = {"$skipToken": token} if "id" in data[0] else {}
    return {**answer, "count": rows, "resultTruncated": "true", "data": data, **more}


def _skipped(token: object) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(token)))
    except ValueError as error:
        raise _invalid("'options.$skipToken' is not one of this service.") from error


def _schema() -> dict[str, list[str]]:
    return {table: list(_COLUMNS) for table in TABLES}


def _values(owner: str, row: Row) -> tuple[str | None, ...]:
    machine = row.machine
    return (
        owner,
        row.id,
        row.name,
        row.kind,
        TENANT,
        machine.location.lower(),
        machine.resource_group.lower(),
        machine.subscription.lower(),
        None if row.tags is None else json.dumps(row.tags),
        json.dumps(row.properties),
    )


def _reader(column_type: str) -> Callable[[Any], Any]:
    """How a value of a column becomes JSON: dynamic ones are stored as text."""
    return json.loads if column_type == "JSON" else _plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%f}0Z"
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, bool | int | float | str | list | dict) else str(value)


def _document(
    columns: Sequence[tuple[str, Callable[[Any], Any]]], row: tuple[Any, ...]
) -> dict[str, Any]:
    return {
        name: None if value is None else read(value)
        for (name, read), value in zip(columns, row, strict=True)
    }


def _invalid(reason: str) -> ArmError:
    return ArmError(
        HTTPStatus.BAD_REQUEST,
        "BadRequest",
        message="Please provide below info when asking for support: this is a local Azure.",
        details=(("InvalidQuery", "Query is invalid."), ("ParserFailure", reason)),
    )
