"""Messages at work: malformed ones raise, poisoned ones are kept and end only what has not been started."""

import json
from dataclasses import replace

import pytest

from shared.adapters.storage.machines import POISONED
from shared.application.handle_messages import (
    handle_job_message,
    handle_poisoned_job_message,
    handle_poisoned_run_message,
    handle_run_message,
)
from shared.application.messages import PassRequest, StartRequest, encode
from shared.domain.records import Job, JobChange, Run, RunId
from shared.domain.run import Outcome, Phase, RunStatus
from shared.errors import InvalidRequestError, NotFoundError
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

HOSTILE_RUNS = [
    pytest.param("nonsense", id="no id"),
    pytest.param("/providers/Microsoft.Maintenance/applyUpdates/20260602020000", id="no parent"),
    pytest.param(f"{CONFIGURATION}/providers/Microsoft.Maintenance/applyUpdates/now", id="no time"),
    pytest.param(
        f"/{'x' * 900}/providers/Microsoft.Maintenance/applyUpdates/20260602020000", id="too long"
    ),
]


async def dispatched() -> Drill:
    """A run whose only job is dispatched; nobody has taken its message yet."""
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await drill.tick()
    await put_into(drill, Phase.DISPATCHED)
    drill.fleet.installs.clear()
    return drill


async def put_into(drill: Drill, phase: Phase) -> None:
    (run,) = await drill.runs()
    job = await only_job(drill)
    columns = {"phase": phase, "dispatched_at": WINDOW_OPENS, "claimed_until": WINDOW_OPENS}
    await drill.services.jobs.change(run.id, JobChange(key=job.key, etag=job.etag, columns=columns))


async def only_job(drill: Drill) -> Job:
    (job,) = await drill.jobs()
    return job


async def only_run(drill: Drill) -> Run:
    (run,) = await drill.runs()
    return run


def a_start(run: Run) -> str:
    return encode(StartRequest(v=1, run=run.id.text, machine=a_machine().id))


def a_pass(run: Run) -> str:
    return encode(PassRequest(v=1, run=run.id.text))


def kept(drill: Drill) -> list[tuple[object, object]]:
    rows = drill.rows.tables.get(POISONED, {}).values()
    return [(row.values["body"], row.values["reason"]) for row in rows]


# --- messages that can be worked on --------------------------------------------------------------


async def test_job_message_starts_the_job_and_its_twin_does_nothing() -> None:
    drill = await dispatched()
    for _ in range(2):
        await handle_job_message(drill.services, a_start(await only_run(drill)))
    assert len(drill.fleet.installs) == 1
    assert (await only_job(drill)).phase is Phase.STARTED


@pytest.mark.parametrize(
    "phase", [Phase.QUEUED, Phase.CLAIMED, Phase.STARTING, Phase.UNCERTAIN, Phase.STARTED]
)
async def test_job_message_starts_nothing_that_is_not_dispatched(phase: Phase) -> None:
    drill = await dispatched()
    await put_into(drill, phase)
    await handle_job_message(drill.services, a_start(await only_run(drill)))
    assert drill.fleet.installs == []
    assert (await only_job(drill)).phase is phase


async def test_message_about_what_is_not_there_changes_nothing() -> None:
    drill = Drill([])
    unknown = RunId(configuration_id=CONFIGURATION, key="20260602020000")
    await handle_run_message(drill.services, encode(PassRequest(v=1, run=unknown.text)))
    start = StartRequest(v=1, run=unknown.text, machine=a_machine().id)
    await handle_job_message(drill.services, encode(start))
    assert await drill.runs() == []


async def test_request_for_a_configuration_that_is_not_there_raises() -> None:
    body = f'{{"v": 1, "configuration": "{CONFIGURATION}", "requestId": "r"}}'
    with pytest.raises(NotFoundError):
        await handle_run_message(Drill([]).services, body)


# --- malformed messages --------------------------------------------------------------------------


