"""Runs and jobs: keys that are locks, changes by ETag, batches that are split."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.storage.stores import Stores
from shared.application.ports import FrozenScope, StaleError
from shared.domain.records import Job, JobChange, Run, RunId, RunKind, UpdateCounts
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from tests.builders import CONFIGURATION, GROUP, a_machine
from tests.contract.records import NOW, OTHER, RUN, SCOPE, a_job, a_run, an_assignment


def on_demand(minutes: int = 0, *, target: str = "", request_id: str = "") -> Run:
    return a_run(minutes, kind=RunKind.ON_DEMAND, target=target, request_id=request_id)


# --- runs ----------------------------------------------------------------------------------------


async def test_run_is_read_back_whole(stored: Stores) -> None:
    counts = {Outcome.SUCCEEDED: 3, Outcome.TIMED_OUT: 1}
    run = a_run(status=RunStatus.FAILED, reason=Reason.NOT_READABLE, counts=counts)
    written = await stored["runs"].insert(run)
    assert await stored["runs"].get(run.id) == written
    assert replace(written, etag="") == run


async def test_occurrence_is_inserted_once(stored: Stores) -> None:
    await stored["runs"].insert(a_run())
    with pytest.raises(StaleError):
        await stored["runs"].insert(a_run(created_by="twin"))
    assert [run.created_by async for run in stored["runs"].list(CONFIGURATION)] == ["timer"]


async def test_run_is_replaced_by_its_etag_and_forgets_what_is_none(stored: Stores) -> None:
    leased = await stored["runs"].insert(a_run(lease="one", leased_until=NOW))
    free = await stored["runs"].replace(replace(leased, leased_until=None))
    with pytest.raises(StaleError):
        await stored["runs"].replace(leased)
    assert await stored["runs"].get(RUN) == free


async def test_run_is_removed_by_its_etag_and_leaves_its_occurrence_free(stored: Stores) -> None:
    first = await stored["runs"].insert(a_run())
    second = await stored["runs"].replace(first)
    with pytest.raises(StaleError):
        await stored["runs"].remove(first)
    assert await stored["runs"].get(RUN) == second
    for _ in range(2):
        await stored["runs"].remove(second)
    assert await stored["runs"].get(RUN) is None
    await stored["runs"].insert(a_run())


async def test_closed_runs_are_inserted_by_the_hundreds_and_leave_those_that_exist(
    stored: Stores,
) -> None:
    await stored["runs"].insert(a_run(7, message="open"))
    missed = [a_run(n, status=RunStatus.MISSED, message="missed") for n in range(230)]
    for _ in range(2):
        await stored["runs"].insert_closed(missed)
    found = [run async for run in stored["runs"].list(CONFIGURATION)]
    assert [run.key for run in found] == [run.key for run in missed]
    assert [n for n, run in enumerate(found) if run.message == "open"] == [7]


async def test_closed_runs_with_long_documents_fit_into_their_transactions(stored: Stores) -> None:
    document = {"long": "語" * 87_000}
    await stored["runs"].insert_closed([a_run(n, document=document) for n in range(20)])
    assert len([run async for run in stored["runs"].list(CONFIGURATION)]) == 20


async def test_runs_are_listed_oldest_first_and_within_their_scope(stored: Stores) -> None:
    stranger = OTHER.replace("/ops/", "/ops2/")
    for configuration, minutes in [(CONFIGURATION, 1), (OTHER, 2), (stranger, 3)]:
        await stored["runs"].insert(a_run(minutes, configuration=configuration))
    await stored["runs"].insert(a_run(0))
    listed = [run.key async for run in stored["runs"].list(CONFIGURATION)]
    assert listed == [a_run(0).key, a_run(1).key]
    within = [run.configuration_id async for run in stored["runs"].list_within(GROUP)]
    assert within == [CONFIGURATION, CONFIGURATION, OTHER]
    assert len([run async for run in stored["runs"].list_within(SCOPE)]) == 4


async def test_run_on_demand_comes_with_its_marker_and_its_request(stored: Stores) -> None:
    run = await stored["runs"].insert_on_demand(on_demand(request_id="it's #7/?"), replaces="")
    assert await stored["runs"].get(run.id) == run
    assert await stored["runs"].active_on_demand(CONFIGURATION, target="") == run.key
    assert await stored["runs"].of_request(CONFIGURATION, request_id="it's #7/?") == run.key
    assert [one.key async for one in stored["runs"].list(CONFIGURATION)] == [run.key]


@pytest.mark.parametrize(
    ("second", "replaces"),
    [
        pytest.param(on_demand(0, target="/x"), "", id="its second is taken"),
        pytest.param(on_demand(1), "", id="another one is active"),
        pytest.param(on_demand(1), "20200101000000", id="the marker has moved"),
        pytest.param(on_demand(1, target="/x", request_id="r"), "", id="the request is known"),
    ],
)
async def test_run_on_demand_that_loses_leaves_nothing(
    stored: Stores, second: Run, replaces: str
) -> None:
    first = await stored["runs"].insert_on_demand(on_demand(request_id="r"), replaces="")
    with pytest.raises(StaleError):
        await stored["runs"].insert_on_demand(second, replaces=replaces)
    assert [one async for one in stored["runs"].list(CONFIGURATION)] == [first]
    assert await stored["runs"].active_on_demand(CONFIGURATION, target="/x") == ""
    assert await stored["runs"].active_on_demand(CONFIGURATION, target="") == first.key


async def test_each_target_has_a_marker_of_its_own_that_moves_on(stored: Stores) -> None:
    machine = a_machine().id
    first = await stored["runs"].insert_on_demand(on_demand(0), replaces="")
    await stored["runs"].insert_on_demand(on_demand(1, target=machine), replaces="")
    third = await stored["runs"].insert_on_demand(on_demand(2), replaces=first.key)
    marker = stored["runs"].active_on_demand
    assert await marker(CONFIGURATION, target="") == third.key
    assert await marker(CONFIGURATION, target=machine.upper()) == a_run(1).key


async def test_request_joins_the_first_run_that_answered_it(stored: Stores) -> None:
    for key in ("20260602020000", "20260602020100"):
        await stored["runs"].join_request(CONFIGURATION, request_id="r", key=key)
    assert await stored["runs"].of_request(CONFIGURATION, request_id="r") == "20260602020000"
    assert await stored["runs"].of_request(CONFIGURATION, request_id="R") == ""
    assert await stored["runs"].of_request(OTHER, request_id="r") == ""


# --- jobs ----------------------------------------------------------------------------------------


async def jobs_of(stored: Stores, run_id: RunId = RUN) -> list[Job]:
    return [job async for job in stored["jobs"].list(run_id)]


def to_phase(job: Job, phase: Phase) -> JobChange:
    return JobChange(key=job.key, etag=job.etag, columns={"phase": phase})


async def test_job_is_read_back_whole(stored: Stores) -> None:
    job = a_job(
        starting_at=NOW,
        maximum_duration=timedelta(hours=3, minutes=55),
        reason=Reason.BUSY,
        adopted=True,
        counts=UpdateCounts(installed=2),
        trace=("a, 'b'", "c"),
    )
    assert await stored["jobs"].insert(RUN, [job]) == 1
    found = await stored["jobs"].get(RUN, job.key)
    assert found is not None
    assert replace(found, etag="") == job


async def test_jobs_that_are_there_stay_and_only_new_ones_count(stored: Stores) -> None:
    await stored["jobs"].insert(RUN, [a_job("vm-7", matched_by="first")])
    jobs = [a_job(f"vm-{n}", matched_by="second") for n in range(150)]
    assert await stored["jobs"].insert(RUN, jobs) == 149
    assert await stored["jobs"].insert(RUN, jobs) == 0
    matched_by = {job.matched_by for job in await jobs_of(stored) if job.key == a_job("vm-7").key}
    assert (len(await jobs_of(stored)), matched_by) == (150, {"first"})


async def test_machine_that_is_matched_twice_at_once_is_one_job(stored: Stores) -> None:
    assert await stored["jobs"].insert(RUN, [a_job("vm"), a_job("VM")]) == 1


async def test_change_merges_its_columns_under_the_etag(stored: Stores) -> None:
    await stored["jobs"].insert(RUN, [a_job(held_message="kept")])
    (job,) = await jobs_of(stored)
    etag = await stored["jobs"].change(RUN, to_phase(job, Phase.DISPATCHED))
    with pytest.raises(StaleError):
        await stored["jobs"].change(RUN, to_phase(job, Phase.CLAIMED))
    changed = replace(job, phase=Phase.DISPATCHED, etag=etag)
    assert await jobs_of(stored) == [changed]


async def test_change_to_none_empties_the_column(stored: Stores) -> None:
    await stored["jobs"].insert(RUN, [a_job(reason=Reason.NO_FINAL_WORD, not_before=NOW)])
    (job,) = await jobs_of(stored)
    nothing = {"reason": None, "not_before": None}
    await stored["jobs"].change(RUN, JobChange(key=job.key, etag=job.etag, columns=nothing))
    (changed,) = await jobs_of(stored)
    assert (changed.reason, changed.not_before) == (None, None)
    (glance,) = [one async for one in stored["jobs"].glance(RUN)]
    assert glance.not_before is None


async def test_change_without_an_etag_is_a_mistake_of_the_caller(stored: Stores) -> None:
    with pytest.raises(ValueError, match="ETag"):
        await stored["jobs"].change(RUN, to_phase(a_job(), Phase.CLAIMED))


async def test_message_too_long_for_a_column_is_cut(stored: Stores) -> None:
    await stored["jobs"].insert(RUN, [a_job(message="🐧" * 40_000, held_message="x" * 40_000)])
    (job,) = await jobs_of(stored)
    assert job.message == "🐧" * 16_000
    assert job.held_message == "x" * 32_000


async def test_one_stale_change_in_a_hundred_does_not_hold_up_the_others(stored: Stores) -> None:
    await stored["jobs"].insert(RUN, [a_job(f"vm-{n}") for n in range(120)])
    jobs = await jobs_of(stored)
    await stored["jobs"].change(RUN, to_phase(jobs[42], Phase.CLAIMED))
    changes = [to_phase(job, Phase.DISPATCHED) for job in jobs]
    written = await stored["jobs"].change_many(RUN, changes)
    assert written == changes[:42] + changes[43:]
    phases = [job.phase for job in await jobs_of(stored)]
    assert phases == [Phase.DISPATCHED] * 42 + [Phase.CLAIMED] + [Phase.DISPATCHED] * 77


async def test_glance_shows_jobs_only_and_of_this_run_only(stored: Stores) -> None:
    job = a_job(phase=Phase.CLAIMED, claimed_until=NOW, message="long")
    await stored["jobs"].insert(RUN, [job])
    await stored["jobs"].insert(a_run(1).id, [a_job("other")])
    await stored["jobs"].put_scope(RUN, FrozenScope(key="scope-1", assignment=an_assignment()))
    (glance,) = [one async for one in stored["jobs"].glance(RUN)]
    (whole,) = await jobs_of(stored)
    assert (glance.key, glance.etag, glance.phase) == (job.key, whole.etag, Phase.CLAIMED)
    assert (glance.machine_id, glance.claimed_until) == (job.machine_id, NOW)


async def test_jobs_are_listed_by_phase_by_outcome_and_after_a_key(stored: Stores) -> None:
    ended = {"phase": Phase.ENDED, "outcome": Outcome.UNKNOWN}
    jobs = [a_job(f"vm-{n}", **(ended if n % 2 else {})) for n in range(6)]
    await stored["jobs"].insert(RUN, jobs)
    keys = sorted(job.key for job in jobs)
    assert [job.key for job in await jobs_of(stored)] == keys
    after = [job.key async for job in stored["jobs"].list(RUN, after=keys[3])]
    assert after == keys[4:]
    queued = [job.key async for job in stored["jobs"].list(RUN, phase=Phase.QUEUED)]
    assert queued == sorted(job.key for job in jobs[::2])
    unknown = stored["jobs"].list(RUN, outcome=Outcome.UNKNOWN.value, after=keys[0])
    assert [job.key async for job in unknown] == [
        key for key in keys[1:] if key in {job.key for job in jobs[1::2]}
    ]


async def test_scope_is_written_over_its_own_etag_only(stored: Stores) -> None:
    scope = FrozenScope(key="scope-1", assignment=an_assignment(), problem="it's gone")
    first = await stored["jobs"].put_scope(RUN, scope)
    second = await stored["jobs"].put_scope(RUN, replace(first, after="k", seen=3, done=True))
    with pytest.raises(StaleError):
        await stored["jobs"].put_scope(RUN, first)
    assert [one async for one in stored["jobs"].scopes(RUN)] == [second]


async def test_rows_of_an_unfinished_freeze_are_removed_where_nobody_changed_them(
    stored: Stores,
) -> None:
    await stored["jobs"].insert(RUN, [a_job("gone"), a_job("changed")])
    scope = await stored["jobs"].put_scope(
        RUN, FrozenScope(key="scope-1", assignment=an_assignment())
    )
    seen = {job.key: job.etag for job in await jobs_of(stored)} | {scope.key: scope.etag}
    (changed,) = [job for job in await jobs_of(stored) if job.key == a_job("changed").key]
    await stored["jobs"].change(RUN, to_phase(changed, Phase.DISPATCHED))
    await stored["jobs"].remove(RUN, seen)
    await stored["jobs"].remove(RUN, seen)
    assert [job.key for job in await jobs_of(stored)] == [changed.key]
    assert [one async for one in stored["jobs"].scopes(RUN)] == []
