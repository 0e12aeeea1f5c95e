"""Due occurrences and runs, one to one: each way in which they fail to match is planted and found."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.storage.runs import RUNS
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import put_configuration
from shared.application.invariants import examine
from shared.application.start_run import start_configuration_run
from shared.application.verdict import Kind, Verdict
from shared.domain.records import RunId, run_key
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_configuration, a_state
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def two_days() -> Drill:
    """A machine patched on two days in a row; all invariants hold."""
    drill = Drill([a_state()])
    await drill.configure()
    for day in range(2):
        opens = WINDOW_OPENS + day * DAY
        drill.clock.instant = opens - MINUTE
        await drill.run_until(opens + 15 * MINUTE)
    return drill


async def verdict_on(drill: Drill) -> Verdict:
    return await examine(drill.services, drill.evidence())


async def told(drill: Drill) -> list[tuple[int, Kind, str]]:
    found = (await verdict_on(drill)).violations
    return [(one.invariant, one.kind, one.message) for one in found]


def edit_run(drill: Drill, at: datetime, **columns: Any) -> None:
    """Change a run's row behind everybody's back."""
    rows = drill.rows.tables[RUNS]
    place = next(place for place in rows if place[1] == run_key(at))
    rows[place] = replace(rows[place], values={**rows[place].values, **columns})


def remove_run(drill: Drill, at: datetime) -> None:
    rows = drill.rows.tables[RUNS]
    del rows[next(place for place in rows if place[1] == run_key(at))]


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"


# --- what matches --------------------------------------------------------------------------------


async def test_what_is_in_order_is_counted() -> None:
    verdict = await verdict_on(await two_days())
    assert verdict.violations == []
    # Two occurrences; an install for each, in its window; two runs with a job each; nothing was open.
    assert dict(verdict.matched) == {1: 2, 2: 2, 3: 2, 4: 4, 5: 2, 6: 4}


async def test_occurrence_that_is_not_yet_due_is_not_missed() -> None:
    drill = await two_days()
    drill.clock.instant = WINDOW_OPENS + 2 * DAY + 2 * MINUTE
    assert await told(drill) == []


async def test_run_that_was_cancelled_before_its_time_is_no_extra() -> None:
    drill = await two_days()
    coming = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS + 2 * DAY))
    await cancel_run(drill.services, coming, caller=LOCAL)
    assert await told(drill) == []
    drill.clock.instant = WINDOW_OPENS + 2 * DAY - MINUTE
    await drill.run_until(WINDOW_OPENS + 2 * DAY + 5 * MINUTE)
    assert (await verdict_on(drill)).matched[1] == 3
    assert await told(drill) == []


async def test_runs_of_a_window_that_was_changed_are_no_extras() -> None:
    drill = await two_days()
    moved = a_configuration(startDateTime="2026-06-01 09:00")
    await put_configuration(drill.services, CONFIGURATION, document=moved, caller=LOCAL)
    await put_configuration(drill.services, CONFIGURATION, document=a_configuration(), caller=LOCAL)
    await drill.run_until(drill.clock.instant + 5 * MINUTE)
    verdict = await verdict_on(drill)
    assert (verdict.violations, verdict.matched[1]) == ([], 0)  # nothing is due since the change


async def test_occurrences_that_an_outage_missed_match_their_rows() -> None:
    drill = await two_days()
    drill.clock.instant = WINDOW_OPENS + 4 * DAY - MINUTE
    await drill.run_until(WINDOW_OPENS + 4 * DAY + 10 * MINUTE)
    verdict = await verdict_on(drill)
    assert (verdict.violations, verdict.matched[1]) == ([], 5)


async def test_run_on_demand_needs_no_occurrence() -> None:
    drill = await two_days()
    await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    await drill.run_until(drill.clock.instant + 15 * MINUTE)
    verdict = await verdict_on(drill)
    assert (verdict.violations, verdict.matched[1], verdict.matched[2]) == ([], 2, 3)


async def test_what_comes_due_after_a_deletion_was_acknowledged_is_not_missed() -> None:
    drill = await two_days()
    stored = await drill.services.configurations.get(CONFIGURATION)
    assert stored
    marked = replace(stored, deleting=True, modified_at=drill.clock.instant)
    await drill.services.configurations.replace(marked)
    drill.clock.advance(3 * DAY)
    assert await told(drill) == []


# --- missed, extra, incomplete -------------------------------------------------------------------


async def test_due_occurrence_without_its_run_is_missed() -> None:
    drill = await two_days()
    remove_run(drill, WINDOW_OPENS + DAY)
    (missed, *_) = await told(drill)
    assert missed == (1, Kind.MISSED, f"{WINDOW_OPENS + DAY} has no run row.")
    assert (await verdict_on(drill)).matched[1] == 1


async def test_occurrences_that_nobody_looked_at_are_missed() -> None:
    drill = await two_days()
    drill.clock.advance(3 * DAY)
    assert (await verdict_on(drill)).count(1, Kind.MISSED) == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param(
            {"starts_at": stamp(WINDOW_OPENS - MINUTE)},
            "it ran, but its schedule has no such occurrence.",
            id="at no occurrence",
        ),
        pytest.param(
            {"created_at": stamp(WINDOW_OPENS - MINUTE)},
            f"it was started at {WINDOW_OPENS - MINUTE}, before its time.",
            id="before its time",
        ),
        pytest.param(
            {"created_at": stamp(WINDOW_OPENS + 2 * HOUR + 36 * MINUTE)},
            f"it was started at {WINDOW_OPENS + 2 * HOUR + 36 * MINUTE}, with too little of its window left.",
            id="too late to start",
        ),
    ],
)
async def test_run_that_no_occurrence_calls_for_is_extra(
    columns: dict[str, str], message: str
) -> None:
    drill = await two_days()
    edit_run(drill, WINDOW_OPENS, **columns)
    assert await told(drill) == [(1, Kind.EXTRA, message)]


async def test_run_of_an_occurrence_before_the_configurations_creation_is_extra() -> None:
    drill = await two_days()
    (run, _) = await drill.runs()
    early = WINDOW_OPENS - DAY  # an occurrence of the window, but the configuration came after it
    await drill.services.runs.insert(replace(run, key=run_key(early), starts_at=early, etag=""))
    found = await told(drill)
    assert (1, Kind.EXTRA) in [(number, kind) for number, kind, _ in found]
    assert any("since when its window counts" in message for *_, message in found)


async def test_run_of_the_configuration_before_is_not_extra_by_the_clock_of_a_slow_worker() -> None:
    """A worker recorded what the old one had due; another, 24 seconds behind, then wrote the new one."""
    drill = await two_days()
    (run, _) = await drill.runs()
    stored = await drill.services.configurations.get(CONFIGURATION)
    assert stored
    early = WINDOW_OPENS - DAY
    recorded = replace(
        run,
        key=run_key(early),
        starts_at=early,
        created_at=stored.window_since + timedelta(seconds=24),
        etag="",
    )
    await drill.services.runs.insert(recorded)
    assert "since when its window counts" not in str(await told(drill))


async def test_second_row_for_an_occurrence_is_extra() -> None:
    drill = await two_days()
    rows = drill.rows.tables[RUNS]
    place = next(place for place in rows if place[1] == run_key(WINDOW_OPENS))
    rows[place[0], "twin"] = rows[place]
    assert (1, Kind.EXTRA, f"{WINDOW_OPENS} has 2 run rows.") in await told(drill)


async def test_run_that_never_came_to_its_end_is_incomplete() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS + 4 * HOUR + 4 * MINUTE
    ((invariant, kind, message),) = await told(drill)
    assert (invariant, kind) == (4, Kind.INCOMPLETE)
    assert message.startswith("still open after")


# --- installs ------------------------------------------------------------------------------------


async def test_started_job_whose_machine_knows_of_no_install_misses_it() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await drill.tick()
    assert await told(drill) == []
    drill.fleet.installs.clear()
    ((invariant, kind, _),) = await told(drill)
    assert (invariant, kind) == (2, Kind.MISSED)
    uncovered = replace(drill.evidence(), covers=lambda _: False)
    assert (await examine(drill.services, uncovered)).violations == []


async def test_job_that_the_log_does_not_cover_misses_nothing() -> None:
    drill = await two_days()
    drill.fleet.installs.clear()
    assert (await verdict_on(drill)).count(4, Kind.MISSED) == 2
    uncovered = replace(drill.evidence(), covers=lambda _: False)
    assert (await examine(drill.services, uncovered)).violations == []


async def test_install_on_another_machine_than_the_jobs_is_named() -> None:
    drill = await two_days()
    evidence = drill.evidence()
    stranger = replace(evidence.installs[0], machine_id="/another")
    found = await examine(
        drill.services, replace(evidence, installs=[stranger, *evidence.installs[1:]])
    )
    assert [(one.invariant, one.kind) for one in found.violations] == [(2, Kind.WRONG)]
