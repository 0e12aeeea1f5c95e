"""The collector: what machines report becomes outcomes, for the whole estate at once, whatever the number of runs.

It reads the jobs that wait for a word, then what changed in the bulk reports since its watermark, and asks directly
only after installs that the reports do not show in time. A report finds its job by activity id; an `uncertain` job is
adopted by machine, starter and time. Updates are stored before the outcome, so that an outcome never lacks them. The
watermark moves only over what could be read. What has no final word an hour after its window is `Unknown`; a later word
still corrects it, for a day, and leaves a trace.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import logs
from shared.application.concurrency import gather_bounded
from shared.application.ports import Services, StaleError
from shared.application.recount_run import recount_run
from shared.domain.records import Job, Run, RunId, move
from shared.domain.report import InstallReport, conclude
from shared.domain.run import Outcome, Phase, Reason, Writer
from shared.domain.updates import UpdateRecord
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)

_EARLY = timedelta(minutes=1)
_LATE = timedelta(minutes=10)
_INCOMPLETE = timedelta(minutes=5)
_ASK_EVERY = 5
"""Minutes between two direct questions about one install; which minute is the job's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A job that waits for a word, and its run."""

    run: Run
    job: Job


@dataclass(slots=True, kw_only=True)
class _Heard:
    """The report of each job, and the updates of final ones, as far as they could be read; None: not at all."""

    reports: dict[tuple[str, str], InstallReport] = field(default_factory=dict)
    updates: Mapping[str, tuple[UpdateRecord, ...]] | None = field(default_factory=dict)
    is_complete: bool = True


async def collect_results(services: Services) -> None:
    """One pass over everything that waits for a word."""
    now = services.clock.now()
    waiting, heard = await _waiting_jobs(services, now), _Heard()
    if waiting:
        await _read_reports(services, waiting, heard)
        unheard = [one for one in waiting if _key(one) not in heard.reports]
        heard.reports |= await _ask_directly(services, unheard, now)
        await _read_updates(services, heard)
        await _settle(services, waiting, heard, now)
    if heard.is_complete:
        await services.agenda.set_watermark(now)


def _key(one: _Waiting) -> tuple[str, str]:
    return one.run.id.text.lower(), one.job.key


async def _waiting_jobs(services: Services, now: datetime) -> list[_Waiting]:
    runs = [run_id async for run_id, _ in services.agenda.open_runs()]
    found = await gather_bounded(
        (_jobs_of(services, run_id, (Phase.STARTED, Phase.UNCERTAIN)) for run_id in runs),
        services.limits.parallel,
    )
    waiting = [one for some in found for one in some]
    async for run_id, until in services.agenda.for_correction():
        unknown = await _jobs_of(services, run_id, (Outcome.UNKNOWN,))
        await _count_corrections(services, run_id, len(unknown))
        if now > until:
            await services.agenda.end_correction(run_id)
        else:
            waiting += unknown
    return waiting


async def _count_corrections(services: Services, run_id: RunId, unknown: int) -> None:
    """Count a closed run again that counts other `Unknown` jobs than it has: a pass died after a correction."""
    run = await services.runs.get(run_id)
    if run and not run.status.is_open and run.counts.get(Outcome.UNKNOWN, 0) != unknown:
        await recount_run(services, run_id)


async def _jobs_of(
    services: Services, run_id: RunId, states: Sequence[Phase | Outcome]
) -> list[_Waiting]:
    run = await services.runs.get(run_id)
    if run is None:
        return []
    waiting = []
    for state in states:
        if isinstance(state, Phase):
            jobs = services.jobs.list(run_id, phase=state)
        else:
            jobs = services.jobs.list(run_id, outcome=state.value)
        waiting += [_Waiting(run=run, job=job) async for job in jobs]
    return waiting


# --- hearing -------------------------------------------------------------------------------------


async def _read_reports(services: Services, waiting: list[_Waiting], heard: _Heard) -> None:
    """Hear what the bulk reports say of each job."""
    index = _Index(waiting)
    try:
        async for page in services.reports.changed_since(
            await _since(services, waiting), limit=services.limits.report_page
        ):
            for report in page:
                if one := index.find(report):
                    heard.reports[_key(one)] = report
    except UnavailableError as error:
        heard.is_complete = False
        logs.event(_log, "reports.unreadable", level=logging.WARNING, problem=error.message)


async def _since(services: Services, waiting: list[_Waiting]) -> datetime:
    """The watermark less an overlap for late rows; never earlier than the first install waited for."""
    first = min(one.job.starting_at or one.run.starts_at for one in waiting)
    watermark = await services.agenda.watermark()
    return max(first, watermark or first) - services.limits.overlap


class _Index:
    """Finds the job that a report belongs to."""

    def __init__(self, waiting: Iterable[_Waiting]) -> None:
        self._by_activity: dict[str, _Waiting] = {}
        self._by_machine: dict[str, list[_Waiting]] = {}
        for one in waiting:
            if one.job.activity_id:
                self._by_activity[one.job.activity_id.lower()] = one
            else:
                self._by_machine.setdefault(one.job.machine_id.lower(), []).append(one)

    def find(self, report: InstallReport) -> _Waiting | None:
        if known := self._by_activity.get(report.activity_id.lower()):
            return known
        candidates = self._by_machine.get(report.machine_id.lower(), [])
        return next((one for one in candidates if _may_be(one.job, report)), None)


def _may_be(job: Job, report: InstallReport) -> bool:
    """Whether an install whose request was lost may be this one: same machine, a user's, and that time."""
    if job.starting_at is None or report.started_by != "User":
        return False
    return job.starting_at - _EARLY <= report.started_at <= job.starting_at + _LATE


