"""Clocks that a development host can set: one that stands until it is moved, one that runs faster.

Both are the `Clock` of `shared.application.ports`. *Virtual* is the time that they show, *real* the computer's.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from shared.application.ports import Clock


class ManualClock:
    """Stands still until `advance_to`; sleeping on it takes no real time and moves nothing."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        """Set the clock; ValueError for an instant before the one it shows."""
        if instant < self._now:
            raise ValueError(f"the clock shows {self._now}: it can't go back to {instant}")
        self._now = instant.astimezone(UTC)

    async def sleep(self, delay: timedelta) -> None:
        # Only who advances the clock can make the delay pass: let the others work, then go on.
        await asyncio.sleep(0)


class ScaledClock:
    """Showed *epoch* when the computer's clock showed *origin*, and runs *speed* times as fast.

    Processes that are given the same three agree on the time.
    """

    def __init__(self, epoch: datetime, *, origin: datetime, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is above 0, not {speed}")
        self.speed = speed
        self._epoch = epoch.astimezone(UTC)
        self._origin = origin.timestamp()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=(time.time() - self._origin) * self.speed)

    async def sleep(self, delay: timedelta) -> None:
        await asyncio.sleep(real_delay(self, delay).total_seconds())


def real_delay(clock: Clock, delay: timedelta) -> timedelta:
    """What a virtual *delay* takes in real time: nothing at all on a clock that is moved by hand."""
    match clock:
        case ManualClock():
            return timedelta(0)
        case ScaledClock():
            return delay / clock.speed
    return delay
