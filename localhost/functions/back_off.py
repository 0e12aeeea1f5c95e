"""How long to wait after each empty poll of a queue (the host's RandomizedExponentialBackoffStrategy)."""

import random
from collections.abc import Callable
from datetime import timedelta

SHORTEST_WAIT = timedelta(milliseconds=100)


class BackOff:
    """A tenth of a second first, then about twice as long each time, up to *longest*."""

    def __init__(
        self, longest: timedelta, *, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._longest = longest
        self._uniform = uniform
        self._empty_polls = 0

    def reset(self) -> None:
        """Start again: there was a message."""
        self._empty_polls = 0

    def next(self) -> timedelta:
        """The wait after one more empty poll."""
        self._empty_polls += 1
        if self._empty_polls == 1:
            return min(SHORTEST_WAIT, self._longest)
        # Past the longest wait the exponent has done its work; unbounded, it would overflow after a quiet night.
        steps = 2 ** min(self._empty_polls - 2, 30)
        delay: timedelta = SHORTEST_WAIT * (1 + self._uniform(0.8, 1.2) * steps)
        return min(delay, self._longest)
