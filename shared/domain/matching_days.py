"""The calendar days on which a recurrence falls, found from any day without walking from the start.

A recurrence repeats in *periods* (n days, n weeks, n months) that are numbered from the start date's, before it too. A
day is its ordinal (`date.toordinal`), because integers do not overflow at either end of the calendar; days that a
`date` can't hold do not match. Whether a day lies before the start is for the caller to say.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import count

from shared.domain.recurrence import (
    Daily,
    DayRecurrence,
    MonthlyByDate,
    MonthlyByWeekday,
    OneTime,
    Ordinal,
    Weekly,
)

_LAST_DAY = date.max.toordinal()

# A recurrence that misses this many periods in a row never falls again. The longest real pause is that of every 12
# months on 29 February around 1900: seven. A test goes through all of them.
_LONGEST_PAUSE = 12


def days_from(recurrence: DayRecurrence, day: int, *, start: date) -> Iterator[int]:
    """The matching days at or after *day*, ascending."""
    periods = count(_period_of(recurrence, day, start=start))
    for days in _not_empty(recurrence, periods, start=start):
        yield from (match for match in days if match >= day)


def days_back_from(recurrence: DayRecurrence, day: int, *, start: date) -> Iterator[int]:
    """The matching days at or before *day*, descending; they go on before the start."""
    periods = count(_period_of(recurrence, day, start=start), -1)
    for days in _not_empty(recurrence, periods, start=start):
        yield from (match for match in reversed(days) if match <= day)


def _not_empty(
    recurrence: DayRecurrence, periods: Iterable[int], *, start: date
) -> Iterator[list[int]]:
    pause = 0
    for period in periods:
        days = [d for d in _days_in(recurrence, period, start=start) if 1 <= d <= _LAST_DAY]
        pause = 0 if days else pause + 1
        if pause == _LONGEST_PAUSE:
            return
        if days:
            yield sorted(days)


def _period_of(recurrence: DayRecurrence, day: int, *, start: date) -> int:
    match recurrence:
        case OneTime():
            return 0
        case Daily(every=every):
            return (day - start.toordinal()) // every
        case Weekly(every=every):
            return (day - _monday(start)) // (7 * every)
        case MonthlyByDate(every=every):
            return (_month_of(day) - _month(start)) // every
        case MonthlyByWeekday(every=every, offset=offset):
            return (_month_of(day - offset) - _month(start)) // every


def _days_in(recurrence: DayRecurrence, period: int, *, start: date) -> set[int]:
    match recurrence:
        case OneTime():
            return {start.toordinal()} if period == 0 else set()
        case Daily(every=every):
            return {start.toordinal() + period * every}
        case Weekly(every=every, weekdays=weekdays):
            monday = _monday(start) + period * every * 7
            return {monday + weekday for weekday in weekdays or (start.weekday(),)}
        case MonthlyByDate(every=every, days=days):
            return _by_date(_month(start) + period * every, days or {start.day})
        case MonthlyByWeekday(every=every):
            return _by_weekday(_month(start) + period * every, recurrence)


def _by_date(month: int, days: Iterable[int]) -> set[int]:
    if not _exists(month):
        return set()
    first, length = _first_and_length(month)
    in_month = (length if day == -1 else day for day in days)
    return {first + day - 1 for day in in_month if day <= length}


def _by_weekday(month: int, recurrence: MonthlyByWeekday) -> set[int]:
    if not _exists(month):
        return set()
    first, length = _first_and_length(month)
    days = set()
    for weekday in recurrence.weekdays:
        # ordinal 1, the first day of year 1, was a Monday
        into_month = (weekday + 1 - first) % 7
        weeks = len(range(into_month, length, 7))
        for ordinal in recurrence.ordinals:
            week = weeks if ordinal is Ordinal.LAST else ordinal
            days.add(first + into_month + 7 * (week - 1) + recurrence.offset)
    return days


def _monday(day: date) -> int:
    return day.toordinal() - day.weekday()


def _month(day: date) -> int:
    """Months since year 0, so that a difference of months is a difference of numbers."""
    return day.year * 12 + day.month - 1


def _month_of(day: int) -> int:
    return _month(date.fromordinal(min(max(day, 1), _LAST_DAY)))


def _exists(month: int) -> bool:
    return _month(date.min) <= month <= _month(date.max)


def _first_and_length(month: int) -> tuple[int, int]:
    year, number = month // 12, month % 12 + 1
    return date(year, number, 1).toordinal(), monthrange(year, number)[1]
