"""What is kept of machines: their locks, and the updates of their jobs; and the messages that were poisoned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.adapters.storage.chunks import Chunks
from shared.adapters.storage.codec import cut, from_row, instant, to_row
from shared.adapters.storage.keys import hashed
from shared.adapters.storage.rows import Row, Rows, Value, Verb, Write, in_partition
from shared.application.ports import MachineLock
from shared.domain.records import RunId
from shared.domain.updates import UpdateRecord

MACHINES = "Machines"
UPDATES = "Updates"
POISONED = "Poisoned"
_LOCK = "lock"
_CHUNKS = Chunks(UpdateRecord)


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
        new = {f"{at:04}": values for at, values in enumerate(_CHUNKS.rows(updates))}
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
            found += _CHUNKS.read(row.values)
        return found


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
