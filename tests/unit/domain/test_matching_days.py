"""The days of a recurrence: found quickly from anywhere, and given up only when none is left."""

from calendar import monthrange
from datetime import date
from itertools import islice

import pytest

from shared.domain.matching_days import days_back_from, days_from
from shared.domain.recurrence import (
    DayRecurrence,
    MonthlyByDate,
    MonthlyByWeekday,
    Ordinal,
    Weekday,
    Weekly,
)

FIRST_DAY, LAST_DAY = date.min.toordinal(), date.max.toordinal()
LAST_FRIDAY = MonthlyByWeekday(
    ordinals=frozenset({Ordinal.LAST}), weekdays=frozenset({Weekday.FRIDAY}), offset=27
)


def _ever_matches(day: int, *, every: int, start: date) -> bool:
    """Whether any month that counts has the day, over the whole cycle of the calendar (4,800 months)."""
    first = start.year * 12 + start.month - 1
    months = range(first, first + 4800 * every, every)
    return any(day <= monthrange(2000 + m // 12 % 400, m % 12 + 1)[1] for m in months)


@pytest.mark.parametrize("every", range(1, 36))
@pytest.mark.parametrize("year", [1999, 2000])
def test_search_is_given_up_only_for_days_that_never_come(year: int, every: int) -> None:
    for month in range(1, 13):
        start = date(year, month, 1)
        for day in (29, 30, 31):
            recurrence = MonthlyByDate(every=every, days=frozenset({day}))
            expected = _ever_matches(day, every=every, start=start)
            for since in (date(1896, 3, 1), start):
                search = days_from(recurrence, since.toordinal(), start=start)
                assert (next(search, None) is not None) == expected


def test_longest_pause_of_the_calendar_is_bridged() -> None:
    leap_days = MonthlyByDate(every=12, days=frozenset({29}))
    start = date(1892, 2, 1)
    onward = days_from(leap_days, date(1896, 3, 1).toordinal(), start=start)
    back = days_back_from(leap_days, date(1904, 2, 28).toordinal(), start=start)
    assert date.fromordinal(next(onward)) == date(1904, 2, 29)
    assert date.fromordinal(next(back)) == date(1896, 2, 29)


@pytest.mark.parametrize(
    "recurrence",
    [
        pytest.param(Weekly(every=35), id="weekly"),
        pytest.param(MonthlyByDate(every=35), id="monthly by date"),
        pytest.param(LAST_FRIDAY, id="monthly by weekday"),
    ],
)
def test_search_ends_at_both_ends_of_the_calendar(recurrence: DayRecurrence) -> None:
    start = date(2025, 1, 1)
    onward = list(days_from(recurrence, LAST_DAY - 2000, start=start))
    back = list(days_back_from(recurrence, FIRST_DAY + 2000, start=start))
    assert onward == sorted(onward)
    assert back == sorted(back, reverse=True)
    assert onward
    assert back
    assert back[-1] >= FIRST_DAY
    assert onward[-1] <= LAST_DAY


def test_search_may_begin_beyond_the_calendar() -> None:
    start = date(2025, 1, 1)
    early = next(days_from(LAST_FRIDAY, FIRST_DAY - 1, start=start))
    late = next(days_back_from(LAST_FRIDAY, LAST_DAY + 1, start=start))
    assert date.fromordinal(early) == date(1, 2, 22)  # 26 January and 27 days
    assert date.fromordinal(late) == date(9999, 12, 23)  # 26 November and 27 days


def test_both_directions_meet_on_the_same_days() -> None:
    start, day = date(2025, 1, 31), date(2025, 6, 1).toordinal()
    onward = list(islice(days_from(LAST_FRIDAY, day, start=start), 20))
    back = list(islice(days_back_from(LAST_FRIDAY, onward[-1], start=start), 20))
    assert back == onward[::-1]
