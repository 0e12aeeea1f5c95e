"""The checker: each invariant, broken by hand after a drill that was right, is named, and no other is."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.storage.jobs import JOBS, Jobs
from shared.adapters.storage.machines import UPDATES
from shared.adapters.storage.rows import Value
from shared.adapters.storage.runs import RUNS
from shared.application.invariants import (
    LoggedInstall,
    depends_on_order,
    outcomes,
    violations,
)
from shared.domain.records import JobGlance, RunId, run_key
from shared.domain.run import Outcome
from tests.builders import CONFIGURATION, SUBSCRIPTION, WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Maintenance"
    "/configurationAssignments/everything"
)


async def finished() -> Drill:
    """Two machines patched, one that was off, two days in a row; all invariants hold."""
    states = [a_state(), a_state(a_machine("vm-2")), a_state(a_machine("off"), running=False)]
    drill = Drill(states)
    await drill.configure()
    for day in range(2):
        opens = WINDOW_OPENS + timedelta(days=day)
        drill.clock.instant = opens - MINUTE
        await drill.run_until(opens + 15 * MINUTE)
    assert await drill.broken() == []
    return drill


def edit(
    drill: Drill, table: str, where: Callable[[dict[str, Value]], bool], **columns: Any
) -> None:
    """Change the first row that matches behind everybody's back; a column that is None goes."""
    rows = drill.rows.tables[table]
    place, row = next((k, r) for k, r in sorted(rows.items()) if where(dict(r.values)))
    values = {**row.values, **columns}
    rows[place] = replace(row, values={k: v for k, v in values.items() if v is not None})


def remove(drill: Drill, table: str, where: Callable[[dict[str, Value]], bool]) -> None:
    rows = drill.rows.tables[table]
    del rows[next(k for k, r in sorted(rows.items()) if where(dict(r.values)))]


def of(name: str) -> Callable[[dict[str, Value]], bool]:
    return lambda values: str(values.get("machine_id", "")).endswith(f"/{name}")


def first_run(values: dict[str, Value]) -> bool:
    return values.get("key") == run_key(WINDOW_OPENS) and "status" in values


async def numbers(drill: Drill, **more: Any) -> set[int]:
    return {found.invariant for found in await drill.broken(**more)}


# --- 1: occurrences ------------------------------------------------------------------------------


async def test_due_occurrence_without_a_run_row_is_named() -> None:
    drill = await finished()
    remove(drill, RUNS, first_run)
    found = [str(one) for one in await drill.broken()]
    assert found[0] == f"invariant 1: {CONFIGURATION}: {WINDOW_OPENS} has no run row."
    # Its jobs are gone with it, so nobody asked for its two installs.
    assert [text[:12] for text in found[1:]] == ["invariant 2:"] * 2


async def test_occurrence_that_came_due_without_any_tick_is_named() -> None:
    drill = await finished()
    drill.clock.advance(timedelta(days=1))
    assert await numbers(drill) == {1}


async def test_run_of_no_occurrence_is_named() -> None:
    drill = await finished()
    edit(drill, RUNS, first_run, starts_at="2026-06-02T01:59:59.000000Z")
    assert await numbers(drill) == {1}


@pytest.mark.parametrize("status", ["Missed", "Cancelled"])
async def test_run_that_did_not_run_and_does_not_say_why_is_named(status: str) -> None:
    drill = await finished()
    edit(drill, RUNS, first_run, status=status)
    assert await numbers(drill) == {1}
    edit(drill, RUNS, first_run, reason="Outage")
    assert await numbers(drill) == set()


# --- 2 and 3: installs ---------------------------------------------------------------------------


async def test_install_that_is_logged_twice_is_named() -> None:
    drill = await finished()
    drill.fleet.installs.append(drill.fleet.installs[0])
    assert await numbers(drill) == {2}


async def test_install_that_no_job_asked_for_is_named() -> None:
    drill = await finished()
    stranger = LoggedInstall(machine_id="/m", at=WINDOW_OPENS, client_request_id="nobody's")
    evidence = drill.evidence()
    found = await violations(
        drill.services, replace(evidence, installs=[*evidence.installs, stranger])
    )
    assert [(one.invariant, one.subject) for one in found] == [(2, "/m")]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(WINDOW_OPENS - timedelta.resolution, {3}, id="before the window"),
        pytest.param(WINDOW_OPENS, set(), id="as it opens"),
        pytest.param(WINDOW_OPENS + 2.5 * HOUR, set(), id="at the cut-off"),
        pytest.param(WINDOW_OPENS + 2.5 * HOUR + timedelta.resolution, {3}, id="after it"),
    ],
)
async def test_install_outside_its_window_less_the_cut_off_is_named(
    at: datetime, expected: set[int]
) -> None:
    drill = await finished()
    drill.fleet.installs[0] = replace(drill.fleet.installs[0], at=at)
    assert await numbers(drill) == expected


# --- 4: endings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        pytest.param("off", {"reason": None}, id="no reason"),
        pytest.param("vm-1", {"message": None}, id="no sentence"),
        pytest.param("vm-1", {"phase": "started"}, id="an outcome in a phase that is none"),
    ],
)
async def test_ending_that_is_not_whole_is_named(name: str, columns: dict[str, Any]) -> None:
    drill = await finished()
    edit(drill, JOBS, of(name), **columns)
    assert await numbers(drill) == {4}


