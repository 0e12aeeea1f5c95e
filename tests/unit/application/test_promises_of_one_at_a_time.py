"""One update at a time for a machine, whatever the number of runs that want it, and of configurations."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.start_run import start_configuration_run
from shared.domain.records import Job, RunId, job_key, parse_run_key, run_key
from shared.domain.run import Outcome, Reason
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
DAY = timedelta(days=1)
CUT_OFF = timedelta(minutes=30)
VM = a_machine()


def run_of(name: str, starts_at: datetime) -> RunId:
    return RunId(configuration_id=CONFIGURATION.replace("nightly", name), key=run_key(starts_at))


FIRST = run_of("first", WINDOW_OPENS)
SECOND = run_of("second", WINDOW_OPENS + 10 * MINUTE)
THIRD = run_of("third", WINDOW_OPENS + 20 * MINUTE)


async def scheduled(drill: Drill, *runs: RunId) -> None:
    """Configurations over the machine, each with the window that one of the runs names, once a week."""
    for run in runs:
        starts_at = parse_run_key(run.key)
        document = a_configuration(
            startDateTime=f"{starts_at:%Y-%m-%d %H:%M}",
            recurEvery=f"Week {starts_at:%A}",
        )
        name = run.configuration_id
        await put_configuration(drill.services, name, document=document, caller=LOCAL)
        scope = a_scope(configuration_id=name)
        await drill.attach(f"/subscriptions/{SUBSCRIPTION}", name.rpartition("/")[2], scope)
    drill.clock.instant = WINDOW_OPENS - MINUTE


async def job_of(drill: Drill, run: RunId) -> Job:
    job = await drill.services.jobs.get(run, job_key(VM.id))
    assert job
    return job


def assert_apart(drill: Drill) -> None:
    """No install began before the one before it had ended."""
    installs = sorted(drill.fleet.installs, key=lambda install: install.at)
    for before, after in pairwise(installs):
        assert before.ends_at <= after.at


async def test_later_run_waits_inside_its_window_and_starts_when_the_first_has_ended() -> None:
    drill = Drill([a_state()], takes=40 * MINUTE)
    await scheduled(drill, FIRST, SECOND)
    await drill.run_until(WINDOW_OPENS + 20 * MINUTE)
    waiting = await job_of(drill, SECOND)
    assert (waiting.outcome, waiting.held_by) == (None, Reason.BUSY)
    assert FIRST.text in waiting.held_message
    await drill.run_until(WINDOW_OPENS + 2 * HOUR)
    assert (await job_of(drill, FIRST)).outcome is Outcome.SUCCEEDED
    assert (await job_of(drill, SECOND)).outcome is Outcome.SUCCEEDED
    first, second = drill.fleet.installs
    assert first.ends_at <= second.at <= first.ends_at + 5 * MINUTE
    assert await drill.broken() == []


AT_ONCE = tuple(run_of(name, WINDOW_OPENS) for name in ("first", "second", "third"))


@pytest.mark.parametrize(
    "runs", [(FIRST, SECOND, THIRD), AT_ONCE], ids=["one after the other", "all at once"]
)
async def test_three_configurations_take_turns(runs: tuple[RunId, ...]) -> None:
    drill = Drill([a_state()], takes=30 * MINUTE)
    await scheduled(drill, *runs)
    await drill.run_until(WINDOW_OPENS + 3 * HOUR)
    jobs = [await job_of(drill, run) for run in runs]
    assert [job.outcome for job in jobs] == [Outcome.SUCCEEDED] * 3
    assert len(drill.fleet.installs) == 3
    assert_apart(drill)
    assert await drill.broken() == []


async def test_who_waits_in_vain_is_skipped_at_its_cut_off_and_names_who_held_the_machine() -> None:
    drill = Drill([a_state()], takes=85 * MINUTE)
    await scheduled(drill, FIRST, SECOND, THIRD)
    await drill.run_until(WINDOW_OPENS + 5 * HOUR)
    assert (await job_of(drill, FIRST)).outcome is Outcome.SUCCEEDED
    # Nobody promises which of the two that wait comes first.
    waited = {run: await job_of(drill, run) for run in (SECOND, THIRD)}
    (patched,) = (run for run, job in waited.items() if job.outcome is Outcome.SUCCEEDED)
    (skipped,) = (job for job in waited.values() if job.outcome is Outcome.SKIPPED)
    assert skipped.reason is Reason.BUSY
    assert patched.text in skipped.message
    assert_apart(drill)
    assert await drill.broken() == []


async def test_all_who_wait_in_vain_are_skipped_in_time() -> None:
    drill = Drill([a_state()], takes=4 * HOUR)
    await scheduled(drill, FIRST, SECOND, THIRD)
    await drill.run_until(WINDOW_OPENS + 5 * HOUR)
    for run in (SECOND, THIRD):
        job = await job_of(drill, run)
        assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.BUSY)
        assert FIRST.text in job.message
        assert job.ended_at
        cut_off = parse_run_key(run.key) + 3 * HOUR - CUT_OFF
        assert cut_off - 2 * MINUTE <= job.ended_at <= cut_off + 10 * MINUTE
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


async def test_run_on_demand_waits_for_a_scheduled_one_of_the_same_configuration() -> None:
    drill = Drill([a_state()], takes=30 * MINUTE)
    await scheduled(drill, FIRST)
    await drill.run_until(WINDOW_OPENS + 5 * MINUTE)
    on_demand = await start_configuration_run(drill.services, FIRST.configuration_id, caller=LOCAL)
    await drill.run_until(WINDOW_OPENS + 2 * HOUR)
    assert (await job_of(drill, on_demand.id)).outcome is Outcome.SUCCEEDED
    assert len(drill.fleet.installs) == 2
    assert_apart(drill)
    assert await drill.broken() == []


# --- a machine whose holder is Unknown -----------------------------------------------------------

UNKNOWN_AT = WINDOW_OPENS + 4 * HOUR
HELD = run_of("second", UNKNOWN_AT + HOUR)


async def with_an_unknown_holder(*runs: RunId) -> Drill:
    drill = Drill([a_state()])
    drill.fleet.silent.add(VM.key)
    await scheduled(drill, FIRST, *runs)
    await drill.run_until(WINDOW_OPENS + MINUTE)
    await drill.run_until(UNKNOWN_AT + 2 * MINUTE, step=10 * MINUTE)
    assert (await job_of(drill, FIRST)).outcome is Outcome.UNKNOWN
    return drill


async def test_machine_of_an_unknown_job_is_held_until_its_word_comes() -> None:
    drill = await with_an_unknown_holder(HELD)
    await drill.run_until(UNKNOWN_AT + 90 * MINUTE)
    assert (await job_of(drill, HELD)).held_by is Reason.BUSY
    assert len(drill.fleet.installs) == 1
    drill.fleet.silent.clear()
    await drill.run_until(UNKNOWN_AT + 2 * HOUR)
    assert (await job_of(drill, FIRST)).outcome is Outcome.SUCCEEDED
    assert (await job_of(drill, HELD)).outcome is Outcome.SUCCEEDED
    assert await drill.broken() == []


async def test_machine_of_an_unknown_job_is_held_from_others_in_vain_for_them() -> None:
    drill = await with_an_unknown_holder(HELD)
    await drill.run_until(UNKNOWN_AT + 4 * HOUR, step=5 * MINUTE)
    job = await job_of(drill, HELD)
    assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.BUSY)
    assert FIRST.text in job.message
    assert await drill.broken() == []


@pytest.mark.parametrize(
    ("later", "installs"),
    [
        pytest.param(DAY - 3 * HOUR, 0, id="past the cut-off of another run"),
        pytest.param(DAY - HOUR, 1, id="into the window of another run, which starts then"),
    ],
)
async def test_machine_of_an_unknown_job_is_held_for_a_day(later: timedelta, installs: int) -> None:
    next_day = run_of("second", UNKNOWN_AT + later)
    drill = await with_an_unknown_holder(next_day)
    await drill.run_until(UNKNOWN_AT + later - MINUTE, step=HOUR)
    await drill.run_until(UNKNOWN_AT + later + 3 * HOUR, step=5 * MINUTE)
    job = await job_of(drill, next_day)
    assert (job.reason is Reason.BUSY) is (installs == 0)
    begun = [install.at for install in drill.fleet.installs[1:]]
    assert len(begun) == installs
    assert all(UNKNOWN_AT + DAY <= at <= UNKNOWN_AT + DAY + 10 * MINUTE for at in begun)
    assert await drill.broken() == []
