import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from localhost.clocks import ManualClock, ScaledClock, real_delay
from shared.application.ports import Clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    before = clock.now()
    clock.advance_to(NOON + HOUR)
    assert (before, clock.now()) == (NOON, NOON + HOUR)


def test_manual_clock_never_goes_back() -> None:
    clock = ManualClock(NOON)
    with pytest.raises(ValueError, match="can't go back"):
        clock.advance_to(NOON - HOUR)
    assert clock.now() == NOON


def test_manual_clock_shows_utc_whatever_zone_it_was_given() -> None:
    clock = ManualClock(NOON.astimezone(timezone(HOUR * 9)))
    assert clock.now().isoformat() == "2026-01-01T12:00:00+00:00"


async def test_sleeping_on_a_manual_clock_lets_others_work_and_moves_nothing() -> None:
    clock = ManualClock(NOON)
    worked: list[str] = []
    asyncio.get_running_loop().call_soon(worked.append, "other")
    await asyncio.wait_for(clock.sleep(timedelta(days=400)), timeout=60)
    assert worked == ["other"]
    assert clock.now() == NOON


def test_scaled_clock_shows_its_epoch_at_its_origin_and_runs_faster() -> None:
    def shown(seconds_ago: float) -> datetime:
        origin = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        return ScaledClock(NOON, origin=origin, speed=60).now()

    assert NOON <= shown(0) < NOON + HOUR
    assert NOON + 10 * HOUR <= shown(600) < NOON + 11 * HOUR


async def test_sleeping_on_a_scaled_clock_takes_its_share_of_real_time() -> None:
    clock = ScaledClock(NOON, origin=datetime.now(UTC), speed=36_000)
    before = clock.now()
    await asyncio.wait_for(clock.sleep(HOUR), timeout=60)
    assert clock.now() - before >= 0.9 * HOUR


@pytest.mark.parametrize("speed", [0, -1], ids=["standing still", "backwards"])
def test_scaled_clock_only_runs_forward(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(NOON, origin=NOON, speed=speed)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds())


@pytest.mark.parametrize(
    ("clock", "real"),
    [
        pytest.param(ManualClock(NOON), timedelta(0), id="moved by hand"),
        pytest.param(ScaledClock(NOON, origin=NOON, speed=60), HOUR / 60, id="scaled"),
        pytest.param(_WallClock(), HOUR, id="the computer's"),
    ],
)
def test_what_an_hour_takes_in_reality(clock: Clock, real: timedelta) -> None:
    assert real_delay(clock, HOUR) == real