async def test_job_that_is_open_in_a_closed_run_is_named() -> None:
    drill = await finished()
    edit(drill, JOBS, of("off"), phase="queued", outcome=None, reason=None)
    assert await numbers(drill) == {4, 6}  # the run counts it as skipped


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        pytest.param("off", "Succeeded", id="patched, but nothing was installed"),
        pytest.param("vm-1", "Skipped", id="skipped, but it was installed"),
        pytest.param("vm-1", "TimedOut", id="timed out, but it was installed"),
        pytest.param("vm-1", "Cancelled", id="cancelled, but it was installed"),
    ],
)
async def test_outcome_that_the_machine_itself_contradicts_is_named(
    name: str, outcome: str
) -> None:
    drill = await finished()
    edit(drill, JOBS, of(name), outcome=outcome, reason="Outage")
    assert await numbers(drill) == {4, 6}  # the run counts it otherwise


async def test_run_that_is_open_after_the_last_word_is_named() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS + 4 * HOUR + 3 * MINUTE
    assert await numbers(drill) == set()
    drill.clock.advance(timedelta.resolution)
    assert await numbers(drill) == {4}


# --- 5: traces -----------------------------------------------------------------------------------


async def unknown() -> Drill:
    """One machine, closed as `Unknown`."""
    drill = Drill([a_state()])
    drill.fleet.silent.add(a_machine().key)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 5 * MINUTE)
    drill.clock.instant = WINDOW_OPENS + 4 * HOUR
    await drill.run_until(WINDOW_OPENS + 4 * HOUR + 3 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.UNKNOWN]
    return drill


async def test_outcome_that_changed_from_anything_but_unknown_is_named() -> None:
    drill = await finished()
    before = await outcomes(drill.services)
    assert await numbers(drill, before=before) == set()
    place, job = next(iter(before.items()))
    failed = {**before, place: replace(job, outcome=Outcome.FAILED, trace=())}
    assert await numbers(drill, before=failed) == {5}


async def test_correction_without_a_trace_is_named_and_with_one_it_is_not() -> None:
    drill = await unknown()
    before = await outcomes(drill.services)
    drill.fleet.silent.clear()
    await drill.run_until(drill.clock.instant + 12 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]
    assert await numbers(drill, before=before) == set()
    edit(drill, JOBS, of("vm-1"), trace="[]", ended_at="2026-06-02T02:10:00.000000Z")
    assert await numbers(drill, before=before) == {5}


async def test_outcome_that_came_too_late_without_having_been_unknown_is_named() -> None:
    drill = await finished()
    edit(drill, JOBS, of("vm-1"), ended_at="2026-06-02T06:03:00.000001Z")
    assert await numbers(drill) == {5}


# --- 6: counts -----------------------------------------------------------------------------------


async def test_run_that_counts_other_jobs_than_it_has_is_named() -> None:
    drill = await finished()
    edit(drill, RUNS, first_run, counts='{"Succeeded":3}')
    assert await numbers(drill) == {6}


class ForgetfulJobs(Jobs):
    """Jobs of which a glance shows all but the first."""

    async def glance(self, run_id: RunId) -> AsyncIterator[JobGlance]:
        seen = [one async for one in super().glance(run_id)]
        for one in seen[1:]:
            yield one


async def test_open_run_that_is_shown_with_other_counts_than_its_rows_is_named() -> None:
    drill = Drill([a_state(), a_state(a_machine("vm-2"))])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await drill.tick()
    edit(drill, RUNS, first_run, counts='{"Succeeded":3}')  # an open run is counted when it is read
    assert await numbers(drill) == set()
    drill.services = replace(drill.services, jobs=ForgetfulJobs(drill.rows))
    assert await numbers(drill) == {6}


async def test_job_that_counts_other_updates_than_it_has_is_named() -> None:
    drill = await finished()
    remove(drill, UPDATES, lambda _: True)
    assert await numbers(drill) == {6}


# --- 7: what was acknowledged --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "resource_id"),
    [
        ("Configurations", CONFIGURATION),
        ("Assignments", SCOPE),
        ("Runs", f"{CONFIGURATION}/providers/Microsoft.Maintenance/applyUpdates/20260602020000"),
    ],
)
async def test_acknowledged_row_that_is_gone_is_named(table: str, resource_id: str) -> None:
    drill = await finished()
    assert await numbers(drill, acknowledged=[resource_id.upper()]) == set()
    drill.rows.tables[table].clear()
    found = await drill.broken(acknowledged=[resource_id])
    assert [one.subject for one in found if one.invariant == 7] == [resource_id]


# --- 8: the same plan ----------------------------------------------------------------------------


async def test_planner_that_depends_on_the_order_of_the_rows_is_told_from_one_that_does_not() -> (
    None
):
    drill = await finished()
    (run, _) = await drill.runs()
    jobs = [job async for job in drill.services.jobs.glance(run.id)]
    assert depends_on_order(lambda rows: rows[0].key, jobs)
    assert not depends_on_order(lambda rows: min(job.key for job in rows), jobs)
