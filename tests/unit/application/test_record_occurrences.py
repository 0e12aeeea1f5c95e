"""Which occurrences a configuration has due, when its window moves while workers' clocks disagree."""

from datetime import datetime, timedelta

import pytest

from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.ports import AgendaEntry
from shared.domain.records import run_key
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_configuration, a_state
from tests.drill import MINUTE, Drill

SECOND = timedelta(seconds=1)


async def test_window_that_moves_behind_the_back_of_a_fast_clock_loses_no_occurrence() -> None:
    """A worker 10 s ahead has handled the old window past the instant at which the new one first opens."""
    drill = Drill([a_state()], now=WINDOW_OPENS - 10 * SECOND)
    await drill.configure(a_configuration(recurEvery="3Months day31"))
    drill.clock.instant = WINDOW_OPENS + SECOND
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS - 8 * SECOND
    await put_configuration(drill.services, CONFIGURATION, document=a_configuration(), caller=LOCAL)
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    assert [run.key for run in await drill.runs()] == [run_key(WINDOW_OPENS)]
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


@pytest.mark.parametrize(
    ("since", "is_handled"),
    [
        pytest.param(WINDOW_OPENS, True, id="the window that was handled"),
        pytest.param(WINDOW_OPENS + SECOND, False, id="the window after it"),
    ],
)
def test_what_was_handled_counts_for(since: datetime, is_handled: bool) -> None:
    entry = AgendaEntry(
        configuration_id=CONFIGURATION,
        next_due=WINDOW_OPENS,
        handled_up_to=WINDOW_OPENS + MINUTE,
        window_since=WINDOW_OPENS,
    )
    assert entry.handled(since) == (entry.handled_up_to if is_handled else None)


async def test_tick_notes_which_window_it_has_handled() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS + timedelta(days=3)
    await drill.tick()
    entry = await drill.services.agenda.get(CONFIGURATION)
    stored = await drill.services.configurations.get(CONFIGURATION)
    assert entry
    assert stored
    assert entry.handled(stored.window_since) == drill.clock.instant
