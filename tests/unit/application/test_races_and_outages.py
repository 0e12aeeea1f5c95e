"""What happens between two lines: races with an acknowledgement, slow writes, one bad neighbour, late words."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.machines import LOST
from shared.adapters.storage.documents import CONFIGURATIONS
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration, put_configuration
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.handle_messages import (
    handle_poisoned_job_message,
    handle_poisoned_run_message,
)
from shared.application.messages import JOBS, RUNS
from shared.application.reconcile_run import reconcile_run
from shared.application.start_run import start_configuration_run
from shared.domain.records import Run, RunId, run_key
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from shared.errors import UnavailableError
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
CLOSES = WINDOW_OPENS + 3 * HOUR
OTHER = CONFIGURATION.replace("nightly", "weekly")
RUN = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))


class Before:
    """A port on which something happens before the n-th call of one method."""

    def __init__(
        self, port: Any, method: str, act: Callable[[], Awaitable[None]], *, call: int = 1
    ):
        self._port, self._method, self._act, self._left = port, method, act, call

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._method:
            return real

        async def acting(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                await self._act()
            return await real(*arguments, **named)

        return acting


async def opened(drill: Drill) -> None:
    """Tick when the window opens."""
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
async def test_nothing_is_sent_once_a_cancellation_was_acknowledged(how: str) -> None:
    drill = Drill([a_state()])
    await drill.configure()
    services = drill.services

    async def stop() -> None:
        (job,) = await drill.jobs()
        assert job.phase is Phase.CLAIMED
        if how == "cancelled":
            await cancel_run(services, RUN, caller=LOCAL)
        else:
            await delete_configuration(services, CONFIGURATION, caller=LOCAL)

    drill.services = replace(services, patching=Before(services.patching, "inspect", stop))
    await opened(drill)
    await drill.run_until(WINDOW_OPENS + 5 * MINUTE)
    assert drill.fleet.installs == []
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.CANCELLED
    assert await drill.broken() == []


async def test_nothing_is_sent_when_the_run_can_not_be_read_again() -> None:
    drill = Drill([a_state()])
    await drill.configure()

    async def fail() -> None:
        raise UnavailableError("Table Storage is away.")

    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    await reconcile_run(drill.services, RUN)
    services = drill.services
    drill.services = replace(services, runs=Before(services.runs, "get", fail, call=3))
    await drill.drain()
    (job,) = await drill.jobs()
    assert (job.phase, job.held_by) == (Phase.QUEUED, Reason.OUTAGE)
    assert drill.fleet.installs == []


async def test_machine_is_never_given_more_time_than_is_left_when_it_is_asked() -> None:
    drill = Drill([a_state()])
    await drill.configure()

    async def wait() -> None:
        drill.clock.advance(timedelta(seconds=70))

    drill.services = replace(
        drill.services, jobs=Before(drill.services.jobs, "change", wait, call=2)
    )
    await opened(drill)
    (install,) = drill.fleet.installs
    assert install.at + install.order.maximum_duration <= CLOSES


async def test_cut_off_leaves_room_for_a_clock_that_is_behind() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    cut_off = CLOSES - 30 * MINUTE
    drill.clock.instant = cut_off - MINUTE
    await evaluate_schedules(drill.services)
    drill.clock.instant = cut_off - timedelta(seconds=20)
    await drill.drain()
    assert drill.fleet.installs == []


async def test_unknown_job_without_an_operation_is_corrected_by_a_late_word() -> None:
    drill = Drill([a_state()])
    drill.fleet.replies[a_machine().key] = [LOST]
    drill.fleet.silent.add(a_machine().key)
    await drill.configure()
    await opened(drill)
    await drill.run_until(CLOSES + HOUR + 3 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.UNKNOWN]
    drill.fleet.silent.clear()
    await drill.run_until(CLOSES + 2 * HOUR)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]
    assert await drill.broken() == []


async def test_adopted_job_hears_a_final_word_that_comes_late() -> None:
    drill = Drill([a_state()], takes=20 * MINUTE)
    drill.fleet.replies[a_machine().key] = [LOST]
    await drill.configure()
    await opened(drill)
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    assert [job.phase for job in await drill.jobs()] == [Phase.STARTED]
    drill.fleet.silent.add(a_machine().key)
    await drill.run_until(WINDOW_OPENS + 36 * MINUTE)
    drill.fleet.silent.clear()
    await drill.run_until(WINDOW_OPENS + 41 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]


async def test_scope_that_can_not_be_understood_fails_its_run_and_the_other_goes_on() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web"
    await drill.attach(group, "strange", a_scope())
    stored = await drill.services.assignments.get(group, "strange")
    assert stored
    # As another version of the app, or a hand, may have stored it.
    strange = replace(stored, document=a_scope({"zones": ["1"]}))
    await drill.services.assignments.replace(strange, stored)
    await opened(drill)
    await drill.run_until(WINDOW_OPENS + HOUR)
    (run,) = await drill.runs()
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.NOT_READABLE)
    assert run.counts == {Outcome.SUCCEEDED: 1}
    assert await drill.broken() == []


async def test_run_that_starts_late_reads_its_scopes_and_says_what_was_too_late() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = CLOSES - 28 * MINUTE
    await drill.run_until(CLOSES)
    (run,) = await drill.runs()
    assert run.status is RunStatus.COMPLETED_WITH_WARNINGS
    assert run.counts == {Outcome.TIMED_OUT: 1}
    assert await drill.broken() == []


async def test_run_cancelled_before_it_was_resolved_does_not_claim_that_nothing_matched() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    await cancel_run(drill.services, run.id, caller=LOCAL)
    await drill.tick()
    (run,) = await drill.runs()
    assert run.status is RunStatus.CANCELLED
    assert "matched" not in run.message


async def test_note_of_a_failed_pass_goes_with_the_next_one_that_succeeds() -> None:
    drill = Drill([])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    await handle_poisoned_run_message(drill.services, drill.outbox.queues[RUNS][0])
    (noted,) = await drill.runs()
    assert "failed" in noted.message
    await drill.tick()
    (run,) = await drill.runs()
    assert (run.status, run.message) == (RunStatus.COMPLETED, "No machine matched.")


async def test_poisoned_message_does_not_end_a_job_whose_cut_off_is_hours_away() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    await reconcile_run(drill.services, RUN)
    body = drill.outbox.queues[JOBS].pop()
    drill.clock.advance(3 * MINUTE)
    await handle_poisoned_job_message(drill.services, body)
    await drill.run_until(WINDOW_OPENS + HOUR)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]


@pytest.mark.parametrize("trouble", ["a row that can't be read", "a partition that is away"])
async def test_one_configuration_in_trouble_stops_no_other(trouble: str) -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await put_configuration(drill.services, OTHER, document=a_configuration(), caller=LOCAL)
    await drill.tick()
    if trouble.startswith("a row"):
        rows = drill.rows.tables[CONFIGURATIONS]
        (at,) = (place for place in rows if place[1] == "weekly")
        rows[at] = replace(rows[at], values={**rows[at].values, "window_since": "never"})
    else:
        drill.services = replace(drill.services, runs=_Away(drill.services.runs))
    await opened(drill)
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    (run,) = await drill.runs()
    assert run.counts == {Outcome.SUCCEEDED: 1}


class _Away:
    """Runs of which one configuration's partition is away."""

    def __init__(self, runs: Any) -> None:
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    async def insert(self, run: Run) -> Run:
        if run.configuration_id == OTHER:
            raise UnavailableError("This partition is away.")
        inserted: Run = await self._runs.insert(run)
        return inserted
