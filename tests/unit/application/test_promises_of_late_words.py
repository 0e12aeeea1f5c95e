"""What a late word does, and until when: a job without a final word is `Unknown`, and for a day it can be corrected."""

from datetime import datetime, timedelta

import pytest

from shared.adapters.memory.machines import LOST
from shared.application.handle_messages import handle_run_message
from shared.application.ports import InstallOrder, InstallReply, Uncertain
from shared.domain.records import Job, RunId, run_key
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_configuration, a_machine, a_state
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CLOSES = WINDOW_OPENS + 3 * HOUR
LAST_WORD = CLOSES + HOUR
VM = a_machine().key
RUN = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS)).text
NEVER_ARRIVED = Uncertain(message="The connection was reset.")


async def a_silent_machine(reply: InstallReply | None = None) -> Drill:
    """A drill in its window, once a week, with a machine of which nothing is heard after its install was asked for."""
    drill = Drill([a_state()])
    drill.fleet.silent.add(VM)
    if reply:
        drill.fleet.replies[VM] = [reply]
    await drill.configure(a_configuration(recurEvery="Week Tuesday"))
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    return drill


async def speaks(drill: Drill, at: datetime) -> None:
    """The machine's report is there from *at* on; some passes follow."""
    await drill.run_until(at - MINUTE, step=HOUR)
    drill.fleet.silent.clear()
    await drill.run_until(at + 6 * MINUTE)


async def only_job(drill: Drill) -> Job:
    (job,) = await drill.jobs()
    return job


REPLIES = {
    "an install that is known": None,
    "an install whose reply was lost": LOST,
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
@pytest.mark.parametrize(
    "late", [pytest.param(HOUR, id="an hour"), pytest.param(DAY - 10 * MINUTE, id="nearly a day")]
)
async def test_word_within_a_day_corrects_unknown_and_leaves_both_words(
    reply: InstallReply | None, late: timedelta
) -> None:
    drill = await a_silent_machine(reply)
    await drill.run_until(LAST_WORD + 2 * MINUTE, step=10 * MINUTE)
    before = await drill.runs()
    assert [run.counts for run in before] == [{Outcome.UNKNOWN: 1}]
    assert [run.status for run in before] == [RunStatus.COMPLETED_WITH_WARNINGS]
    await speaks(drill, LAST_WORD + late)
    job = await only_job(drill)
    assert (job.outcome, job.reason, job.adopted) == (Outcome.SUCCEEDED, None, reply is LOST)
    (trace,) = job.trace
    assert "Unknown" in trace
    assert "became Succeeded" in trace
    (run,) = await drill.runs()
    assert (run.counts, run.status) == ({Outcome.SUCCEEDED: 1}, RunStatus.COMPLETED)
    assert await drill.broken() == []


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
async def test_word_after_a_day_changes_nothing(reply: InstallReply | None) -> None:
    drill = await a_silent_machine(reply)
    await drill.run_until(LAST_WORD + 2 * MINUTE, step=10 * MINUTE)
    await speaks(drill, LAST_WORD + DAY + 10 * MINUTE)
    job = await only_job(drill)
    assert (job.outcome, job.reason, job.trace) == (Outcome.UNKNOWN, Reason.NO_FINAL_WORD, ())
    (run,) = await drill.runs()
    assert run.counts == {Outcome.UNKNOWN: 1}
    assert await drill.broken() == []


async def test_uncertain_job_is_looked_for_until_an_hour_after_its_window_and_then_unknown() -> (
    None
):
    drill = await a_silent_machine(NEVER_ARRIVED)
    await drill.run_until(LAST_WORD - MINUTE, step=10 * MINUTE)
    assert (await only_job(drill)).phase is Phase.UNCERTAIN
    await drill.run_until(LAST_WORD + 2 * MINUTE)
    job = await only_job(drill)
    assert (job.outcome, job.reason) == (Outcome.UNKNOWN, Reason.NO_FINAL_WORD)
    assert drill.fleet.installs == []
    assert await drill.broken() == []


async def test_uncertain_job_is_found_until_an_hour_after_its_window() -> None:
    drill = await a_silent_machine(LOST)
    await speaks(drill, LAST_WORD - 10 * MINUTE)
    job = await only_job(drill)
    assert (job.outcome, job.adopted, job.trace) == (Outcome.SUCCEEDED, True, ())
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


async def test_reply_that_comes_after_its_job_became_uncertain_finds_it_by_activity_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker was so slow that a pass took it for dead; its machine began too late to be found by time."""
    drill = Drill([a_state()])
    await drill.configure(a_configuration(recurEvery="Week Tuesday"))
    install = drill.fleet.install

    async def slow(order: InstallOrder) -> InstallReply:
        drill.clock.advance(15 * MINUTE)
        await handle_run_message(drill.services, body)
        assert (await only_job(drill)).phase is Phase.UNCERTAIN
        return await install(order)

    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS
    monkeypatch.setattr(drill.fleet, "install", slow)
    body = f'{{"v": 1, "run": "{RUN}"}}'
    await drill.tick()
    job = await only_job(drill)
    (installed,) = drill.fleet.installs
    assert (job.phase, job.activity_id) == (Phase.UNCERTAIN, installed.activity_id)
    await drill.run_until(drill.clock.instant + 10 * MINUTE)
    job = await only_job(drill)
    assert (job.outcome, job.adopted) == (Outcome.SUCCEEDED, False)
    assert await drill.broken() == []
