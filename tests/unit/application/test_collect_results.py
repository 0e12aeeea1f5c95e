"""The collector under trouble: what was unreadable is read again, and a correction leaves nothing of the old word."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.memory.machines import LOST, MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.ports import Clock
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.domain.run import Outcome, Phase
from shared.domain.updates import UpdateRecord
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
LAST_WORD = WINDOW_OPENS + 4 * HOUR


class TroubledFleet(MemoryFleet):
    """Bulk reports, and the updates in them, that may be unreadable."""

    reports_fail = False
    updates_fail = False
    forgets = False
    updates_shown_at = datetime.min.replace(tzinfo=UTC)

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        if self.reports_fail:
            raise UnavailableError("Resource Graph is away.")
        async for page in super().changed_since(instant, limit=limit):
            yield page

    async def ask_after(self, job: Job) -> InstallReport | None:
        return None if self.forgets else await super().ask_after(job)

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        if self.updates_fail:
            raise UnavailableError("Resource Graph is away.")
        if self._clock.now() < self.updates_shown_at:
            return {}
        return await super().updates_of(expected, limit=limit)


class TroubledDrill(Drill):
    """A drill of one machine over a fleet whose reports may fail."""

    def __init__(self) -> None:
        super().__init__([a_state()])
        self.troubled = TroubledFleet(self.clock, [a_state()])
        self.fleet = self.troubled
        self.services = memory_services(
            self.clock, rows=self.rows, outbox=self.outbox, fleet=self.troubled
        )

    async def start(self) -> None:
        """Tick until the install has been asked for."""
        await self.configure()
        self.clock.instant = WINDOW_OPENS - MINUTE
        await self.run_until(WINDOW_OPENS)
        assert len(self.fleet.installs) == 1

    async def job(self) -> Job:
        (job,) = await self.jobs()
        return job


async def test_watermark_moves_with_a_pass_that_read_all_and_with_no_other() -> None:
    drill = TroubledDrill()
    await drill.start()
    assert await drill.services.agenda.watermark() == WINDOW_OPENS
    drill.troubled.reports_fail = True
    await drill.run_until(WINDOW_OPENS + 2 * MINUTE)
    assert await drill.services.agenda.watermark() == WINDOW_OPENS
    drill.troubled.reports_fail = False
    await drill.run_until(WINDOW_OPENS + 3 * MINUTE)
    assert await drill.services.agenda.watermark() == WINDOW_OPENS + 3 * MINUTE


async def test_report_that_came_while_reports_were_unreadable_still_counts() -> None:
    """It is an uncertain job's only chance: there is no operation to ask after."""
    drill = TroubledDrill()
    drill.fleet.replies[a_machine().key] = [LOST]
    await drill.start()
    drill.troubled.reports_fail = True
    await drill.run_until(WINDOW_OPENS + HOUR)
    drill.troubled.reports_fail = False
    await drill.run_until(WINDOW_OPENS + HOUR + 2 * MINUTE)
    assert (await drill.job()).outcome is Outcome.SUCCEEDED
    assert await drill.broken() == []


async def test_outcome_waits_for_updates_that_can_not_be_read_yet() -> None:
    drill = TroubledDrill()
    await drill.start()
    drill.troubled.updates_fail = True
    await drill.run_until(WINDOW_OPENS + HOUR)
    assert (await drill.job()).outcome is None
    drill.troubled.updates_fail = False
    await drill.run_until(WINDOW_OPENS + HOUR + 6 * MINUTE)
    job = await drill.job()
    assert job.outcome is Outcome.SUCCEEDED
    assert job.ended_at == WINDOW_OPENS + 5 * MINUTE
    assert len(await drill.services.updates.list((await drill.runs())[0].id, job.key)) == 2
    assert await drill.broken() == []


async def test_outcome_waits_for_updates_until_the_last_word_and_no_longer() -> None:
    drill = TroubledDrill()
    await drill.start()
    drill.troubled.updates_fail = True
    drill.clock.instant = LAST_WORD - 2 * MINUTE
    await drill.run_until(LAST_WORD - MINUTE)
    assert (await drill.job()).outcome is None
    await drill.run_until(LAST_WORD + 2 * MINUTE)
    assert (await drill.job()).outcome is Outcome.SUCCEEDED
    assert not (await drill.runs())[0].status.is_open


async def test_correction_leaves_nothing_of_the_old_word_but_its_trace() -> None:
    drill = TroubledDrill()
    drill.fleet.silent.add(a_machine().key)
    await drill.start()
    drill.clock.instant = LAST_WORD - MINUTE
    await drill.run_until(LAST_WORD + 2 * MINUTE)
    unknown = await drill.job()
    assert unknown.outcome is Outcome.UNKNOWN
    drill.fleet.silent.clear()
    await drill.run_until(LAST_WORD + 12 * MINUTE)
    corrected = await drill.job()
    assert (corrected.outcome, corrected.reason) == (Outcome.SUCCEEDED, None)
    assert corrected.message == "1 updates installed."
    (trace,) = corrected.trace
    assert unknown.message in trace


