"""When machines may be patched: the maintenance window, its occurrences as instants, and one such occurrence.

The contract, one test per sentence:

 1. Occurrences are a set of instants: two wall clocks that fall on one instant count once.
 2. An occurrence's wall clock is the start's, in the window's time zone, whatever daylight saving does.
 3. The first occurrence is the first match at or after the start, compared as wall clock, not the start itself.
 4. A one-time window occurs at its start.
 5. Every n days counts from the start date.
 6. Every n weeks counts from the start date's week, Monday first.
 7. A week without weekdays recurs on the start date's weekday.
 8. Every n months counts from the start date's month.
 9. A bare month recurs on the start date's day.
10. A month without the day has no occurrence for it.
11. `day-1` is the month's last day, and together with the day of that number it counts once.
12. Ordinals and weekdays combine: every ordinal with every weekday.
13. An offset is whole days, and the month counted is the anchor weekday's, so an occurrence may lie in the next or the
    previous month; one that lies before the start is none, one from an anchor before the start is.
14. In a gap an occurrence is the first valid instant after it, on the next day if need be.
15. A whole day that a zone skipped has no occurrence.
16. In an overlap an occurrence is the first of the two instants, once.
17. Expiry is compared as wall clock, and an occurrence exactly at it still counts.
18. An occurrence that a gap moved past the expiry counts: its wall clock is still the start's.
19. Hourly occurrences count real hours from the first, which is the start, found in a gap or an overlap by the rules
    above; if the zone skipped the start's whole day, it is the first instant after it.
20. An hourly occurrence has no wall clock but the one that clocks show, and that is compared with the expiry.
21. A window is an instant and a duration: it belongs to the day on which it starts and goes on past midnight.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from shared.domain.occurrences import CalendarOccurrences, HourlyOccurrences
from shared.domain.recurrence import Hourly, Recurrence
from shared.domain.time_zones import LATEST
from shared.errors import InvalidRequestError

NEVER_EXPIRES = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - a wall clock

_WALL_CLOCK = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_DURATION = re.compile(r"([0-9]{2}):([0-5][0-9])")
_SHORTEST = timedelta(hours=1)
_LONGEST = timedelta(hours=23, minutes=59)


def parse_wall_clock(text: str) -> datetime:
    """Read `YYYY-MM-DD hh:mm`, with seconds or without, as a naive wall clock; else `InvalidRequestError`."""
    parts = _WALL_CLOCK.fullmatch(text.strip())
    if parts is None:
        raise InvalidRequestError(f"'{text[:100]}' is not of the form YYYY-MM-DD hh:mm.")
    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a wall clock
    except ValueError as error:
        raise InvalidRequestError(f"'{text[:100]}' does not exist: {error}.") from error


def parse_duration(text: str) -> timedelta:
    """Read `HH:mm`, 01:00 to 23:59; else `InvalidRequestError`."""
    parts = _DURATION.fullmatch(text.strip())
    duration = timedelta(hours=int(parts[1]), minutes=int(parts[2])) if parts else timedelta()
    if not _SHORTEST <= duration <= _LONGEST:
        raise InvalidRequestError(
            f"'{text[:100]}' is not a duration of the form HH:mm from 01:00 to 23:59."
        )
    return duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One occurrence and how long it lasts."""

    starts_at: datetime
    duration: timedelta

    @property
    def ends_at(self) -> datetime:
        """The instant after which nothing of the window is left."""
        return self.starts_at + min(self.duration, LATEST - self.starts_at)

    def cut_off(self, margin: timedelta) -> datetime:
        """The last instant at which something may start that needs *margin* of the window."""
        return self.ends_at - margin

    def remaining(self, now: datetime) -> timedelta:
        """What is left until the end, never negative; before the start it is more than the duration."""
        return max(self.ends_at - now, timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """When a configuration's machines may be patched: `starts` and `expires` are wall clocks of `time_zone`.

    Raises `InvalidRequestError` when it expires before it starts. Instants go in and come out as aware UTC. The work
    for an answer does not grow with the time since the start.
    """

    starts: datetime
    expires: datetime = NEVER_EXPIRES
    duration: timedelta
    time_zone: ZoneInfo
    recurrence: Recurrence

    def __post_init__(self) -> None:
        if self.expires < self.starts:
            raise InvalidRequestError(
                f"The window expires ({self.expires}) before it starts ({self.starts}).",
                target="expirationDateTime",
            )

    def next_after(self, instant: datetime) -> datetime | None:
        """The first occurrence after *instant*."""
        return next(self._occurrences.after(instant), None)

    def previous_at(self, instant: datetime) -> datetime | None:
        """The latest occurrence at or before *instant*."""
        return next(self._occurrences.back_from(instant), None)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The occurrences after *after*, up to and including *until*, ascending, found one by one."""
        return takewhile(lambda occurrence: occurrence <= until, self._occurrences.after(after))

    def is_occurrence(self, instant: datetime) -> bool:
        """Whether the window opens at exactly this instant."""
        return self.previous_at(instant) == instant

    @property
    def _occurrences(self) -> CalendarOccurrences | HourlyOccurrences:
        if isinstance(self.recurrence, Hourly):
            return HourlyOccurrences(
                starts=self.starts,
                expires=self.expires,
                time_zone=self.time_zone,
                recurrence=self.recurrence,
            )
        return CalendarOccurrences(
            starts=self.starts,
            expires=self.expires,
            time_zone=self.time_zone,
            recurrence=self.recurrence,
        )
