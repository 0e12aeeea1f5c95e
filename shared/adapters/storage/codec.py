"""Records to columns and back, by the types of their fields.

Instants become text of fixed width in UTC, so that they sort as text; durations become ISO 8601; enumerations their
values; anything nested becomes JSON, cut into columns of at most 30,000 characters (`document`, `document_1`, ...).
An empty value has no column. A record's `etag` is the row's.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from shared.adapters.storage.rows import Row, Value

_CHUNK = 30_000
T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def instant(value: datetime) -> str:
    """`2026-01-31T02:00:00.000000Z`: as text it sorts as the instants do."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def to_columns(values: Mapping[str, Any]) -> dict[str, Value]:
    """Columns of some fields of a record."""
    columns: dict[str, Value] = {}
    for name, value in values.items():
        columns |= _columns(name, value)
    return columns


def _columns(name: str, value: Any) -> dict[str, Value]:
    if value is None or name == "etag":
        return {}
    if isinstance(value, datetime):
        return {name: instant(value)}
    if isinstance(value, StrEnum):
        return {name: value.value}
    if isinstance(value, str | int | float):
        return {name: value}
    plain = _adapter(value.__class__).dump_python(value, mode="json")
    if isinstance(plain, str):
        return {name: plain}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    return {name if not at else f"{name}_{at}": piece for at, piece in enumerate(pieces)}


def to_row(record: Any, *, partition: str, key: str) -> Row:
    """The row of a whole record."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return Row(partition=partition, key=key, values=to_columns(values), etag=record.etag)


def columns_of(kind: Any) -> list[str]:
    """The columns to select for a record without nested fields."""
    return [field.name for field in fields(kind) if field.name != "etag"]


def from_row(kind: Callable[..., T], row: Row) -> T:
    """The record that a row holds."""
    values: dict[str, Any] = {"etag": row.etag}
    for name, nested in _fields(kind):
        if name in row.values:
            values[name] = json.loads("".join(_pieces(row, name))) if nested else row.values[name]
    record: T = _adapter(kind).validate_python(values)
    return record


@cache
def _fields(kind: Any) -> list[tuple[str, bool]]:
    """Each column's name, and whether it holds JSON."""
    hints = get_type_hints(kind)
    return [(name, any(map(_is_nested, _alternatives(hints[name])))) for name in columns_of(kind)]


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
