"""Which windows are compared: around each change of clocks, over whole years, and on months of each shape."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain

from localhost.calendar_evidence.comparison import Case
from localhost.calendar_evidence.rules import EACH_KIND, by_date, by_weekday, daily, weekly
from localhost.calendar_evidence.timeline import Change, Timeline

AROUND = timedelta(days=20)
"""Before a change and after it: 40 days."""
OFFSETS = tuple(range(-27, 28))
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


def around(change: Change) -> Iterator[Case]:
    """Each kind, at wall clocks before, in, and after what the change skips or repeats."""
    for wall_clock in wall_clocks(change):
        starts, expires = wall_clock - AROUND, wall_clock + AROUND
        for rule in EACH_KIND:
            yield Case(starts=starts, expires=expires, rule=rule)
        yield Case(starts=wall_clock, expires=wall_clock, rule=daily())
        yield Case(starts=starts, expires=wall_clock, rule=weekly())
        yield Case(starts=starts, expires=expires, hours=7)
    yield Case(starts=middle_of(change) - AROUND, expires=middle_of(change), hours=1)


def for_single_looks(change: Change) -> Iterator[Case]:
    """A few, at the last wall clock that is skipped or repeated, of which occurrences are looked up one by one."""
    last = max(change.before, change.after) - _MINUTE
    starts, expires = last - AROUND, last + AROUND
    for rule in (daily(), by_weekday(1, [1, 2, 5], [6])):
        yield Case(starts=starts, expires=expires, rule=rule)
    yield Case(starts=starts, expires=expires, hours=7)


def instants_around(change: Change) -> list[datetime]:
    """Every ten minutes for four hours before the change and after it."""
    return [change.at + number * 10 * _MINUTE for number in range(-24, 25)]


def wall_clocks(change: Change) -> list[datetime]:
    """The minute before what is skipped or repeated, its first, a middle one, its last, and the one after it."""
    first, end = sorted((change.before, change.after))
    return [first - _MINUTE, first, middle_of(change), end - _MINUTE, end]


def middle_of(change: Change) -> datetime:
    """A wall clock, a whole minute, that the change skips or repeats."""
    first, end = sorted((change.before, change.after))
    return (first + (end - first) / 2).replace(second=0, microsecond=0)


def whole_years(timeline: Timeline, years: range) -> Iterator[Case]:
    """Each kind over all the years, at the wall clocks that the zone's changes skip and repeat most often."""
    begins = datetime(years.start, 1, 31)  # noqa: DTZ001 - a wall clock
    expires = datetime(years.stop - 1, 12, 31, 23, 59)  # noqa: DTZ001 - a wall clock
    for hour, minute in _times(timeline):
        starts = begins.replace(hour=hour, minute=minute)
        for rule in EACH_KIND:
            yield Case(starts=starts, expires=expires, rule=rule)
        yield Case(starts=starts, expires=expires, hours=35)


def _times(timeline: Timeline) -> list[tuple[int, int]]:
    """The middle of the first gap and of the first overlap; without a change one time of any."""
    middles: dict[bool, tuple[int, int]] = {}
    for change in timeline.changes():
        middle = middle_of(change)
        middles.setdefault(change.after > change.before, (middle.hour, middle.minute))
    return sorted(set(middles.values())) or [(2, 30)]


def month_shapes(years: range) -> list[date]:
    """The first day of one month for each length and first weekday that these years have: at most 28."""
    firsts = (date(year, month, 1) for year in years for month in range(1, 13))
    shapes: dict[tuple[int, int], date] = {}
    for first in firsts:
        shapes.setdefault((length(first), first.weekday()), first)
    return sorted(shapes.values())


def length(first: date) -> int:
    """How many days the month of this first day has."""
    return ((first + 31 * _DAY).replace(day=1) - first).days


def in_month(first: date, *, offsets: tuple[int, ...] = OFFSETS) -> Iterator[Case]:
    """Every day of the month, and every ordinal of every weekday with every offset, with the months around it."""
    starts = datetime.combine(first, datetime.min.time()) - 40 * _DAY
    rules = chain(
        (by_date(1, day) for day in (*range(1, 32), -1)),
        (
            by_weekday(1, [ordinal], [weekday], offset=offset)
            for ordinal in range(1, 6)
            for weekday in range(7)
            for offset in offsets
        ),
    )
    for rule in rules:
        yield Case(starts=starts, expires=starts + 110 * _DAY, rule=rule)