async def _ask_directly(
    services: Services, unheard: Sequence[_Waiting], now: datetime
) -> dict[tuple[str, str], InstallReport]:
    asked = [
        one for one in unheard if _is_to_be_asked(one, now, services.limits.ask_directly_after)
    ]
    replies = await gather_bounded(
        (_ask(services, one.job) for one in asked), services.limits.parallel
    )
    return {_key(one): reply for one, reply in zip(asked, replies, strict=True) if reply}


def _is_to_be_asked(one: _Waiting, now: datetime, after: timedelta) -> bool:
    if not one.job.operation or one.job.starting_at is None:
        return False
    turn = int(one.job.key[:8], 16) % _ASK_EVERY
    is_its_minute = int(now.timestamp()) // 60 % _ASK_EVERY == turn
    return now - one.job.starting_at >= after and is_its_minute


async def _ask(services: Services, job: Job) -> InstallReport | None:
    try:
        return await services.patching.ask_after(job)
    except UnavailableError:
        return None


async def _read_updates(services: Services, heard: _Heard) -> None:
    reports = heard.reports.values()
    wanted = [one.activity_id for one in reports if one.is_final and one.updates is None]
    if not wanted:
        return
    try:
        heard.updates = await services.reports.updates_of(wanted, limit=services.limits.report_page)
    except UnavailableError as error:
        heard.updates, heard.is_complete = None, False
        logs.event(_log, "updates.unreadable", level=logging.WARNING, problem=error.message)


# --- settling ------------------------------------------------------------------------------------


async def _settle(
    services: Services, waiting: Sequence[_Waiting], heard: _Heard, now: datetime
) -> None:
    """Write what was heard, and `Unknown` where the time for a final word has passed."""
    written = await gather_bounded(
        (_write(services, one, heard, now) for one in waiting),
        services.limits.parallel,
    )
    corrected = {
        one.run.id
        for one, done in zip(waiting, written, strict=True)
        if done and one.job.outcome is Outcome.UNKNOWN
    }
    for run_id in corrected:
        await recount_run(services, run_id)


async def _write(services: Services, one: _Waiting, heard: _Heard, now: datetime) -> bool:
    """Whether an outcome was written."""
    report = heard.reports.get(_key(one))
    is_over = one.job.outcome is None and now >= one.run.ends_at + services.limits.final_word
    try:
        if report and report.is_final:
            updates = _updates_of(report, heard, now)
            if updates is None and not is_over:
                return False
            return await _conclude(services, one, report, updates or (), now)
        if report and one.job.phase is Phase.UNCERTAIN:
            await _adopt(services, one, report)
        elif is_over:
            return await _give_up(services, one, now)
    except StaleError:
        logs.event(_log, "job.lost", run=one.run.id.text, machine=one.job.machine_id)
    return False


def _updates_of(
    report: InstallReport, heard: _Heard, now: datetime
) -> tuple[UpdateRecord, ...] | None:
    """The updates of a final report; None as long as they are still to come."""
    if report.updates is not None:
        return report.updates
    if heard.updates is None:
        return None
    records = heard.updates.get(report.activity_id.lower(), ())
    # They appear a little later than the result.
    is_early = now - report.modified_at < _INCOMPLETE
    return None if is_early and len(records) < _reported(report) else records


async def _conclude(
    services: Services,
    one: _Waiting,
    report: InstallReport,
    updates: Sequence[UpdateRecord],
    now: datetime,
) -> bool:
    await services.updates.put(one.run.id, one.job.key, updates)
    job = one.job
    conclusion = conclude(
        report,
        duration_was_capped=job.maximum_duration == services.limits.maximum_duration,
        ends_at=one.run.ends_at,
    )
    fields: dict[str, Any] = {
        "reason": conclusion.reason,
        "message": conclusion.message,
        "counts": report.counts,
        "ended_at": report.modified_at,
        "activity_id": report.activity_id,
        "adopted": job.adopted or not job.activity_id,
    }
    if job.outcome is Outcome.UNKNOWN:
        word = f"{now:%Y-%m-%dT%H:%M:%SZ}: Unknown ({job.message}) became {conclusion.outcome}."
        fields |= {"trace": (*job.trace, word)}
    await _change(services, one, conclusion.outcome, fields)
    return True


def _reported(report: InstallReport) -> int:
    counts = report.counts
    return counts.installed + counts.failed + counts.pending + counts.excluded + counts.not_selected


async def _adopt(services: Services, one: _Waiting, report: InstallReport) -> None:
    fields = {
        "activity_id": report.activity_id,
        "adopted": not one.job.activity_id,
        "message": "The reply to the request was lost; the install was found by machine and time.",
    }
    await _change(services, one, Phase.STARTED, fields)


async def _give_up(services: Services, one: _Waiting, now: datetime) -> bool:
    message = (
        "It may have been installed, but no final word came until an hour after the window: "
        "look at the machine. A later word will correct this."
    )
    fields = {"reason": Reason.NO_FINAL_WORD, "message": message, "ended_at": now}
    await _change(services, one, Outcome.UNKNOWN, fields)
    return True


async def _change(
    services: Services, one: _Waiting, target: Phase | Outcome, fields: Mapping[str, Any]
) -> None:
    change = move(one.job, target, by=Writer.COLLECT_RESULTS, **fields)
    await services.jobs.change(one.run.id, change)
    logs.event(_log, f"job.{target.lower()}", run=one.run.id.text, machine=one.job.machine_id)
