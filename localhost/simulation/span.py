"""The time of a plan: a first part, a long outage of the whole app, and a last part."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

HOUR = timedelta(hours=1)
_SHARE = 0.4
"""The outage takes this much of the time; what is due in it is missed, but for the latest."""
_QUIET = 4 * HOUR
"""Nothing begins in the last hours."""
_CLEAR = 6 * HOUR
"""Longer than any window, and than anybody tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` to `end`, with the app down from `down_at` on for `lasts`."""

    start: datetime
    end: datetime
    down_at: datetime
    lasts: timedelta

    @classmethod
    def draw(cls, dice: Random, *, start: datetime, hours: int) -> "Span":
        """A span of so many hours."""
        end = start + hours * HOUR
        down_at = start + (end - start) * dice.uniform(0.15, 0.45)
        return cls(start=start, end=end, down_at=down_at, lasts=(end - start) * _SHARE)

    @property
    def active(self) -> timedelta:
        """How long the app is not down."""
        return self.end - self.start - self.lasts

    def some_time(self, dice: Random) -> datetime:
        """An instant while the app is not down."""
        at = self.start + HOUR + (self.active - _QUIET) * dice.random()
        return at if at < self.down_at else at + self.lasts

    def some_hour(self, dice: Random) -> datetime:
        """The same, a full hour."""
        return self.some_time(dice).replace(minute=0, second=0, microsecond=0)

    def clear_of_outage(self, at: datetime) -> datetime:
        """The same instant, or one some hours sooner when the outage would come in between."""
        return at - _CLEAR if timedelta() <= self.down_at - at < _CLEAR else at
