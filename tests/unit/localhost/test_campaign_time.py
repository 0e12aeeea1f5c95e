"""One virtual time for a whole process."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from localhost.campaign.virtual_time import VirtualClock, run_leaping

START = datetime(2026, 6, 1, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_sleeping_passes_virtual_time_and_no_other() -> None:
    async def work() -> datetime:
        clock = VirtualClock(START)
        await clock.sleep(HOUR)
        return clock.now()

    began = time.monotonic()
    assert run_leaping(work()) == START + HOUR
    assert time.monotonic() - began < 60


def test_the_computers_time_is_not_in_it() -> None:
    async def work() -> datetime:
        clock = VirtualClock(START)
        await asyncio.sleep(0.01)
        return clock.now()

    assert run_leaping(work()) == START


def test_a_deadline_that_a_leap_passes_over_is_due() -> None:
    async def work() -> None:
        clock = VirtualClock(START)
        asyncio.get_running_loop().call_soon(clock.leap, HOUR)
        async with asyncio.timeout(HOUR.total_seconds() - 1):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_leaping(work())


def test_a_deadline_beyond_a_leap_is_not() -> None:
    async def work() -> bool:
        clock = VirtualClock(START)
        async with asyncio.timeout(HOUR.total_seconds()):
            await clock.sleep(HOUR / 2)
        return True

    assert run_leaping(work())


async def test_it_wants_a_loop_that_leaps() -> None:
    with pytest.raises(TypeError, match="leaps"):
        VirtualClock(START)
