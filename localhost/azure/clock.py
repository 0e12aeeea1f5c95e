"""Virtual time for a process of its own: real time, moved and scaled.

Processes that are given the same epoch, origin and speed agree on the time without talking to each other.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta


def scaled_clock(epoch: datetime, *, origin: float, speed: float) -> Callable[[], datetime]:
    """A clock that showed *epoch* (aware, UTC) at *origin* (Unix seconds) and runs *speed* times as fast since."""

    def now() -> datetime:
        return epoch + timedelta(seconds=(time.time() - origin) * speed)

    return now
