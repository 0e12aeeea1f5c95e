"""What will happen at which instant, in order; whoever asks for the present lets it happen."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

Happening = Callable[[datetime], None]
"""It is told the instant at which it was due, however late it is asked for."""


class Timeline:
    """Happenings to come. Those of one instant happen in the order in which they were added."""

    def __init__(self) -> None:
        self._order = count()
        self._coming: list[tuple[datetime, int, Happening]] = []

    def add(self, at: datetime, happening: Happening) -> None:
        """Let it happen at *at*."""
        heapq.heappush(self._coming, (at, next(self._order), happening))

    def run(self, now: datetime) -> None:
        """Let everything happen that is due by *now*, and what comes of it."""
        while self._coming and self._coming[0][0] <= now:
            at, _, happening = heapq.heappop(self._coming)
            happening(at)
