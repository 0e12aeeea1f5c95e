"""What a window has due after a pause of any length: one occurrence to start, the others missed.

Only the latest due occurrence may start, late if need be: all last equally long, so when too little is left of the
latest, less is left of every other. The result follows from the interval alone: evaluated every minute or once after a
week, started and missed together are the same occurrences.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.window import MaintenanceWindow

LEAST_REMAINING = timedelta(minutes=25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The occurrences after `after` and up to `until`: `start` is to be started now, all others are missed."""

    window: MaintenanceWindow
    after: datetime
    until: datetime
    start: datetime | None

    @property
    def missed(self) -> Iterator[datetime]:
        """Oldest first, found one by one, anew at each reading."""
        occurrences = self.window.between(self.after, self.until)
        return (occurrence for occurrence in occurrences if occurrence != self.start)


def due(
    window: MaintenanceWindow,
    *,
    after: datetime,
    not_before: datetime,
    until: datetime,
    least_remaining: timedelta = LEAST_REMAINING,
) -> Due:
    """The occurrences later than *after*, not earlier than *not_before*, and at *until* at the latest.

    One that is due exactly at *until* starts on time; a late one starts if *least_remaining* of its window is left.
    """
    handled = _handled(after, not_before)
    latest = window.previous_at(until)
    startable = (
        latest is not None
        and latest > handled
        and window.duration - (until - latest) >= least_remaining
    )
    return Due(window=window, after=handled, until=until, start=latest if startable else None)


def next_due(
    window: MaintenanceWindow, *, after: datetime, not_before: datetime
) -> datetime | None:
    """The first occurrence later than *after* and not earlier than *not_before*."""
    return window.next_after(_handled(after, not_before))


def _handled(after: datetime, not_before: datetime) -> datetime:
    """The one instant after which occurrences count."""
    return after if after >= not_before else not_before - timedelta.resolution
