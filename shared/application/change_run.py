"""Changing a run row that others change too: read, change, write, and again when another writer was first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.application.ports import Services, StaleError
from shared.domain.records import Run, RunId


async def change_run(
    services: Services, run_id: RunId, change: Callable[[Run], Run | None]
) -> Run | None:
    """The run as it was written; None when there is no such run or *change* declines by answering None."""
    while run := await services.runs.get(run_id):
        changed = change(run)
        if changed is None:
            return None
        try:
            return await services.runs.replace(changed)
        except StaleError:
            continue
    return None


async def change_leased(services: Services, run: Run, **fields: Any) -> Run:
    """Set *fields* of a run whose lease *run* holds; raises `StaleError` when the lease was lost."""

    def changed(current: Run) -> Run | None:
        return replace(current, **fields) if current.lease == run.lease else None

    written = await change_run(services, run.id, changed)
    if written is None:
        raise StaleError(run.id.text)
    return written
