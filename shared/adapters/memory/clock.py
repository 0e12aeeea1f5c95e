"""A clock that stands still until it is told to move."""

from datetime import datetime, timedelta


class MemoryClock:
    """Starts at an aware instant; sleeping moves it."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, delay: timedelta) -> None:
        self.instant += delay

    def advance(self, delay: timedelta) -> None:
        """Let *delay* pass."""
        self.instant += delay
