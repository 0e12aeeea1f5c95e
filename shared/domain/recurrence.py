"""How often a schedule recurs: the kinds of `recurEvery`, read from text and written back.

    [n]Hour(s)                                               every n hours; here n must be given
    [n]Day(s)                                                every n days
    [n]Week(s) [Monday,...]                                  without weekdays: the start date's weekday
    [n]Month(s) [day<k>,...]                                 k 1 to 31, or -1: the last; without: the start date's day
    [n]Month(s) First,... Monday,... [Offset<m>]             First to Fourth or Last; m -27 to 27 days
    (nothing)                                                one time

n is 1 to 35, and 1 where it is left out. Case and spaces do not matter, the order of a list neither; digits and letters
are ASCII. A record that exists is valid. What a recurrence means on a calendar stands in `matching_days`, what it means
on a clock in `window`.

Source: the description of `recurEvery` in Microsoft.Maintenance 2023-04-01, and strings that real configurations hold.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from shared.errors import InvalidRequestError

_MOST = 35
_LARGEST_OFFSET = 27
_LONGEST = 250  # beyond every form, even with all its lists complete
_FORMS = (
    "<n>Hours; [n]Days; [n]Weeks [Monday,...]; [n]Months day<k>[,day<k>...]; "
    "[n]Months <First|Second|Third|Fourth|Last>[,...] <Monday>[,...] [Offset<m>]; "
    "or nothing for one time"
)
_FORM = re.compile(r"(?P<every>[0-9]+)? ?(?P<unit>hour|day|week|month)s?(?: (?P<rest>.+))?")
_DAY = re.compile(r"day(-?[0-9]+)")
_OFFSET = re.compile(r"offset([+-]?[0-9]+)")
_LOOSE_SPACE = re.compile(r" ?([,+-]) ?|(?<=[a-z]) (?=[0-9])")


class Weekday(IntEnum):
    """A day of the week, numbered as `date.weekday` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class Ordinal(IntEnum):
    """Which of a weekday's days in a month; `LAST` is the fourth or the fifth."""

    FIRST = 1
    SECOND = 2
    THIRD = 3
    FOURTH = 4
    LAST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTime:
    """Once, at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    """Every `every` real hours."""

    every: int

    def __post_init__(self) -> None:
        _check_every(self.every, "hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Every `every` days, counted from the start date."""

    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every, "days")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """On `weekdays` of every `every`th week; no weekdays means the start date's."""

    every: int = 1
    weekdays: frozenset[Weekday] = frozenset()

    def __post_init__(self) -> None:
        _check_every(self.every, "weeks")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyByDate:
    """On `days` (1 to 31, -1 is the last) of every `every`th month; no days means the start date's."""

    every: int = 1
    days: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        _check_every(self.every, "months")
        for day in self.days:
            if day != -1 and not 1 <= day <= 31:
                raise InvalidRequestError(
                    f"day{day} is not a day of a month: use day1 to day31, or day-1 for the last."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyByWeekday:
    """On every combination of `ordinals` and `weekdays` of every `every`th month, `offset` days later or earlier."""

    every: int = 1
    ordinals: frozenset[Ordinal]
    weekdays: frozenset[Weekday]
    offset: int = 0

    def __post_init__(self) -> None:
        _check_every(self.every, "months")
        if not self.ordinals or not self.weekdays:
            raise InvalidRequestError("A month by weekday names at least one of each.")
        if abs(self.offset) > _LARGEST_OFFSET:
            raise InvalidRequestError(
                f"Offset{self.offset} is too far: an offset is "
                f"-{_LARGEST_OFFSET} to {_LARGEST_OFFSET} days."
            )


DayRecurrence = OneTime | Daily | Weekly | MonthlyByDate | MonthlyByWeekday
Recurrence = Hourly | DayRecurrence


def parse_recurrence(text: str | None) -> Recurrence:
    """Read a `recurEvery`; None and blank mean one time.

    Raises `InvalidRequestError` with a message that says what is wrong and what is allowed.
    """
    if text is None or not text.strip():
        return OneTime()
    tidy = _tidied(text)
    form = _FORM.fullmatch(tidy) if text.isascii() and len(tidy) <= _LONGEST else None
    if form is None:
        raise _refusal(f"'{text[:_LONGEST]}' is not a recurrence")
    every = int(form["every"] or 1)
    rest = form["rest"] or ""
    match form["unit"]:
        case "hour" if not form["every"]:
            raise _refusal("an hourly recurrence says every how many hours, such as 6Hours")
        case "hour" | "day" if rest:
            raise _refusal(f"nothing may follow the number of {form['unit']}s, but '{rest}' does")
        case "hour":
            return Hourly(every=every)
        case "day":
            return Daily(every=every)
        case "week":
            return Weekly(every=every, weekdays=_named(rest, Weekday) if rest else frozenset())
    return _parse_monthly(every, rest)


def format_recurrence(recurrence: Recurrence) -> str:
    """The canonical text of a recurrence: what `parse_recurrence` reads as the same record."""
    match recurrence:
        case OneTime():
            return ""
        case Hourly(every=every):
            return f"{every}Hour" if every == 1 else f"{every}Hours"
        case Daily(every=every):
            return _times(every, "Day")
        case Weekly(every=every, weekdays=weekdays):
            return f"{_times(every, 'Week')} {_names(weekdays)}".rstrip()
        case MonthlyByDate(every=every, days=days):
            last_at_the_end = sorted(days, key=lambda day: (day < 0, day))
            listed = ",".join(f"day{day}" for day in last_at_the_end)
            return f"{_times(every, 'Month')} {listed}".rstrip()
        case MonthlyByWeekday(every=every, ordinals=ordinals, weekdays=weekdays, offset=offset):
            shift = f" Offset{offset}" if offset else ""
            return f"{_times(every, 'Month')} {_names(ordinals)} {_names(weekdays)}{shift}"


def _tidied(text: str) -> str:
    """Lower case, with spaces left only where they separate two words."""
    return _LOOSE_SPACE.sub(r"\1", " ".join(text.split()).lower())


def _parse_monthly(every: int, rest: str) -> Recurrence:
    if not rest:
        return MonthlyByDate(every=every)
    words = rest.split(" ")
    if words[0].startswith("day"):
        return MonthlyByDate(every=every, days=_parse_days(rest))
    if len(words) == 1:
        raise _refusal(f"'{rest}' is neither a list of days nor followed by a weekday")
    ordinals, weekdays, *shift = words
    return MonthlyByWeekday(
        every=every,
        ordinals=_named(ordinals, Ordinal),
        weekdays=_named(weekdays, Weekday),
        offset=_parse_offset(" ".join(shift)) if shift else 0,
    )


def _parse_days(listed: str) -> frozenset[int]:
    days = set()
    for item in listed.split(","):
        day = _DAY.fullmatch(item)
        if day is None:
            raise _refusal(f"'{item}' is not a day of a month, such as day23 or day-1")
        days.add(int(day[1]))
    return frozenset(days)


def _parse_offset(text: str) -> int:
    offset = _OFFSET.fullmatch(text)
    if offset is None:
        raise _refusal(f"only an offset, such as Offset4, may follow the weekday, not '{text}'")
    return int(offset[1])


_Name = TypeVar("_Name", Weekday, Ordinal)


def _named(listed: str, names: type[_Name]) -> frozenset[_Name]:
    found = set()
    for item in listed.split(","):
        if item.upper() not in names.__members__:
            raise _refusal(f"'{item}' is none of {_names(names)}")
        found.add(names[item.upper()])
    return frozenset(found)


def _names(members: Iterable[Weekday | Ordinal]) -> str:
    return ",".join(member.name.capitalize() for member in sorted(members))


def _times(every: int, unit: str) -> str:
    return unit if every == 1 else f"{every}{unit}s"


def _check_every(every: int, unit: str) -> None:
    if not 1 <= every <= _MOST:
        raise InvalidRequestError(
            f"A schedule recurs every 1 to {_MOST} {unit}, not every {every}."
        )


def _refusal(mistake: str) -> InvalidRequestError:
    return InvalidRequestError(f"recurEvery: {mistake}. Allowed: {_FORMS}.")
