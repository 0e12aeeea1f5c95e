"""The agenda as rows: configurations by their next due instant, open runs, runs that may still be corrected."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from shared.adapters.storage.codec import from_row, instant, to_columns, to_row
from shared.adapters.storage.keys import id_to_key
from shared.adapters.storage.rows import (
    Condition,
    Operator,
    Row,
    Rows,
    Value,
    Verb,
    Write,
    in_partition,
)
from shared.application.ports import AgendaEntry
from shared.domain.records import RunId

AGENDA = "Agenda"
CONFIGURATIONS = "configurations"
RUNS = "runs"
CORRECTIONS = "corrections"
REPORTS = "reports"
_WATERMARK = "watermark"


class StoredAgenda:
    """The port `Agenda`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def look_at(self, configuration_id: str, *, revision: str, now: datetime) -> None:
        columns = to_columns(
            {
                "configuration_id": configuration_id,
                "next_due": now,
                "touched_at": now,
                "revision": revision,
            }
        )
        await self._put(CONFIGURATIONS, id_to_key(configuration_id), columns, verb=Verb.MERGE)

    async def get(self, configuration_id: str) -> AgendaEntry | None:
        row = await self._rows.get(AGENDA, CONFIGURATIONS, id_to_key(configuration_id))
        return from_row(AgendaEntry, row) if row else None

    async def due(self, now: datetime) -> AsyncIterator[AgendaEntry]:
        until = Condition(column="next_due", operator=Operator.LE, value=instant(now))
        async for row in self._rows.query(AGENDA, (*in_partition(CONFIGURATIONS), until)):
            yield from_row(AgendaEntry, row)

    async def settle(self, entry: AgendaEntry) -> AgendaEntry:
        row = to_row(entry, partition=CONFIGURATIONS, key=id_to_key(entry.configuration_id))
        etag = await self._rows.write(AGENDA, Write(verb=Verb.REPLACE, row=row))
        return replace(entry, etag=etag)

    async def forget(self, entry: AgendaEntry) -> None:
        row = to_row(entry, partition=CONFIGURATIONS, key=id_to_key(entry.configuration_id))
        await self._rows.write(AGENDA, Write(verb=Verb.DELETE, row=row))

    async def open_run(self, run_id: RunId, *, now: datetime) -> None:
        await self._put(RUNS, id_to_key(run_id.text), {"run": run_id.text, "at": instant(now)})

    async def close_run(self, run_id: RunId) -> None:
        await self._remove(RUNS, id_to_key(run_id.text))

    def open_runs(self) -> AsyncIterator[tuple[RunId, datetime]]:
        return self._listed(RUNS)

    async def keep_for_correction(self, run_id: RunId, *, until: datetime) -> None:
        columns = {"run": run_id.text, "at": instant(until)}
        await self._put(CORRECTIONS, id_to_key(run_id.text), columns)

    def for_correction(self) -> AsyncIterator[tuple[RunId, datetime]]:
        return self._listed(CORRECTIONS)

    async def end_correction(self, run_id: RunId) -> None:
        await self._remove(CORRECTIONS, id_to_key(run_id.text))

    async def watermark(self) -> datetime | None:
        row = await self._rows.get(AGENDA, REPORTS, _WATERMARK)
        return _read(row) if row else None

    async def set_watermark(self, instant_read: datetime) -> None:
        await self._put(REPORTS, _WATERMARK, {"at": instant(instant_read)})

    async def _put(
        self, partition: str, key: str, columns: Mapping[str, Value], *, verb: Verb = Verb.REPLACE
    ) -> None:
        row = Row(partition=partition, key=key, values=columns)
        await self._rows.write(AGENDA, Write(verb=verb, row=row))

    async def _remove(self, partition: str, key: str) -> None:
        row = Row(partition=partition, key=key, values={})
        await self._rows.write(AGENDA, Write(verb=Verb.DELETE, row=row))

    async def _listed(self, partition: str) -> AsyncIterator[tuple[RunId, datetime]]:
        async for row in self._rows.query(AGENDA, in_partition(partition)):
            yield RunId.parse(str(row.values["run"])), _read(row)


def _read(row: Row) -> datetime:
    return datetime.fromisoformat(str(row.values["at"])).astimezone(UTC)
