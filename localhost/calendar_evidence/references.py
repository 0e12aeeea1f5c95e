"""The two references: an oracle that goes day by day, and the rules of RFC 5545 as `dateutil` reads them.

Nothing of Muster is imported here, so that an error can't agree with itself. The oracle says on which days and at
which instants; `dateutil`, which knows nothing of Muster's daylight saving, says on which days.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dateutil.rrule import rrulestr

from localhost.calendar_evidence.rules import Rule
from localhost.calendar_evidence.timeline import Timeline

_DAY = timedelta(days=1)
_FARTHEST = 27 * _DAY
_HOUR = timedelta(hours=1)


@lru_cache(maxsize=200)
def days(rule: Rule, start: date, *, until: date) -> tuple[date, ...]:
    """The days of a rule from *start* to *until*: every day between them is asked."""
    between = (start + number * _DAY for number in range((until - start).days + 1))
    return tuple(day for day in between if rule.falls_on(day, start))


def instants(
    timeline: Timeline, found: Iterable[date], *, at: time, expires: datetime
) -> list[datetime]:
    """When windows open on these days at the wall clock *at*: each instant once, ascending."""
    wall_clocks = (datetime.combine(day, at) for day in found if not timeline.never_had(day))
    return sorted({timeline.first_showing(one) for one in wall_clocks if one <= expires})


def hours(
    timeline: Timeline, starts: datetime, *, every: int, expires: datetime
) -> Iterator[datetime]:
    """Every so many real hours from the wall clock *starts*, while clocks show no more than *expires*."""
    instant, end = timeline.first_showing(starts), timeline.first_showing(expires) + 2 * _DAY
    while instant < end:
        if timeline.shows(instant) <= expires:
            yield instant
        instant += every * _HOUR


@lru_cache(maxsize=200)
def days_of_rfc(rule: Rule, start: date, *, until: date) -> tuple[date, ...]:
    """The same days as RFC 5545 has them."""
    begin, end = start, until
    if rule.offset:
        # Its days may lie in other months than those that are counted.
        begin, end = _months_before(start, rule.months), until + _FARTHEST
    first, last = (datetime.combine(day, time()) for day in (begin, end))
    found = rrulestr(rule.rfc, dtstart=first).between(first, last, inc=True)
    moved = (one.date() + rule.offset * _DAY for one in found)
    return tuple(sorted({day for day in moved if start <= day <= until}))


def _months_before(day: date, months: int) -> date:
    """The first day of that month: counting from it counts the same months."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)
