"""Hearing what machines report: in bulk since the watermark, and by asking directly where the bulk is silent.

A report finds its job by activity id; a job whose reply was lost is found by machine, starter and time.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared import logs
from shared.application.concurrency import gather_bounded
from shared.application.ports import Services
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run
from shared.domain.report import InstallReport, may_be_of
from shared.domain.updates import UpdateRecord
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)

_ASK_EVERY = 5
"""Minutes between two direct questions about one install; which minute is the job's own."""
_ODD = 2_654_435_761
"""Knuth's multiplier: spreads the minutes over all numbers of 32 bits."""
_LOOK_BACK_EVERY = 5
"""Minutes between two searches that go back to the first install that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that waits for a word, and its run."""

    run: Run
    job: Job


@dataclass(slots=True, kw_only=True)
class Heard:
    """Jobs that were heard of, the report of each, and the updates of final ones; None: they could not be read."""

    jobs: dict[tuple[str, str], Waiting] = field(default_factory=dict)
    reports: dict[tuple[str, str], InstallReport] = field(default_factory=dict)
    updates: Mapping[str, tuple[UpdateRecord, ...]] | None = field(default_factory=dict)

    def hear(self, one: Waiting, report: InstallReport) -> None:
        """Note a report; of several that may be a lost install the earliest is taken for it."""
        key = key_of(one)
        known = self.reports.get(key)
        if known is None or report.started_at < known.started_at:
            self.jobs[key], self.reports[key] = one, report

    @property
    def expected(self) -> dict[str, int]:
        """How many updates the final reports that lack them have, by activity id."""
        return {one.activity_id: one.counts.total for one in self.reports.values() if _lacks(one)}

    def hand_over(self, ended: "Heard") -> None:
        """Leave those whose updates are still to be read to *ended*."""
        for key in [key for key, report in self.reports.items() if _lacks(report)]:
            ended.jobs[key], ended.reports[key] = self.jobs.pop(key), self.reports.pop(key)


def _lacks(report: InstallReport) -> bool:
    return report.is_final and report.updates is None


def key_of(one: Waiting) -> tuple[str, str]:
    """What a waiting job is found by."""
    return one.run.id.text.lower(), one.job.key


async def read_reports(services: Services, waiting: Sequence[Waiting]) -> AsyncIterator[Heard]:
    """What Azure's bulk reports say of these jobs; raises `UnavailableError` after what could be read.

    Installs that go on come page by page. Those that ended are few on each page, and come together: their updates are
    read by as few queries as their number allows. Those whose request was lost come last: which of several installs is
    theirs is known when all have been seen.
    """
    waiting = [one for one in waiting if one.job.machine_type is not MachineType.SERVER]
    if not waiting:
        return
    index, ended, lost = _Index(waiting), Heard(), Heard()
    since, limit = await _since(services, waiting), services.limits.report_page
    try:
        async for page in services.reports.changed_since(since, limit=limit):
            heard = index.hear(page, lost)
            heard.hand_over(ended)
            if heard.jobs:
                yield heard
            if len(ended.jobs) >= limit:
                yield ended
                ended = Heard()
    except UnavailableError:
        if ended.jobs:
            yield ended
        raise
    lost.hand_over(ended)
    for rest in (ended, lost):
        if rest.jobs:
            yield rest


async def _since(services: Services, waiting: Sequence[Waiting]) -> datetime:
    """The watermark less an overlap for late rows; never earlier than the first install waited for.

    A report that was passed over before its job was `uncertain`, or a row that comes late and bears an old time, would
    never be heard where the service can't be asked directly: every few minutes the search goes back to the first.
    """
    first = min(_began(one) for one in waiting)
    if int(services.clock.now().timestamp()) // 60 % _LOOK_BACK_EVERY == 0:
        return first - services.limits.overlap
    watermark = await services.agenda.watermark() or first
    return max(first, watermark) - services.limits.overlap


def _began(one: Waiting) -> datetime:
    return one.job.starting_at or one.run.starts_at


class _Index:
    """Finds the job that a report belongs to."""

    def __init__(self, waiting: Iterable[Waiting]) -> None:
        self._by_activity: dict[str, Waiting] = {}
        self._by_machine: dict[str, list[Waiting]] = {}
        for one in waiting:
            if one.job.activity_id:
                self._by_activity[one.job.activity_id.lower()] = one
            else:
                self._by_machine.setdefault(one.job.machine_id.lower(), []).append(one)

    def find(self, report: InstallReport) -> Waiting | None:
        if known := self._by_activity.get(report.activity_id.lower()):
            return known
        candidates = self._by_machine.get(report.machine_id.lower(), [])
        return next((one for one in candidates if may_be_of(report, one.job)), None)

    def hear(self, page: Iterable[InstallReport], lost: Heard) -> Heard:
        """What a page says of the jobs; of those without an activity id *lost* is told.

        A job that was heard of by its activity id is not looked for any more.
        """
        heard = Heard()
        for report in page:
            if one := self.find(report):
                (heard if one.job.activity_id else lost).hear(one, report)
        for one in heard.jobs.values():
            del self._by_activity[one.job.activity_id.lower()]
        return heard


async def ask_directly(services: Services, unheard: Sequence[Waiting], now: datetime) -> Heard:
    """What the services say of the installs that are too long without a report, each in its own minute."""
    asked = [
        one for one in unheard if _is_to_be_asked(one, now, services.limits.ask_directly_after)
    ]
    servers = [one for one in asked if one.job.machine_type is MachineType.SERVER]
    others = [one for one in asked if one.job.machine_type is not MachineType.SERVER]
    # Where many don't answer, others are the first next time.
    turn = int(now.timestamp()) // 60 * _ODD % 2**32
    servers.sort(key=lambda one: int(one.job.key[:8], 16) ^ turn)
    until = now + services.limits.ask_time
    heard = Heard()
    for some, at_once in (
        (servers, services.limits.connections),
        (others, services.limits.parallel),
    ):
        replies = await gather_bounded((_ask(services, one.job, until) for one in some), at_once)
        for one, reply in zip(some, replies, strict=True):
            if reply:
                heard.hear(one, reply)
    return heard


def _is_to_be_asked(one: Waiting, now: datetime, after: timedelta) -> bool:
    if not one.job.operation or one.job.starting_at is None:
        return False
    if one.job.machine_type is MachineType.SERVER:
        return True  # nobody reports for it
    turn = int(one.job.key[:8], 16) % _ASK_EVERY
    is_its_minute = int(now.timestamp()) // 60 % _ASK_EVERY == turn
    return now - one.job.starting_at >= after and is_its_minute


async def _ask(services: Services, job: Job, until: datetime) -> InstallReport | None:
    if services.clock.now() > until:
        return None
    try:
        return await services.patching.ask_after(job)
    except UnavailableError:
        return None


async def read_updates(services: Services, heard: Heard) -> bool:
    """Read the updates of final reports that lack them; whether they could be read."""
    expected = heard.expected
    if not expected:
        return True
    try:
        heard.updates = await services.reports.updates_of(
            expected, limit=services.limits.report_page
        )
    except UnavailableError as error:
        heard.updates = None
        logs.event(_log, "updates.unreadable", level=logging.WARNING, problem=error.message)
    return heard.updates is not None
