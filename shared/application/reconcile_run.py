"""A pass over one run: freeze it, resolve its scopes into jobs, dispatch within limits, finish it.

The pass holds the run's lease, computes from the rows what is missing, does it, saves, and leaves the rest to the next
minute. Whoever finds a live lease drops its message. Any line may be the last: the next pass finds the same rows.
"""

import logging
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from shared import logs
from shared.application.change_run import change_leased
from shared.application.concurrency import gather_bounded
from shared.application.documents import max_concurrency_of
from shared.application.freeze_run import freeze_run
from shared.application.limits import Limits
from shared.application.ports import Services, StaleError
from shared.application.resolve_scopes import resolve_scopes
from shared.application.spend_budgets import plan_within_budgets
from shared.domain.dispatch import DispatchRules, Tally, tally
from shared.domain.machine import MachineType
from shared.domain.records import JobChange, JobGlance, Run, RunId
from shared.domain.run import Outcome, Phase, RunFacts, run_status
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)

FAILED_NOTE = "A pass failed again and again: see the table Poisoned and the log."
"""The note on a run whose message was poisoned."""


async def reconcile_run(services: Services, run_id: RunId) -> None:
    """Bring a run one pass further; nothing happens when another worker is at it, or it is closed."""
    run = await _lease(services, run_id)
    if run is None:
        return
    until = services.clock.now() + services.limits.pass_time
    try:
        run = await freeze_run(services, run)
        run = await resolve_scopes(services, run, until=until)
        found = await _dispatch(services, run)
    except UnavailableError as error:
        logs.event(_log, "run.held", level=logging.WARNING, run=run_id.text, problem=error.message)
        await _release(services, run)
        return
    except StaleError:
        logs.event(_log, "run.lease_lost", level=logging.WARNING, run=run_id.text)
        return
    await _save(services, run, found)


async def _lease(services: Services, run_id: RunId) -> Run | None:
    now = services.clock.now()
    run = await services.runs.get(run_id)
    if run is None:
        logs.event(_log, "run.unknown", level=logging.WARNING, run=run_id.text)
        return None
    if not run.status.is_open:
        await services.agenda.close_run(run.id)
        return None
    if run.leased_until and now <= run.leased_until + services.limits.skew:
        return None
    try:
        return await services.runs.replace(
            replace(run, lease=uuid.uuid4().hex, leased_until=now + services.limits.claim)
        )
    except StaleError:
        return None


async def _release(services: Services, run: Run) -> None:
    with suppress(StaleError):
        await change_leased(services, run, leased_until=None)


async def _dispatch(services: Services, run: Run) -> Tally:
    """Write the plan, then send; dying in between leaves jobs that are sent again after a minute."""
    jobs = {job.key: job async for job in services.jobs.glance(run.id)}
    rules = dispatch_rules(run, services.limits, services.clock.now())
    if rules.max_concurrency:
        rules = replace(rules, heard_until=await services.agenda.watermark())
    changes = await plan_within_budgets(services, run.id, jobs, rules)
    written = await services.jobs.change_many(run.id, changes)
    await gather_bounded(
        (
            services.outbox.ask_for_start(run.id, jobs[change.key].machine_id)
            for change in written
            if change.columns.get("phase") is Phase.DISPATCHED
        ),
        services.limits.parallel,
    )
    jobs |= {change.key: _changed(jobs[change.key], change) for change in written}
    return tally(jobs.values())


def _changed(job: JobGlance, change: JobChange) -> JobGlance:
    return replace(
        job,
        phase=change.columns.get("phase", job.phase),
        outcome=change.columns.get("outcome", job.outcome),
    )


def dispatch_rules(run: Run, limits: Limits, now: datetime) -> DispatchRules:
    """What the plan of a run depends on at *now*, beside its rows and Azure's budgets."""
    return DispatchRules(
        now=now,
        cut_offs={kind: limits.cut_off(run.ends_at, kind) for kind in MachineType},
        cancellation=run.cancellation,
        in_flight=limits.in_flight,
        unclaimed=limits.unclaimed,
        skew=limits.skew,
        max_concurrency=max_concurrency_of(run.document),
    )


async def _save(services: Services, run: Run, found: Tally) -> None:
    """Store counts and status, under the ETag that the run had before its rows were counted."""
    counted = recounted(_without_note(run), found)
    closes = not counted.status.is_open
    if closes:
        counted = replace(counted, closed_at=services.clock.now())
    if closes and found.outcomes.get(Outcome.UNKNOWN):
        until = services.clock.now() + services.limits.correction
        await services.agenda.keep_for_correction(run.id, until=until)
    try:
        await services.runs.replace(replace(counted, leased_until=None))
    except StaleError:
        # Cancelled or corrected while we counted: what we counted may be old, the next pass counts again.
        await _release(services, run)
        return
    if closes:
        await services.agenda.close_run(run.id)
        logs.event(_log, "run.closed", run=run.id.text, status=counted.status)


def _without_note(run: Run) -> Run:
    """A pass that failed is no longer worth a note once one has succeeded."""
    return replace(run, message="") if run.message == FAILED_NOTE else run


def recounted(run: Run, found: Tally) -> Run:
    """The run with the counts of its rows, and the status that follows from them."""
    facts = RunFacts(
        cancelled=run.cancellation is not None,
        unresolved_scopes=run.unresolved_scopes,
        installs_started=found.installs_started,
    )
    open_jobs = found.open_jobs + (0 if run.resolved_at else 1)
    status = run_status(found.outcomes, open_jobs=open_jobs, facts=facts)
    counted = replace(run, status=status, counts=dict(found.outcomes), open_jobs=found.open_jobs)
    if status.is_open or counted.message or counted.cancellation or found.outcomes:
        return counted
    return replace(counted, message="No machine matched.")
