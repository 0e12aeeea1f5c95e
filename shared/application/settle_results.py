"""Settling what was heard: outcomes, adoptions, and `Unknown` where the time for a final word has passed.

Updates are stored before the outcome, so that an outcome never lacks them. What was `Unknown` and is corrected keeps
a trace of both words. An install that goes on is asked after where its latest report says.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared import logs
from shared.application.concurrency import gather_bounded
from shared.application.hear_reports import Heard, Waiting, key_of
from shared.application.ports import Services, StaleError
from shared.application.recount_run import recount_run
from shared.domain.records import JobChange, move
from shared.domain.report import InstallReport, conclude
from shared.domain.run import Outcome, Phase, Reason, Writer
from shared.domain.updates import UpdateRecord

_log = logging.getLogger(__name__)

_INCOMPLETE = timedelta(minutes=5)
"""How long a result waits for the rest of its updates, which come a little later."""
_UNSEEN = timedelta(minutes=20)
"""How long for the first of them: whoever was asked directly may answer long before the reports show any.

Less than an address of Arc's lives after the install has ended: a final word that is not taken may not come again.
"""


async def settle(
    services: Services, waiting: Sequence[Waiting], heard: Heard, now: datetime
) -> None:
    """Write what was heard, and `Unknown` where the time for a final word has passed."""
    written = await gather_bounded(
        (_write(services, one, heard, now) for one in waiting),
        services.limits.parallel,
    )
    corrected = dict.fromkeys(
        one.run.id
        for one, done in zip(waiting, written, strict=True)
        if done and one.job.outcome is Outcome.UNKNOWN
    )
    for run_id in corrected:
        await recount_run(services, run_id)


async def _write(services: Services, one: Waiting, heard: Heard, now: datetime) -> bool:
    """Whether an outcome was written."""
    report = heard.reports.get(key_of(one))
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
        elif report:
            await _note(services, one, report)
    except StaleError:
        logs.event(_log, "job.lost", run=one.run.id.text, machine=one.job.machine_id)
    return False


def _updates_of(
    report: InstallReport, heard: Heard, now: datetime
) -> tuple[UpdateRecord, ...] | None:
    """The updates of a final report; None as long as they are still to come."""
    if report.updates is not None:
        return report.updates
    if heard.updates is None:
        return None
    records = heard.updates.get(report.activity_id.lower(), ())
    is_early = now - report.modified_at < (_INCOMPLETE if records else _UNSEEN)
    return None if is_early and len(records) < report.counts.total else records


async def _conclude(
    services: Services,
    one: Waiting,
    report: InstallReport,
    updates: Sequence[UpdateRecord],
    now: datetime,
) -> bool:
    await services.updates.put(one.run.id, one.job.key, updates)
    job = one.job
    conclusion = conclude(
        report,
        updates,
        duration_was_capped=job.maximum_duration == services.limits.maximum_duration,
        ends_at=one.run.ends_at,
    )
    fields: dict[str, Any] = {
        "reason": conclusion.reason,
        "message": conclusion.message,
        "counts": conclusion.counts,
        "ended_at": report.modified_at,
        "activity_id": report.activity_id,
        "adopted": job.adopted or not job.activity_id,
    }
    if job.outcome is Outcome.UNKNOWN:
        word = f"{now:%Y-%m-%dT%H:%M:%SZ}: Unknown ({job.message}) became {conclusion.outcome}."
        fields |= {"trace": (*job.trace, word)}
    await _change(services, one, conclusion.outcome, fields)
    return True


async def _adopt(services: Services, one: Waiting, report: InstallReport) -> None:
    fields = {
        "activity_id": report.activity_id,
        "adopted": not one.job.activity_id,
        "message": "The reply to the request was lost; the install was found by "
        + ("its id." if one.job.activity_id else "machine and time."),
    }
    await _change(services, one, Phase.STARTED, fields)


async def _note(services: Services, one: Waiting, report: InstallReport) -> None:
    """No transition: the job stands as before; only the address to ask next is another, or what the install is at."""
    known = {"operation": one.job.operation, "message": one.job.message}
    told = {"operation": report.operation, "message": report.note}
    columns = {name: text for name, text in told.items() if text not in ("", known[name])}
    if columns:
        change = JobChange(key=one.job.key, etag=one.job.etag, columns=columns)
        await services.jobs.change(one.run.id, change)


async def _give_up(services: Services, one: Waiting, now: datetime) -> bool:
    was_told = one.job.message and one.job.phase is Phase.STARTED
    last = f"{one.job.message} " if was_told else ""
    message = (
        f"{last}It may have been installed, but no final word came until an hour after the window: "
        "look at the machine. A later word will correct this."
    )
    fields = {"reason": Reason.NO_FINAL_WORD, "message": message, "ended_at": now}
    await _change(services, one, Outcome.UNKNOWN, fields)
    return True


async def _change(
    services: Services, one: Waiting, target: Phase | Outcome, fields: Mapping[str, Any]
) -> None:
    change = move(one.job, target, by=Writer.COLLECT_RESULTS, **fields)
    await services.jobs.change(one.run.id, change)
    logs.event(_log, f"job.{target.lower()}", run=one.run.id.text, machine=one.job.machine_id)
