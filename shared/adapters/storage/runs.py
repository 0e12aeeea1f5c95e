"""Runs as rows: in the partition of their configuration, by the second of their start.

Beside them lie, in the same partition, the markers `active-on-demand-<target>` and `request-<id>`: they name a run's
key and are written in one transaction with it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from shared.adapters.storage.codec import from_row, to_row
from shared.adapters.storage.keys import hashed, id_to_key
from shared.adapters.storage.rows import (
    KEY,
    PARTITION,
    Condition,
    Operator,
    Row,
    Rows,
    Verb,
    Write,
    in_partition,
    starting_with,
    write_many,
)
from shared.application.ports import StaleError
from shared.domain.records import Run, RunId

RUNS = "Runs"
_ONLY_RUNS = (Condition(column=KEY, operator=Operator.LT, value="a"),)


class Runs:
    """The port `RunStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, run_id: RunId) -> Run | None:
        row = await self._rows.get(RUNS, id_to_key(run_id.configuration_id), run_id.key)
        return from_row(Run, row) if row else None

    async def insert(self, run: Run) -> Run:
        return await self._write(Verb.INSERT, run)

    async def insert_closed(self, runs: Sequence[Run]) -> None:
        await write_many(self._rows, RUNS, [_insertion(run) for run in runs])

    async def replace(self, run: Run) -> Run:
        return await self._write(Verb.REPLACE, run)

    async def remove(self, run: Run) -> None:
        row = Row(partition=id_to_key(run.configuration_id), key=run.key, values={}, etag=run.etag)
        await self._rows.write(RUNS, Write(verb=Verb.DELETE, row=row))

    async def insert_on_demand(self, run: Run, *, replaces: str) -> Run:
        writes = [_insertion(run), await self._marker_write(run, replaces)]
        if run.request_id:
            writes.append(_request_write(run.configuration_id, run.request_id, run.key))
        etags = await self._rows.transact(RUNS, writes)
        return replace(run, etag=etags[0])

    async def _marker_write(self, run: Run, replaces: str) -> Write:
        partition, name = id_to_key(run.configuration_id), _marker(run.target)
        before = await self._rows.get(RUNS, partition, name)
        if (str(before.values["run"]) if before else "") != replaces:
            raise StaleError(name)
        row = Row(
            partition=partition,
            key=name,
            values={"run": run.key, "target": run.target},
            etag=before.etag if before else "",
        )
        return Write(verb=Verb.REPLACE if before else Verb.INSERT, row=row)

    async def active_on_demand(self, configuration_id: str, *, target: str) -> str:
        return await self._named(configuration_id, _marker(target))

    async def of_request(self, configuration_id: str, *, request_id: str) -> str:
        return await self._named(configuration_id, _request(request_id))

    async def join_request(self, configuration_id: str, *, request_id: str, key: str) -> None:
        try:
            await self._rows.write(RUNS, _request_write(configuration_id, request_id, key))
        except StaleError:
            return

    async def list(self, configuration_id: str, *, after: str = "") -> AsyncIterator[Run]:
        later = Condition(column=KEY, operator=Operator.GT, value=after)
        where = (*in_partition(id_to_key(configuration_id)), *_ONLY_RUNS, later)
        async for row in self._rows.query(RUNS, where):
            yield from_row(Run, row)

    async def list_within(self, prefix: str) -> AsyncIterator[Run]:
        where = (*starting_with(PARTITION, id_to_key(prefix) + "|"), *_ONLY_RUNS)
        async for row in self._rows.query(RUNS, where):
            yield from_row(Run, row)

    async def _named(self, configuration_id: str, key: str) -> str:
        row = await self._rows.get(RUNS, id_to_key(configuration_id), key)
        return str(row.values["run"]) if row else ""

    async def _write(self, verb: Verb, run: Run) -> Run:
        row = to_row(run, partition=id_to_key(run.configuration_id), key=run.key)
        etag = await self._rows.write(RUNS, Write(verb=verb, row=row))
        return replace(run, etag=etag)


def _marker(target: str) -> str:
    return f"active-on-demand-{hashed(target.lower()) if target else 'all'}"


def _request(request_id: str) -> str:
    return f"request-{hashed(request_id)}"


def _insertion(run: Run) -> Write:
    row = to_row(run, partition=id_to_key(run.configuration_id), key=run.key)
    return Write(verb=Verb.INSERT, row=row)


def _request_write(configuration_id: str, request_id: str, key: str) -> Write:
    values = {"run": key, "request": request_id}
    row = Row(partition=id_to_key(configuration_id), key=_request(request_id), values=values)
    return Write(verb=Verb.INSERT, row=row)
