"""Records to columns and back, by the types of their fields.

Instants become text of fixed width in UTC, so that they sort as text; durations become ISO 8601; enumerations their
values; anything nested becomes JSON, cut into columns (`document`, `document_1`, ...). A column holds 32,768 UTF-16
units: a longer text is cut, since the row could not be stored at all. None has no column in a new row; in a change it
is the empty text, which empties the column of a field that may be None. A record's `etag` is the row's.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from shared.adapters.storage.rows import Row, Value

LONGEST = 32_000
"""UTF-16 units in one column, a little less than fit."""
_CHUNK = LONGEST // 2  # characters, of at most two units each
T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def instant(value: datetime) -> str:
    """`2026-01-31T02:00:00.000000Z`: as text it sorts as the instants do."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_columns(values: Mapping[str, Any]) -> dict[str, Value]:
    """Columns of some fields of a record; None empties."""
    columns: dict[str, Value] = {}
    for name, value in values.items():
        plain = _plain(value)
        if isinstance(plain, Value):
            columns[name] = plain
            continue
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        for number, at in enumerate(range(0, len(text), _CHUNK)):
            columns[f"{name}_{number}" if number else name] = text[at : at + _CHUNK]
    return columns


def _plain(value: Any) -> Any:
    """What a column holds of a value, or what JSON does."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, int | float):
        return value
    return "" if value is None else _adapter(value.__class__).dump_python(value, mode="json")


def cut(text: str) -> str:
    """What one column holds of a text; what UTF-16 can't spell becomes `?`."""
    if text.isascii():
        return text[:LONGEST]
    return text.encode("utf-16-le", "replace")[: 2 * LONGEST].decode("utf-16-le", "ignore")


def to_row(record: Any, *, partition: str, key: str) -> Row:
    """The row of a whole record."""
    values = {name: getattr(record, name) for name in columns_of(type(record))}
    values = {name: value for name, value in values.items() if value is not None}
    return Row(partition=partition, key=key, values=to_columns(values), etag=record.etag)


def columns_of(kind: Any) -> list[str]:
    """The columns to select for a record without nested fields."""
    return [field.name for field in fields(kind) if field.name != "etag"]


def from_row(kind: Callable[..., T], row: Row) -> T:
    """The record that a row holds."""
    values: dict[str, Any] = {"etag": row.etag}
    for column in _columns_of(kind):
        value = row.values.get(column.name)
        if value is None or (column.is_optional and value == ""):
            continue
        values[column.name] = (
            json.loads("".join(_pieces(row, column.name))) if column.is_nested else value
        )
    record: T = _adapter(kind).validate_python(values)
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    is_nested: bool
    is_optional: bool


@cache
def _columns_of(kind: Any) -> list[_Column]:
    hints = get_type_hints(kind)
    alternatives = {name: _alternatives(hints[name]) for name in columns_of(kind)}
    return [
        _Column(name=name, is_nested=any(map(_is_nested, each)), is_optional=NoneType in each)
        for name, each in alternatives.items()
    ]


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_nested(hint: Any) -> bool:
    return is_dataclass(hint) or get_origin(hint) in (tuple, Mapping)


def _pieces(row: Row, name: str) -> Iterable[str]:
    yield str(row.values[name])
    at = 1
    while (piece := row.values.get(f"{name}_{at}")) is not None:
        yield str(piece)
        at += 1
