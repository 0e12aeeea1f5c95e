"""A timeline: what happens is an event at an instant, and nothing happens between two events.

All tasks of the event loop run until none can go on; then the next event is let happen. So the order of everything
follows from the instants alone, which the seed has drawn, and a computer's speed decides nothing.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
Action = Callable[[], None]


class Timeline:
    """Events by their instants; those of one instant in the order in which they were planned.

    `failure` is an error in the simulation itself: it ends with it.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._events: list[tuple[datetime, int, Action]] = []
        self._planned = 0
        self.failure: BaseException | None = None

    def now(self) -> datetime:
        """The instant of the event that happens."""
        return self._now

    def at(self, instant: datetime, action: Action) -> None:
        """Plan an event; one that lies in the past happens now."""
        self._planned += 1
        heapq.heappush(self._events, (max(instant, self._now), self._planned, action))

    def after(self, delay: timedelta, action: Action) -> None:
        """Plan an event so much later."""
        self.at(self._now + delay, action)

    def go_on(self) -> None:
        """Let the next event happen; LookupError when none is left, and the error of an event that failed."""
        if self.failure:
            raise self.failure
        if not self._events:
            raise LookupError("Somebody waits, and nothing is left to happen.")
        self._now, _, action = heapq.heappop(self._events)
        action()


class _Turns(selectors.SelectSelector):
    """What the loop asks when no task can go on: it waits for no file, only for the next event."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._timeline.go_on()
        return []


def run_on(timeline: Timeline, work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end on a loop whose only time is the timeline's."""
    with asyncio.Runner(loop_factory=lambda: _loop(timeline)) as runner:
        return runner.run(work)


def _loop(timeline: Timeline) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Turns(timeline))
