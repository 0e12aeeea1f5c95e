"""What is kept of machines: their locks, and the updates of their jobs; and the messages that were poisoned."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from shared.adapters.storage.codec import from_row, instant, to_row
from shared.adapters.storage.keys import hashed
from shared.adapters.storage.rows import Row, Rows, Value, Verb, Write, in_partition
from shared.application.ports import MachineLock
from shared.domain.records import RunId
from shared.domain.updates import UpdateRecord

MACHINES = "Machines"
UPDATES = "Updates"
POISONED = "Poisoned"
_LOCK = "lock"
_CHUNK = 32_000
_CHUNKS_IN_A_ROW = 14  # 14 x 32,000 characters x 2 bytes is just under the row's 900 KiB
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
    pieces: list[str] = []
    for update in _updates.dump_python(list(updates), mode="json", exclude_none=True):
        piece = json.dumps(update, ensure_ascii=False, separators=(",", ":"))
        if pieces and sum(map(len, pieces)) + len(pieces) + len(piece) + 2 > _CHUNK:
            yield f"[{','.join(pieces)}]"
            pieces = []
        pieces.append(piece)
    if pieces:
        yield f"[{','.join(pieces)}]"


class PoisonedMessages:
    """The port `Poisoned`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def keep(self, queue: str, body: str, *, reason: str, at: datetime) -> None:
        values: dict[str, Value] = {
            "body": body[:_CHUNK],
            "reason": reason[:_CHUNK],
            "at": instant(at),
        }
        row = Row(partition=queue, key=f"{instant(at)}-{hashed(body)}", values=values)
        await self._rows.write(POISONED, Write(verb=Verb.REPLACE, row=row))
