"""What every port has in common: the clock, and the word for a lost race."""

from datetime import datetime, timedelta
from typing import Protocol


class StaleError(Exception):
    """Another writer was first: the row changed, appeared or went since it was read."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """This instant, aware, in UTC."""

    async def sleep(self, delay: timedelta) -> None:
        """Let *delay* pass."""
