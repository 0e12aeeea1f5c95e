"""One virtual time for everything in the process: it stands still, and leaps when something takes time.

A deadline of the event loop that a leap passes over is due at once. So a request that hangs costs nothing but its
leap, and a slow computer can make nobody's patience end: the same calls come in the same order wherever this runs.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the computer's and, beyond it, all leaps so far."""

    leapt = timedelta()

    def time(self) -> float:
        return super().time() + self.leapt.total_seconds()

    def leap(self, delay: timedelta) -> None:
        """Let *delay* pass at once."""
        self.leapt += delay


class VirtualClock:
    """Shows *start* and the leaps of the running loop, nothing of the computer's time; sleeping leaps."""

    def __init__(self, start: datetime) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, LeapingLoop):
            raise TypeError("A virtual clock wants an event loop that leaps.")
        self._loop = loop
        self._start = start - loop.leapt

    def now(self) -> datetime:
        return self._start + self._loop.leapt

    async def sleep(self, delay: timedelta) -> None:
        self.leap(delay)
        await asyncio.sleep(0)

    def leap(self, delay: timedelta) -> None:
        """Let *delay* pass, and let those who waited for it go on with the loop's next turn."""
        self._loop.leap(max(delay, timedelta()))


def run_leaping(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)
