"""The jobs of a run as rows, and beside them its frozen scopes.

A job's row key is the hash of its machine's id, a scope's begins with `scope-`, which sorts after every hash.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from shared.adapters.storage.codec import columns_of, from_row, to_columns, to_row
from shared.adapters.storage.keys import id_to_key
from shared.adapters.storage.rows import (
    KEY,
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
from shared.application.ports import FrozenScope
from shared.domain.records import Job, JobChange, JobGlance, RunId
from shared.domain.run import Phase

JOBS = "Jobs"
_ONLY_JOBS = (Condition(column=KEY, operator=Operator.LT, value="s"),)


class Jobs:
    """The port `JobStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, run_id: RunId, key: str) -> Job | None:
        row = await self._rows.get(JOBS, id_to_key(run_id.text), key)
        return from_row(Job, row) if row else None

    async def insert(self, run_id: RunId, jobs: Sequence[Job]) -> int:
        partition = id_to_key(run_id.text)
        once = {job.key: to_row(job, partition=partition, key=job.key) for job in jobs}
        writes = [Write(verb=Verb.INSERT, row=row) for row in once.values()]
        return len(await write_many(self._rows, JOBS, writes))

    async def remove(self, run_id: RunId, etags: Mapping[str, str]) -> None:
        partition = id_to_key(run_id.text)
        rows = [
            Row(partition=partition, key=key, values={}, etag=etag) for key, etag in etags.items()
        ]
        await write_many(self._rows, JOBS, [Write(verb=Verb.DELETE, row=row) for row in rows])

    async def change(self, run_id: RunId, change: JobChange) -> str:
        return await self._rows.write(JOBS, _merge(run_id, change))

    async def change_many(self, run_id: RunId, changes: Sequence[JobChange]) -> list[JobChange]:
        merges = [_merge(run_id, change) for change in changes]
        written = await write_many(self._rows, JOBS, merges)
        return [change for change in changes if change.key in written]

    async def glance(self, run_id: RunId) -> AsyncIterator[JobGlance]:
        where = (*in_partition(id_to_key(run_id.text)), *_ONLY_JOBS)
        async for row in self._rows.query(JOBS, where, select=columns_of(JobGlance)):
            yield from_row(JobGlance, row)

    async def list(
        self, run_id: RunId, *, phase: Phase | None = None, outcome: str = "", after: str = ""
    ) -> AsyncIterator[Job]:
        where = [*in_partition(id_to_key(run_id.text)), *_ONLY_JOBS]
        if after:
            where.append(Condition(column=KEY, operator=Operator.GT, value=after))
        if phase:
            where.append(Condition(column="phase", operator=Operator.EQ, value=phase.value))
        if outcome:
            where.append(Condition(column="outcome", operator=Operator.EQ, value=outcome))
        async for row in self._rows.query(JOBS, where):
            yield from_row(Job, row)

    async def put_scope(self, run_id: RunId, scope: FrozenScope) -> FrozenScope:
        row = to_row(scope, partition=id_to_key(run_id.text), key=scope.key)
        etag = await self._rows.write(JOBS, Write(verb=Verb.REPLACE, row=row))
        return replace(scope, etag=etag)

    async def scopes(self, run_id: RunId) -> AsyncIterator[FrozenScope]:
        where = (*in_partition(id_to_key(run_id.text)), *starting_with(KEY, "scope-"))
        async for row in self._rows.query(JOBS, where):
            yield from_row(FrozenScope, row)


def _merge(run_id: RunId, change: JobChange) -> Write:
    if not change.etag:
        raise ValueError("A job is only ever changed under an ETag.")
    row = Row(
        partition=id_to_key(run_id.text),
        key=change.key,
        values=to_columns(change.columns),
        etag=change.etag,
    )
    return Write(verb=Verb.MERGE, row=row)
