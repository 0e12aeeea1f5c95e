"""The instants at which a window opens: looked up from any instant, onward or back, lazily.

Two ways to count exist: by calendar days, each at the start's wall clock, and by real hours. The rules stand, numbered,
in `window`. No look-up walks from the start, and none walks on past the expiry.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import dropwhile, groupby, takewhile
from zoneinfo import ZoneInfo

from shared.domain.matching_days import days_back_from, days_from
from shared.domain.recurrence import DayRecurrence, Hourly
from shared.domain.time_zones import first_instant, instants_around, skips_day_of, wall_clock_at


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarOccurrences:
    """Occurrences on calendar days; `starts` and `expires` are wall clocks of `time_zone`."""

    starts: datetime
    expires: datetime
    time_zone: ZoneInfo
    recurrence: DayRecurrence

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Those after *instant*, ascending."""
        # An occurrence is the first instant at which clocks show its wall clock: what is still to come is later by the
        # calendar than what they show now.
        day = max(self.starts, wall_clock_at(instant, self.time_zone)).toordinal()
        wall_clocks = self._at_start_time(
            days_from(self.recurrence, day, start=self.starts.date()),
        )
        in_time = takewhile(lambda wall_clock: wall_clock <= self.expires, wall_clocks)
        return dropwhile(lambda found: found <= instant, self._instants(in_time))

    def back_from(self, instant: datetime) -> Iterator[datetime]:
        """Those at or before *instant*, descending."""
        # Clocks that were set back show up to a day less than they have shown before.
        shown = wall_clock_at(instant, self.time_zone).toordinal() + 1
        day = min(shown, self.expires.toordinal())
        wall_clocks = self._at_start_time(
            days_back_from(self.recurrence, day, start=self.starts.date()),
        )
        in_time = dropwhile(lambda wall_clock: wall_clock > self.expires, wall_clocks)
        begun = takewhile(lambda wall_clock: wall_clock >= self.starts, in_time)
        return dropwhile(lambda found: found > instant, self._instants(begun))

    def _at_start_time(self, days: Iterable[int]) -> Iterator[datetime]:
        time = self.starts.time()
        return (datetime.combine(date.fromordinal(day), time) for day in days)

    def _instants(self, wall_clocks: Iterable[datetime]) -> Iterator[datetime]:
        found = (
            first_instant(wall_clock, self.time_zone)
            for wall_clock in wall_clocks
            if not skips_day_of(wall_clock, self.time_zone)
        )
        return (instant for instant, _ in groupby(found) if instant is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyOccurrences:
    """Occurrences every so many real hours; `starts` and `expires` are wall clocks of `time_zone`."""

    starts: datetime
    expires: datetime
    time_zone: ZoneInfo
    recurrence: Hourly

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Those after *instant*, ascending."""
        first = first_instant(self.starts, self.time_zone)
        if first is None:
            return iter(())
        number = max(0, (instant - first) // self._step + 1)
        return self._numbered(range(number, self._last_number(first) + 1), first=first)

    def back_from(self, instant: datetime) -> Iterator[datetime]:
        """Those at or before *instant*, descending."""
        first = first_instant(self.starts, self.time_zone)
        if first is None:
            return iter(())
        number = min((instant - first) // self._step, self._last_number(first))
        return self._numbered(range(number, -1, -1), first=first)

    @property
    def _step(self) -> timedelta:
        return timedelta(hours=self.recurrence.every)

    def _last_number(self, first: datetime) -> int:
        _, last = instants_around(self.expires, self.time_zone)
        return (last - first) // self._step

    def _numbered(self, numbers: range, *, first: datetime) -> Iterator[datetime]:
        instants = (first + number * self._step for number in numbers)
        # Around the change of an overlap or a gap, the last few may show more than the expiry.
        return (
            instant
            for instant in instants
            if wall_clock_at(instant, self.time_zone) <= self.expires
        )
