"""Rules of recurrence for the evidence: each as `recurEvery`, as a question about a day, and as RFC 5545 has it.

Nothing of Muster is imported here, so that an error can't agree with itself. Weekdays are numbered from Monday, 0;
ordinals are 1 to 4, and 5 for the last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
_ORDINALS = ("First", "Second", "Third", "Fourth", "Last")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OF_RFC = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recurrence by days.

    `falls_on` is asked with a day and the start's day. `rfc` are the parts of an RFC 5545 rule whose days are moved by
    `offset`; `months` is how many months it leaps, 0 for one that does not count in months.
    """

    text: str
    falls_on: Callable[[date, date], bool]
    rfc: str
    months: int = 0
    offset: int = 0


def once() -> Rule:
    """One time."""
    return Rule(text="", falls_on=lambda day, start: day == start, rfc="FREQ=DAILY;COUNT=1")


def daily(every: int = 1) -> Rule:
    """Every so many days."""
    return Rule(
        text=f"{every}Days",
        falls_on=lambda day, start: (day - start).days % every == 0,
        rfc=f"FREQ=DAILY;INTERVAL={every}",
    )


def weekly(every: int = 1, *weekdays: int) -> Rule:
    """On these weekdays of every so many weeks; without any on the start's."""

    def falls_on(day: date, start: date) -> bool:
        in_step = (_week(day) - _week(start)) % every == 0
        return in_step and day.weekday() in (weekdays or (start.weekday(),))

    named = ",".join(_OF_RFC[one] for one in weekdays)
    return Rule(
        text=f"{every}Weeks {_names(_WEEKDAYS, weekdays)}".rstrip(),
        falls_on=falls_on,
        rfc=f"FREQ=WEEKLY;WKST=MO;INTERVAL={every}" + (f";BYDAY={named}" if named else ""),
    )


def by_date(every: int = 1, *days: int) -> Rule:
    """On these days of every so many months, -1 being the last; without any on the start's."""

    def falls_on(day: date, start: date) -> bool:
        listed = day.day in (days or (start.day,))
        is_last = -1 in days and (day + _DAY).day == 1
        return (_month(day) - _month(start)) % every == 0 and (listed or is_last)

    named = ",".join(str(day) for day in days)
    return Rule(
        text=f"{every}Months {','.join(f'day{day}' for day in days)}".rstrip(),
        falls_on=falls_on,
        rfc=f"FREQ=MONTHLY;INTERVAL={every}" + (f";BYMONTHDAY={named}" if named else ""),
        months=every,
    )


def by_weekday(
    every: int, ordinals: Sequence[int], weekdays: Sequence[int], *, offset: int = 0
) -> Rule:
    """On each combination, moved by *offset* days; the month that counts is the one before it is moved."""

    def falls_on(day: date, start: date) -> bool:
        anchor = day - offset * _DAY
        is_last = (anchor + 7 * _DAY).month != anchor.month
        listed = (anchor.day + 6) // 7 in set(ordinals) - {5} or (5 in ordinals and is_last)
        in_step = (_month(anchor) - _month(start)) % every == 0
        return listed and in_step and anchor.weekday() in weekdays

    named = ",".join(
        f"{-1 if ordinal == 5 else ordinal}{_OF_RFC[weekday]}"
        for ordinal in ordinals
        for weekday in weekdays
    )
    shift = f" Offset{offset}" if offset else ""
    return Rule(
        text=f"{every}Months {_names(_ORDINALS, [one - 1 for one in ordinals])} "
        f"{_names(_WEEKDAYS, weekdays)}{shift}",
        falls_on=falls_on,
        rfc=f"FREQ=MONTHLY;INTERVAL={every};BYDAY={named}",
        months=every,
        offset=offset,
    )


def _week(day: date) -> int:
    # Ordinal 1, the first day of year 1, was a Monday.
    return (day.toordinal() - 1) // 7


def _month(day: date) -> int:
    return day.year * 12 + day.month


def _names(names: Sequence[str], chosen: Sequence[int]) -> str:
    return ",".join(names[one] for one in chosen)


EACH_KIND = (
    once(),
    daily(),
    daily(3),
    weekly(),
    weekly(1, 5, 6),
    weekly(3, 1, 6),
    by_date(),
    by_date(1, 1, 31),
    by_date(2, -1),
    by_date(1, 29, 30, -1),
    by_weekday(1, [2], [1], offset=4),
    by_weekday(1, [1, 2, 5], [6]),
    by_weekday(3, [1, 3], [0, 4], offset=-6),
    by_weekday(1, [4], [5], offset=27),
)
"""Each form of `recurEvery` but the hourly one, which counts no days; Sundays, on which most clocks change, often."""
