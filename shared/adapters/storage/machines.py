"""What is kept of machines: their locks, and the updates of their jobs; and the messages that were poisoned."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from shared.adapters.storage.codec import LONGEST, cut, from_row, instant, to_row
from shared.adapters.storage.keys import hashed
from shared.adapters.storage.rows import Row, Rows, Value, Verb, Write, in_partition
from shared.application.ports import MachineLock
from shared.domain.records import RunId
from shared.domain.updates import UpdateRecord

MACHINES = "Machines"
UPDATES = "Updates"
POISONED = "Poisoned"
_LOCK = "lock"
_CHUNKS_IN_A_ROW = 14  # 14 x 32,000 units of 2 bytes are just under 900 KiB
_LONGEST_TEXT = 500  # characters of a name or a version; no real one comes near
_updates: TypeAdapter[list[UpdateRecord]] = TypeAdapter(list[UpdateRecord])


class Locks:
    """The port `MachineLocks`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, machine_key: str) -> MachineLock | None:
        row = await self._rows.get(MACHINES, hashed(machine_key), _LOCK)
        return from_row(MachineLock, row) if row else None

    async def take(self, lock: MachineLock, *, over: MachineLock | None) -> MachineLock:
        held = replace(lock, etag=over.etag if over else "")
        row = to_row(held, partition=hashed(lock.machine_key), key=_LOCK)
        verb = Verb.REPLACE if over else Verb.INSERT
        return replace(lock, etag=await self._rows.write(MACHINES, Write(verb=verb, row=row)))


class Updates:
    """The port `UpdateStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def put(self, run_id: RunId, job_key: str, updates: Sequence[UpdateRecord]) -> None:
        partition = hashed(run_id.text.lower(), job_key)
        old = {row.key async for row in self._rows.query(UPDATES, in_partition(partition))}
        new = {f"{at:04}": values for at, values in enumerate(_rows_of(updates))}
        for key, values in new.items():
            row = Row(partition=partition, key=key, values=values)
            await self._rows.write(UPDATES, Write(verb=Verb.REPLACE, row=row))
        for key in old - new.keys():
            row = Row(partition=partition, key=key, values={})
            await self._rows.write(UPDATES, Write(verb=Verb.DELETE, row=row))

    async def list(self, run_id: RunId, job_key: str) -> list[UpdateRecord]:
        partition = hashed(run_id.text.lower(), job_key)
        found: list[UpdateRecord] = []
        async for row in self._rows.query(UPDATES, in_partition(partition)):
            for name in sorted(column for column in row.values if column.startswith("updates")):
                found += _updates.validate_json(str(row.values[name]))
        return found


def _rows_of(updates: Sequence[UpdateRecord]) -> Iterator[dict[str, Value]]:
    """The columns of each row: every column is a JSON list of its own."""
    columns: dict[str, Value] = {}
    for text in _lists_of(updates):
        if len(columns) == _CHUNKS_IN_A_ROW:
            yield columns
            columns = {}
        columns[f"updates{len(columns):02}"] = text
    if columns:
        yield columns


def _lists_of(updates: Sequence[UpdateRecord]) -> Iterator[str]:
    pieces, size = list[str](), 0
    for update in _updates.dump_python(list(updates), mode="json", exclude_none=True):
        short = {name: value[:_LONGEST_TEXT] for name, value in update.items()}
        piece = json.dumps(short, separators=(",", ":"))
        if pieces and size + len(piece) + 2 > LONGEST:
            yield f"[{','.join(pieces)}]"
            pieces, size = [], 0
        pieces.append(piece)
        size += len(piece) + 1
    if pieces:
        yield f"[{','.join(pieces)}]"


class PoisonedMessages:
    """The port `Poisoned`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def keep(self, queue: str, body: str, *, reason: str, at: datetime) -> None:
        values: dict[str, Value] = {
            "body": cut(body),
            "reason": cut(reason),
            "at": instant(at),
        }
        row = Row(partition=queue, key=f"{instant(at)}-{hashed(body)}", values=values)
        await self._rows.write(POISONED, Write(verb=Verb.REPLACE, row=row))
