"""The collector: what machines report becomes outcomes, for the whole estate at once, whatever the number of runs.

It reads the jobs that wait for a word, then what changed in the bulk reports since its watermark, and asks directly
only after installs that the reports do not show in time. A report finds its job by activity id; an `uncertain` job is
adopted by machine, starter and time. Updates are stored before the outcome, so that an outcome never lacks them. The
watermark moves only over what could be read. What has no final word an hour after its window is `Unknown`; a later word
still corrects it, for a day, and leaves a trace.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from shared import logs
from shared.application.concurrency import gather_bounded
from shared.application.hear_reports import (
    Heard,
    Waiting,
    ask_directly,
    key_of,
    read_reports,
    read_updates,
)
from shared.application.ports import Services
from shared.application.recount_run import recount_run
from shared.application.settle_results import settle
from shared.domain.records import RunId
from shared.domain.run import Outcome, Phase
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)


async def collect_results(services: Services) -> None:
    """One pass over everything that waits for a word."""
    now = services.clock.now()
    waiting = await _waiting_jobs(services, now)
    if not waiting or await _collect(services, waiting, now):
        await services.agenda.set_watermark(now)


async def _collect(services: Services, waiting: Sequence[Waiting], now: datetime) -> bool:
    """Settle what is heard, as it is read, then the rest; whether all that there is could be read."""
    done, is_complete = set[tuple[str, str]](), True
    try:
        async for heard in read_reports(services, waiting):
            is_complete &= await _settle_heard(services, heard, now)
            done |= heard.jobs.keys()
    except UnavailableError as error:
        is_complete = False
        logs.event(_log, "reports.unreadable", level=logging.WARNING, problem=error.message)
    unheard = [one for one in waiting if key_of(one) not in done]
    heard = await ask_directly(services, unheard, now)
    is_complete &= await _settle_heard(services, heard, now)
    silent = [one for one in unheard if key_of(one) not in heard.jobs]
    await settle(services, silent, Heard(), now)
    return is_complete


async def _settle_heard(services: Services, heard: Heard, now: datetime) -> bool:
    were_read = await read_updates(services, heard)
    await settle(services, list(heard.jobs.values()), heard, now)
    return were_read


async def _waiting_jobs(services: Services, now: datetime) -> list[Waiting]:
    runs = [run_id async for run_id, _ in services.agenda.open_runs()]
    found = await gather_bounded(
        (_started_in(services, run_id) for run_id in runs), services.limits.parallel
    )
    waiting = [one for some in found for one in some]
    async for run_id, until in services.agenda.for_correction():
        unknown = await _unknown_in(services, run_id)
        if now > until:
            await services.agenda.end_correction(run_id)
        else:
            waiting += unknown
    return waiting


async def _started_in(services: Services, run_id: RunId) -> list[Waiting]:
    run = await services.runs.get(run_id)
    if run is None:
        return []
    return [
        Waiting(run=run, job=job)
        for phase in (Phase.STARTED, Phase.UNCERTAIN)
        async for job in services.jobs.list(run_id, phase=phase)
    ]


async def _unknown_in(services: Services, run_id: RunId) -> list[Waiting]:
    """The jobs of a closed run that a later word may correct.

    A run that counts others than it has is counted again: a pass died after a correction.
    """
    run = await services.runs.get(run_id)
    if run is None:
        return []
    jobs = services.jobs.list(run_id, outcome=Outcome.UNKNOWN.value)
    unknown = [Waiting(run=run, job=job) async for job in jobs]
    if not run.status.is_open and run.counts.get(Outcome.UNKNOWN, 0) != len(unknown):
        await recount_run(services, run_id)
    return unknown
