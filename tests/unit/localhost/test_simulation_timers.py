"""The simulation's timers: when they fire by their host's clock, what a silence does, and who takes over."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from localhost.simulation.chances import TIMER_EARLY, TIMER_LATE, Chances
from localhost.simulation.hosts import Hosts
from localhost.simulation.journal import Journal
from localhost.simulation.timeline import Timeline, run_on
from localhost.simulation.timers import Timer
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services
from shared.application.ports import Services

START = datetime(2026, 6, 1, 12, 0, 10, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HURRY = timedelta(milliseconds=100)


class Clockwork:
    """A timer that fires each minute at second 30, on hosts of which the first is *behind*."""

    def __init__(
        self, *, behind: timedelta = timedelta(), shares: dict[str, float] | None = None
    ) -> None:
        self.timeline = Timeline(START)
        self.fired: list[datetime] = []
        self.takes = timedelta()
        journal = Journal(self.timeline.now)
        chances = Chances(Random(1), shares or {})
        self.hosts = Hosts(
            self.timeline,
            chances,
            journal=journal,
            skews=(-behind,),
            build=lambda _: services(MemoryClock(START)),
        )
        self.timer = Timer(
            "timer",
            self._work,
            second=30,
            timeline=self.timeline,
            chances=chances,
            hosts=self.hosts,
            next_needed=lambda now: now,
        )

    async def _work(self, _: Services) -> None:
        self.fired.append(self.timeline.now())
        for process in self.hosts.alive():
            await process.sleep(self.takes)

    def run(self, lasts: timedelta, *, after: Callable[[], None] | None = None) -> list[timedelta]:
        """When it fired in that time, since the start; *after* five minutes something may be done."""

        async def pass_time() -> None:
            self.hosts.start()
            self.timer.start()
            done = asyncio.get_running_loop().create_future()
            if after:
                self.timeline.after(5 * MINUTE, after)
            self.timeline.after(lasts, lambda: done.set_result(None))
            await done

        run_on(self.timeline, pass_time())
        return [at - START for at in self.fired]


def test_it_fires_once_a_minute() -> None:
    fired = Clockwork().run(5 * MINUTE)
    assert len(fired) == 5
    expected = [20 * SECOND + n * MINUTE for n in range(5)]
    assert all(at <= fires < at + HURRY for at, fires in zip(expected, fired, strict=True))


def test_it_fires_by_the_clock_of_its_host() -> None:
    _, *later = Clockwork(behind=20 * SECOND).run(3 * MINUTE)
    assert len(later) == 3
    expected = [40 * SECOND + n * MINUTE for n in range(3)]
    assert all(at <= fires < at + HURRY for at, fires in zip(expected, later, strict=True))


@pytest.mark.parametrize(
    ("kind", "earliest", "latest"),
    [
        pytest.param(TIMER_EARLY, -SECOND, timedelta(), id="early"),
        pytest.param(TIMER_LATE, timedelta(), SECOND, id="late"),
    ],
)
def test_it_fires_up_to_a_second_beside_its_time(
    kind: str, earliest: timedelta, latest: timedelta
) -> None:
    fired = Clockwork(shares={kind: 1.0}).run(4 * MINUTE)
    assert fired
    for at in fired:
        beside = (at - 20 * SECOND + MINUTE / 2) % MINUTE - MINUTE / 2
        assert earliest <= beside <= latest
        assert beside


def test_after_a_silence_it_fires_at_once() -> None:
    clockwork = Clockwork()
    woken = START + 20 * MINUTE + 7 * SECOND
    fired = clockwork.run(22 * MINUTE, after=lambda: clockwork.timer.be_silent(woken))
    before, after = (
        [at for at in fired if at < 5 * MINUTE],
        [at for at in fired if at >= 5 * MINUTE],
    )
    assert len(before) == 5
    assert after[0] == woken - START


def test_a_pass_that_takes_longer_than_its_minute_is_followed_by_one_at_once() -> None:
    clockwork = Clockwork()
    clockwork.takes = 90 * SECOND
    first, second, *_ = clockwork.run(5 * MINUTE)
    assert second - first == 90 * SECOND


def test_after_the_death_of_its_host_another_takes_over_within_minutes() -> None:
    clockwork = Clockwork()

    def kill() -> None:
        for process in clockwork.hosts.alive():
            process.die("in a test")

    fired = clockwork.run(20 * MINUTE, after=kill)
    silence = min(at for at in fired if at > 5 * MINUTE) - 5 * MINUTE
    assert MINUTE <= silence <= 6 * MINUTE
    assert fired[-1] > 18 * MINUTE
