"""What machines lack and what was asked of them, in the partition of the machine's lock.

An assessment is the row `assessment`; a long one has further rows, whose keys bear its instant: they are written before
that row and removed after the next one, so that a reader finds one assessment and never parts of two. A request is a
row of its own, named by its kind and instant, so that the latest is the last.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from shared.adapters.storage.chunks import Chunks
from shared.adapters.storage.codec import from_row, instant, to_columns, to_row
from shared.adapters.storage.keys import hashed
from shared.adapters.storage.machines import MACHINES
from shared.adapters.storage.rows import (
    KEY,
    Row,
    Rows,
    Value,
    Verb,
    Write,
    in_partition,
    starting_with,
)
from shared.application.ports import MachineRequest, RequestAnswer, RequestKind
from shared.domain.assessment import Assessment
from shared.domain.updates import Update

_FIRST = "assessment"
_CHUNKS = Chunks(Update)
_HEAD = ("machine_id", "os_type", "assessed_at", "status", "reboot_pending", "error")


class Assessments:
    """The port `AssessmentStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, machine_key: str) -> Assessment | None:
        rows = await self._read(hashed(machine_key))
        first = rows.pop(_FIRST, None)
        if first is None:
            return None
        found = from_row(Assessment, first)
        more = [row for key, row in rows.items() if key.startswith(_more(found))]
        updates = [update for row in (first, *more) for update in _CHUNKS.read(row.values)]
        return replace(found, updates=tuple(updates))

    async def put(self, assessment: Assessment) -> None:
        partition = hashed(assessment.machine_id.lower())
        old = set(await self._read(partition))
        head = to_columns({name: getattr(assessment, name) for name in _HEAD})
        chunks = list(_CHUNKS.rows(assessment.updates)) or [{}]
        new = {
            f"{_more(assessment)}{at:04}": values for at, values in enumerate(chunks[1:], start=1)
        }
        for key, values in (*new.items(), (_FIRST, head | chunks[0])):
            await self._write(Verb.REPLACE, partition, key, values)
        for key in old - new.keys() - {_FIRST}:
            await self._write(Verb.DELETE, partition, key, {})

    async def _read(self, partition: str) -> dict[str, Row]:
        where = (*in_partition(partition), *starting_with(KEY, _FIRST))
        return {row.key: row async for row in self._rows.query(MACHINES, where)}

    async def _write(
        self, verb: Verb, partition: str, key: str, values: Mapping[str, Value]
    ) -> None:
        row = Row(partition=partition, key=key, values=values)
        await self._rows.write(MACHINES, Write(verb=verb, row=row))


def _more(assessment: Assessment) -> str:
    """What the keys of an assessment's further rows begin with."""
    return f"{_FIRST}-{instant(assessment.assessed_at)}-"


class Requests:
    """The port `MachineRequests`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def put(self, request: MachineRequest) -> None:
        partition = hashed(request.machine_id.lower())
        row = to_row(request, partition=partition, key=f"{request.kind}-{instant(request.at)}")
        await self._rows.write(MACHINES, Write(verb=Verb.REPLACE, row=row))

    async def latest(self, machine_key: str, kind: RequestKind) -> MachineRequest | None:
        latest = None
        async for request in self._of(machine_key, kind):
            latest = request
        return latest

    async def latest_accepted(self, machine_key: str, kind: RequestKind) -> MachineRequest | None:
        latest = None
        async for request in self._of(machine_key, kind):
            latest = request if request.answer is RequestAnswer.ACCEPTED else latest
        return latest

    async def _of(self, machine_key: str, kind: RequestKind) -> AsyncIterator[MachineRequest]:
        """Those of one kind, oldest first."""
        where = (*in_partition(hashed(machine_key)), *starting_with(KEY, f"{kind}-"))
        async for row in self._rows.query(MACHINES, where):
            yield from_row(MachineRequest, row)
