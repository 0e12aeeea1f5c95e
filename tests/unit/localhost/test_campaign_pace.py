"""How fast a campaign's time goes."""

from datetime import UTC, datetime, timedelta

import pytest

from localhost.campaign.pace import is_open, next_tick, stride, wait_until
from localhost.campaign.virtual_time import VirtualClock, run_leaping
from localhost.passing_time import MINUTE
from shared.domain.machine import MachineState
from tests.builders import DAY_BEFORE, WINDOW_OPENS, a_machine, a_state
from tests.drill import Drill

NOW = datetime(2026, 6, 1, 20, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "grid", "reached"),
    [
        pytest.param(NOW + MINUTE, MINUTE, "20:01:00", id="the minute before it"),
        pytest.param(NOW, MINUTE, "20:01:00", id="never backwards"),
        pytest.param(NOW + 1.5 * MINUTE, MINUTE, "20:02:00", id="exactly then"),
        pytest.param(NOW + 0.5 * MINUTE, 0.5 * MINUTE, "20:01:00", id="half minutes"),
    ],
)
def test_time_goes_on_to_a_full_minute(instant: datetime, grid: timedelta, reached: str) -> None:
    async def work() -> str:
        clock = VirtualClock(NOW)
        wait_until(clock, instant, grid=grid)
        return f"{clock.now():%H:%M:%S}"

    assert run_leaping(work()) == reached


async def a_drill(*states: MachineState) -> Drill:
    drill = Drill([*states])
    await drill.configure()
    await drill.tick()
    return drill


async def test_nothing_is_skipped_on_the_way_to_an_occurrence() -> None:
    drill = await a_drill()
    services = drill.services
    assert not await is_open(services)
    assert await stride(services) > MINUTE
    day = timedelta(days=1)
    assert await next_tick(services, within=day, step_at=None) == WINDOW_OPENS
    step_at = DAY_BEFORE + MINUTE
    assert await next_tick(services, within=day, step_at=step_at) == step_at


async def test_every_minute_counts_until_all_is_started_and_when_it_has_to_end() -> None:
    silent = a_machine("silent")
    drill = await a_drill(a_state(silent))
    drill.fleet.silent.add(silent.key)
    services = drill.services
    drill.clock.instant = WINDOW_OPENS
    assert await stride(services) == MINUTE
    await drill.tick()
    assert await is_open(services)
    assert await stride(services) > MINUTE
    [run] = await drill.runs()
    drill.clock.instant = run.ends_at + services.limits.final_word
    assert await stride(services) == MINUTE
    await drill.tick()
    await drill.tick()
    assert not await is_open(services)