async def test_report_that_was_passed_over_is_found_when_its_job_turns_out_uncertain() -> None:
    """A pass that came late made the job `uncertain` when the watermark was far ahead already."""
    drill = Drill([a_state()])
    drill.fleet.replies[a_machine().key] = [LOST]
    await drill.configure()
    await drill.run_until(WINDOW_OPENS, step=HOUR)
    drill.clock.advance(40 * MINUTE)
    await drill.services.agenda.set_watermark(drill.clock.now())
    await drill.run_until(drill.clock.instant + 5 * MINUTE)
    (job,) = await drill.jobs()
    assert (job.outcome, job.adopted) == (Outcome.SUCCEEDED, True)
    assert await drill.broken() == []


class SigningFleet(MemoryFleet):
    """As Arc does it: each answer names the address to ask next, and no other is good then; bulk reports are silent."""

    def __init__(self, clock: Clock, takes: timedelta) -> None:
        super().__init__(clock, [a_state()], takes=takes, lag=24 * HOUR)
        self.asked: list[str] = []
        self.newest = ""

    async def ask_after(self, job: Job) -> InstallReport | None:
        self.asked.append(job.operation)
        if self.newest not in ("", job.operation):
            return None
        address = job.operation.partition("?")[0]
        report = await super().ask_after(replace(job, operation=address))
        if report is None or report.is_final:
            return report
        self.newest = f"{address}?{len(self.asked)}"
        return replace(report, operation=self.newest)


@pytest.mark.parametrize(
    ("takes", "words"),
    [
        pytest.param(HOUR, 0, id="to its end in the window"),
        pytest.param(5 * HOUR, 1, id="past the word Unknown, until it is corrected"),
    ],
)
async def test_install_is_asked_after_where_its_latest_answer_says(
    takes: timedelta, words: int
) -> None:
    drill = Drill([a_state()])
    fleet = SigningFleet(drill.clock, takes)
    drill.fleet = fleet
    drill.services = memory_services(drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=fleet)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + takes + 10 * MINUTE)
    (job,) = await drill.jobs()
    assert job.outcome in (Outcome.SUCCEEDED, Outcome.COMPLETED_WITH_WARNINGS)
    assert len(job.trace) == words
    assert len(fleet.asked) == len(set(fleet.asked)) > 5
    assert job.operation == fleet.newest
    assert await drill.broken() == []


async def test_job_is_not_written_while_its_install_goes_on_at_the_same_address() -> None:
    drill = Drill([a_state()])
    drill.fleet = MemoryFleet(drill.clock, [a_state()], takes=2 * HOUR, lag=24 * HOUR)
    drill.services = memory_services(
        drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=drill.fleet
    )
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    (started,) = await drill.jobs()
    await drill.run_until(WINDOW_OPENS + HOUR)
    (job,) = await drill.jobs()
    assert (job.phase, job.etag) == (Phase.STARTED, started.etag)


@pytest.mark.parametrize(
    ("shown_after", "ended_after", "installed"),
    [
        pytest.param(0, 7, 1, id="with the result"),
        pytest.param(15, 15, 1, id="long after the result"),
        pytest.param(120, 25, 0, id="not within twenty minutes"),
    ],
)
async def test_result_waits_a_while_for_the_first_of_its_updates(
    shown_after: int, ended_after: int, installed: int
) -> None:
    drill = TroubledDrill()
    await drill.start()
    drill.troubled.updates_shown_at = WINDOW_OPENS + shown_after * MINUTE
    while (await drill.jobs())[0].outcome is None:
        await drill.run_until(drill.clock.instant + MINUTE)
    (job,) = await drill.jobs()
    assert drill.clock.instant - WINDOW_OPENS == pytest.approx(ended_after * MINUTE, abs=2 * MINUTE)
    assert (job.outcome, job.counts.installed) == (Outcome.SUCCEEDED, installed)
    assert ("showed 0" in job.message) is (installed == 0)
    assert not await drill.broken()


async def test_row_that_comes_late_with_an_old_time_is_heard_all_the_same() -> None:
    """The service has forgotten the operation, and the watermark has long passed the row's own time."""
    drill = TroubledDrill()
    drill.troubled.silent = {a_machine().key}
    await drill.start()
    await drill.run_until(WINDOW_OPENS + 70 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [None]
    drill.troubled.silent = set()
    drill.troubled.forgets = True
    await drill.run_until(WINDOW_OPENS + 86 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]
    assert not await drill.broken()
