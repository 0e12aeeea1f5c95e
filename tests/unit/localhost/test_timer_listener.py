import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.functions.timer import TimerRequest

from localhost.clocks import ManualClock, ScaledClock
from localhost.functions.function_index import Handler, TimerFunction
from localhost.functions.ncrontab import Ncrontab
from localhost.functions.timer_listener import TimerListener

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Recorder:
    """A timer's function that remembers what it was given; `then` is what else it does."""

    def __init__(self, then: Callable[[], Awaitable[None]] | None = None) -> None:
        self.requests: list[TimerRequest] = []
        self._then = then

    async def __call__(self, timer: TimerRequest) -> None:
        self.requests.append(timer)
        if self._then is not None:
            await self._then()

    def function(
        self,
        schedule: str = "0 */5 * * * *",
        *,
        run_on_startup: bool = False,
        monitored: bool = True,
    ) -> TimerFunction:
        async def code(timer: TimerRequest) -> None:
            await self(timer)

        return TimerFunction(
            handler=Handler(name="tick", parameter="timer", code=code),
            schedule=Ncrontab(schedule),
            run_on_startup=run_on_startup,
            monitored=monitored,
        )


def test_a_new_timer_waits_for_its_first_occurrence() -> None:
    listener = TimerListener(Recorder().function(), clock=ManualClock(NOON), state=None)
    assert listener.next_at == NOON + 5 * MINUTE


def test_run_on_startup_runs_at_once() -> None:
    function = Recorder().function(run_on_startup=True)
    listener = TimerListener(function, clock=ManualClock(NOON), state=None)
    assert listener.next_at == NOON


async def test_a_function_sees_the_record_of_the_run_before() -> None:
    clock, recorder = ManualClock(NOON), Recorder()
    listener = TimerListener(recorder.function(), clock=clock, state=None)
    for minutes in (5, 10):
        clock.advance_to(NOON + minutes * MINUTE)
        await listener.fire()
    assert [request.schedule_status for request in recorder.requests] == [
        {
            "Last": "0001-01-01T00:00:00+00:00",
            "Next": "2026-01-01T12:05:00+00:00",
            "LastUpdated": "2026-01-01T12:00:00+00:00",
        },
        {
            "Last": "2026-01-01T12:05:00+00:00",
            "Next": "2026-01-01T12:10:00+00:00",
            "LastUpdated": "2026-01-01T12:05:00+00:00",
        },
    ]
    assert [request.schedule for request in recorder.requests] == [{"AdjustForDST": True}] * 2


async def test_a_run_longer_than_the_interval_is_followed_at_once_by_one_run() -> None:
    clock = ManualClock(NOON)

    async def take_thirteen_minutes() -> None:
        clock.advance_to(clock.now() + 13 * MINUTE)

    listener = TimerListener(Recorder(take_thirteen_minutes).function(), clock=clock, state=None)
    clock.advance_to(NOON + 5 * MINUTE)
    await listener.fire()
    assert listener.next_at == NOON + 10 * MINUTE  # past: at once
    await listener.fire()
    assert listener.next_at == NOON + 20 * MINUTE  # 12:15 was covered


async def test_a_failure_waits_for_the_next_occurrence() -> None:
    async def fail() -> None:
        raise RuntimeError("as planned")

    clock = ManualClock(NOON)
    listener = TimerListener(Recorder(fail).function(), clock=clock, state=None)
    clock.advance_to(NOON + 5 * MINUTE)
    await listener.fire()
    assert listener.next_at == NOON + 10 * MINUTE


async def _first_run_after_restart(
    state: Path | None,
    *,
    minutes_later: int,
    schedule: str = "0 */5 * * * *",
    monitored: bool = True,
) -> tuple[datetime, list[TimerRequest]]:
    """Run at 12:05, start a new host *minutes_later*: when its first run is due, and what that run is given."""
    recorder, clock = Recorder(), ManualClock(NOON)
    function = recorder.function(monitored=monitored)
    clock.advance_to(NOON + 5 * MINUTE)
    await TimerListener(function, clock=clock, state=state).fire()
    recorder.requests.clear()
    clock.advance_to(clock.now() + minutes_later * MINUTE)
    restarted = TimerListener(
        recorder.function(schedule, monitored=monitored), clock=clock, state=state
    )
    due_at = restarted.next_at
    await restarted.fire()
    return due_at, recorder.requests


async def test_an_occurrence_missed_while_down_runs_once_at_once_as_past_due(
    tmp_path: Path,
) -> None:
    due_at, requests = await _first_run_after_restart(tmp_path, minutes_later=17)
    assert due_at == NOON + 22 * MINUTE
    assert [request.past_due for request in requests] == [True]
    assert requests[0].schedule_status["Next"] == "2026-01-01T12:10:00+00:00"


async def test_a_restart_between_two_occurrences_changes_nothing(tmp_path: Path) -> None:
    due_at, requests = await _first_run_after_restart(tmp_path, minutes_later=2)
    assert due_at == NOON + 10 * MINUTE
    assert [request.past_due for request in requests] == [False]


@pytest.mark.parametrize(
    ("schedule", "monitored", "kept"),
    [
        pytest.param("0 */7 * * * *", True, True, id="the schedule was changed"),
        pytest.param("0 */5 * * * *", False, True, id="the timer is not monitored"),
        pytest.param("0 */5 * * * *", True, False, id="the host keeps no state"),
    ],
)
async def test_nothing_is_past_due_when(
    tmp_path: Path, schedule: str, monitored: bool, kept: bool
) -> None:
    due_at, requests = await _first_run_after_restart(
        tmp_path if kept else None, minutes_later=17, schedule=schedule, monitored=monitored
    )
    assert due_at > NOON + 22 * MINUTE
    assert [request.past_due for request in requests] == [False]


def test_a_host_that_never_ran_it_still_knows_what_was_due(tmp_path: Path) -> None:
    for start in (NOON, NOON + 6 * MINUTE):
        listener = TimerListener(Recorder().function(), clock=ManualClock(start), state=tmp_path)
    assert listener.next_at == NOON + 6 * MINUTE


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "timers" / "tick.json"
    file.parent.mkdir()
    file.write_text('{"Last": "20', encoding="utf-8")
    listener = TimerListener(Recorder().function(), clock=ManualClock(NOON), state=tmp_path)
    assert listener.next_at == NOON + 5 * MINUTE


async def test_a_running_timer_fires_by_its_clock_and_never_overlaps() -> None:
    enough, running, most = asyncio.Event(), 0, 0

    async def watch() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        if len(recorder.requests) >= 3:
            enough.set()

    # A minute passes in ten milliseconds of real time, so that each run outlasts its interval.
    clock = ScaledClock(NOON, origin=datetime.now(UTC), speed=6000)
    recorder = Recorder(watch)
    listener = TimerListener(recorder.function("0 * * * * *"), clock=clock, state=None)
    task = asyncio.create_task(listener.run())
    await asyncio.wait_for(enough.wait(), timeout=60)
    task.cancel()
    await listener.close(timedelta(seconds=60))
    assert most == 1
    assert len(listener.running) == 0
