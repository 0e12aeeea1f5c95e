"""What the clocks of a zone show, as spans of one offset: found by asking the standard library day by day.

Nothing of Muster is imported here, so that an error can't agree with itself. A zone that changed twice within a day
would be read wrongly, and then everything that is compared with it differs.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `since` until `until`, instants, clocks show UTC plus `offset`."""

    since: datetime
    until: datetime
    offset: timedelta

    @property
    def first(self) -> datetime:
        """The wall clock at its beginning."""
        return (self.since + self.offset).replace(tzinfo=None)

    @property
    def end(self) -> datetime:
        """The wall clock that it does not reach any more."""
        return (self.until + self.offset).replace(tzinfo=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Clocks that showed `before` were set to `after`, wall clocks."""

    at: datetime
    before: datetime
    after: datetime


class Timeline:
    """The spans of a zone, ascending, without a gap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        # Of clocks that are set back the latest that was shown counts.
        shown, latest = list[datetime](), datetime.min  # noqa: DTZ901 - a wall clock
        for span in self.spans:
            latest = max(latest, span.end)
            shown.append(latest)
        self._shown = shown

    @classmethod
    def of(cls, zone: ZoneInfo, years: range) -> "Timeline":
        """Those years, and some days before and after them."""
        at, end = _at(years.start) - 3 * _DAY, _at(years.stop) + 90 * _DAY
        spans, since, offset = list[Span](), at, _offset(at, zone)
        while at < end:
            at += _DAY
            if _offset(at, zone) != offset:
                changed = _changed(at - _DAY, at, zone)
                spans.append(Span(since=since, until=changed, offset=offset))
                since, offset = changed, _offset(changed, zone)
        return cls([*spans, Span(since=since, until=end, offset=offset)])

    def first_showing(self, wall_clock: datetime) -> datetime:
        """The first instant at which clocks show this or later."""
        span = self.spans[bisect_right(self._shown, wall_clock)]
        return max(span.since, wall_clock.replace(tzinfo=UTC) - span.offset)

    def shows(self, instant: datetime) -> datetime:
        """The wall clock at an instant."""
        at = bisect_right(self.spans, instant, key=lambda span: span.since) - 1
        return (instant + self.spans[at].offset).replace(tzinfo=None)

    def never_had(self, day: date) -> bool:
        """Whether clocks showed no time of that day."""
        midnight = datetime.combine(day, datetime.min.time())
        at = bisect_right(self._shown, midnight)
        return not any(
            span.first < midnight + _DAY and span.end > midnight
            for span in self.spans[max(at - 2, 0) : at + 2]
        )

    def changes(self) -> list[Change]:
        """Every time that the clocks were set."""
        return [
            Change(at=span.since, before=earlier.end, after=span.first)
            for earlier, span in pairwise(self.spans)
        ]


def _at(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _changed(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between the two from which on the offset is another, to the second."""
    old = _offset(before, zone)
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after
