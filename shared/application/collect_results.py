"""The collector: what machines report becomes outcomes, for the whole estate at once, whatever the number of runs.

It reads the jobs that wait for a word, then what changed in the bulk reports since its watermark, and asks directly
only after installs that the reports do not show in time. A report finds its job by activity id; an `uncertain` job is
adopted by machine, starter and time. Updates are stored before the outcome, so that an outcome never lacks them. The
watermark moves only over what could be read. What has no final word an hour after its window is `Unknown`; a later word
still corrects it, for a day, and leaves a trace.
"""

from datetime import datetime

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


async def collect_results(services: Services) -> None:
    """One pass over everything that waits for a word."""
    now = services.clock.now()
    waiting, heard = await _waiting_jobs(services, now), Heard()
    if waiting:
        await read_reports(services, waiting, heard)
        unheard = [one for one in waiting if key_of(one) not in heard.reports]
        heard.reports |= await ask_directly(services, unheard, now)
        await read_updates(services, heard)
        await settle(services, waiting, heard, now)
    if heard.is_complete:
        await services.agenda.set_watermark(now)


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
