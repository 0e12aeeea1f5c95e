"""Long lists of small records in rows: JSON of at most 32,000 characters a column, 14 columns a row.

Each column is a list of its own, so no record is ever split. Texts are cut at a length that no real one comes near.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.adapters.storage.codec import LONGEST
from shared.adapters.storage.rows import Value

_COLUMNS_IN_A_ROW = 14  # 14 x 32,000 units of 2 bytes are just under 900 KiB
_LONGEST_TEXT = 500  # characters of a name or a version; no real one comes near
_LONGEST_LIST = 30
_NAME = "updates"

T = TypeVar("T")


class Chunks(Generic[T]):
    """The columns of lists of one kind of record."""

    def __init__(self, kind: type[T]) -> None:
        self._list: TypeAdapter[list[T]] = TypeAdapter(list[kind])  # type: ignore[valid-type]

    def rows(self, records: Sequence[T]) -> Iterator[dict[str, Value]]:
        """The columns of each row; none without records."""
        columns: dict[str, Value] = {}
        for text in self._texts(records):
            if len(columns) == _COLUMNS_IN_A_ROW:
                yield columns
                columns = {}
            columns[f"{_NAME}{len(columns):02}"] = text
        if columns:
            yield columns

    def read(self, values: Mapping[str, Value]) -> list[T]:
        """The records in the columns of one row."""
        found: list[T] = []
        for name in sorted(column for column in values if column.startswith(_NAME)):
            found += self._list.validate_json(str(values[name]))
        return found

    def _texts(self, records: Sequence[T]) -> Iterator[str]:
        pieces, size = list[str](), 0
        for record in self._list.dump_python(list(records), mode="json", exclude_none=True):
            piece = json.dumps(_short(record), separators=(",", ":"))
            if pieces and size + len(piece) + 2 > LONGEST:
                yield f"[{','.join(pieces)}]"
                pieces, size = [], 0
            pieces.append(piece)
            size += len(piece) + 1
        if pieces:
            yield f"[{','.join(pieces)}]"


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, list):
        return [_short(one) for one in value[:_LONGEST_LIST]]
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    return value