@pytest.mark.parametrize("run", HOSTILE_RUNS)
async def test_message_with_a_malformed_run_raises_and_is_kept_once_poisoned(run: str) -> None:
    drill = Drill([])
    of_run = json.dumps({"v": 1, "run": run})
    of_job = json.dumps({"v": 1, "run": run, "machine": a_machine().id})
    with pytest.raises(InvalidRequestError):
        await handle_run_message(drill.services, of_run)
    with pytest.raises(InvalidRequestError):
        await handle_job_message(drill.services, of_job)
    await handle_poisoned_run_message(drill.services, of_run)
    await handle_poisoned_job_message(drill.services, of_job)
    assert {body for body, _ in kept(drill)} == {of_run, of_job}


@pytest.mark.parametrize("body", ["", "nonsense", '{"v": 1}'])
async def test_malformed_message_raises_and_is_kept_with_the_reason(body: str) -> None:
    drill = Drill([])
    with pytest.raises(InvalidRequestError):
        await handle_run_message(drill.services, body)
    with pytest.raises(InvalidRequestError):
        await handle_job_message(drill.services, body)
    await handle_poisoned_run_message(drill.services, body)
    await handle_poisoned_job_message(drill.services, body)
    assert [one for one, _ in kept(drill)] == [body, body]
    assert all("malformed" in str(reason) for _, reason in kept(drill))


# --- poisoned messages ---------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.DISPATCHED, Phase.CLAIMED])
async def test_poisoned_message_leaves_what_was_not_started_to_the_next_pass(phase: Phase) -> None:
    drill = await dispatched()
    await put_into(drill, phase)
    before = await only_job(drill)
    body = a_start(await only_run(drill))
    await handle_poisoned_job_message(drill.services, body)
    assert await only_job(drill) == before
    assert kept(drill) == [(body, "failed again and again: see the log")]
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    assert (await only_job(drill)).outcome is Outcome.SUCCEEDED
    assert await drill.broken() == []


async def test_poisoned_message_of_a_job_that_was_being_started_makes_it_uncertain() -> None:
    drill = await dispatched()
    await put_into(drill, Phase.STARTING)
    await handle_poisoned_job_message(drill.services, a_start(await only_run(drill)))
    job = await only_job(drill)
    assert (job.phase, job.outcome) == (Phase.UNCERTAIN, None)


@pytest.mark.parametrize("phase", [Phase.STARTED, Phase.UNCERTAIN])
async def test_poisoned_message_leaves_alone_what_may_be_running(phase: Phase) -> None:
    drill = await dispatched()
    await put_into(drill, phase)
    before = await only_job(drill)
    await handle_poisoned_job_message(drill.services, a_start(await only_run(drill)))
    assert await only_job(drill) == before


async def test_poisoned_message_about_a_job_that_is_not_there_is_only_kept() -> None:
    drill = await dispatched()
    run = await only_run(drill)
    body = encode(StartRequest(v=1, run=run.id.text, machine=a_machine("stranger").id))
    before = await only_job(drill)
    await handle_poisoned_job_message(drill.services, body)
    assert [one for one, _ in kept(drill)] == [body]
    assert await only_job(drill) == before


async def test_poisoned_pass_leaves_a_note_and_the_next_tick_goes_on() -> None:
    drill = await dispatched()
    run = await only_run(drill)
    await handle_poisoned_run_message(drill.services, a_pass(run))
    noted = await only_run(drill)
    assert "A pass failed" in noted.message
    assert replace(noted, message=run.message, etag=run.etag) == run
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    assert (await only_run(drill)).status is RunStatus.COMPLETED


async def test_poisoned_pass_over_a_closed_run_changes_nothing() -> None:
    drill = await dispatched()
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    closed = await only_run(drill)
    assert not closed.status.is_open
    await handle_poisoned_run_message(drill.services, a_pass(closed))
    assert await only_run(drill) == closed


async def test_poisoned_request_for_a_run_is_only_kept() -> None:
    drill = Drill([])
    body = f'{{"v": 1, "configuration": "{CONFIGURATION}", "requestId": "r"}}'
    await handle_poisoned_run_message(drill.services, body)
    assert kept(drill) == [(body, f"There is no maintenance configuration {CONFIGURATION}.")]
    assert await drill.runs() == []
