"""Occurrences: the look-ups agree with each other, and with an oracle that goes day by day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.recurrence import (
    Daily,
    DayRecurrence,
    Hourly,
    MonthlyByDate,
    MonthlyByWeekday,
    OneTime,
    Ordinal,
    Weekly,
)
from shared.domain.time_zones import EARLIEST, LATEST
from shared.domain.window import MaintenanceWindow
from tests.property.strategies_time import (
    UNTIMED,
    day_recurrences,
    hourly_recurrences,
    instants_near,
    windows,
)

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_HALF_HOUR = timedelta(minutes=30)
_HORIZON = timedelta(days=100)


@given(windows(), st.data())
@UNTIMED
def test_next_after_is_later_and_nothing_lies_between(
    window: MaintenanceWindow, data: st.DataObject
) -> None:
    instant = data.draw(instants_near(window))
    following = window.next_after(instant)
    if following is None:
        assert window.previous_at(LATEST) == window.previous_at(instant)
    else:
        assert following > instant
        assert window.is_occurrence(following)
        assert window.previous_at(following - timedelta.resolution) == window.previous_at(instant)


@given(windows(), st.data())
@UNTIMED
def test_previous_at_is_not_later_and_is_followed_by_next_after(
    window: MaintenanceWindow, data: st.DataObject
) -> None:
    instant = data.draw(instants_near(window))
    previous = window.previous_at(instant)
    if previous is None:
        assert window.next_after(instant) == window.next_after(EARLIEST)
    else:
        assert previous <= instant
        assert window.next_after(previous - timedelta.resolution) == previous
        assert window.next_after(previous) == window.next_after(instant)


@given(windows(), st.data())
@UNTIMED
def test_between_is_next_after_repeated(window: MaintenanceWindow, data: st.DataObject) -> None:
    after = data.draw(instants_near(window))
    until = after + data.draw(st.timedeltas(timedelta(), timedelta(days=40)))
    repeated = []
    occurrence = window.next_after(after)
    while occurrence is not None and occurrence <= until:
        repeated.append(occurrence)
        occurrence = window.next_after(occurrence)
    assert list(window.between(after, until)) == repeated


@given(windows(day_recurrences))
@settings(UNTIMED, max_examples=200)
def test_calendar_agrees_with_going_day_by_day(window: MaintenanceWindow) -> None:
    until = window.starts.replace(tzinfo=UTC) + _HORIZON
    expected = sorted({o for o in _day_by_day(window) if o <= until})
    assert list(window.between(EARLIEST, until)) == expected
    assert list(_backwards(window, until)) == expected[::-1]


@given(windows(hourly_recurrences))
@UNTIMED
def test_hours_agree_with_going_hour_by_hour(window: MaintenanceWindow) -> None:
    expected = list(islice(_hour_by_hour(window), 100))
    assert list(islice(window.between(EARLIEST, LATEST), 100)) == expected
    if expected:
        assert list(_backwards(window, expected[-1])) == expected[::-1]


@given(windows(), st.integers(100_000, 2_000_000))
@UNTIMED
def test_look_ups_agree_centuries_after_the_start(window: MaintenanceWindow, days: int) -> None:
    far = window.starts.replace(tzinfo=UTC) + days * _DAY
    previous, following = window.previous_at(far), window.next_after(far)
    assert previous is None or window.next_after(previous) == following
    assert following is None or window.is_occurrence(following)


def _backwards(window: MaintenanceWindow, until: datetime) -> Iterator[datetime]:
    occurrence = window.previous_at(until)
    while occurrence is not None:
        yield occurrence
        occurrence = window.previous_at(occurrence - timedelta.resolution)


def _day_by_day(window: MaintenanceWindow) -> Iterator[datetime]:
    assert not isinstance(window.recurrence, Hourly)
    start = window.starts.date()
    for number in range(_HORIZON.days + 3):
        day = start + number * _DAY
        wall_clock = datetime.combine(day, window.starts.time())
        if wall_clock > window.expires or not _matches(window.recurrence, day, start=start):
            continue
        if not _never_was(day, window.time_zone):
            yield _first_minute_that_shows(wall_clock, window.time_zone)


def _hour_by_hour(window: MaintenanceWindow) -> Iterator[datetime]:
    assert isinstance(window.recurrence, Hourly)
    instant = _first_minute_that_shows(window.starts, window.time_zone)
    for _ in range(200):
        if _shown(instant, window.time_zone) <= window.expires:
            yield instant
        instant += timedelta(hours=window.recurrence.every)


def _matches(recurrence: DayRecurrence, day: date, *, start: date) -> bool:
    match recurrence:
        case OneTime():
            return day == start
        case Daily(every=every):
            return (day - start).days % every == 0
        case Weekly(every=every, weekdays=weekdays):
            weeks = ((day - day.weekday() * _DAY) - (start - start.weekday() * _DAY)).days // 7
            return weeks % every == 0 and day.weekday() in (weekdays or {start.weekday()})
        case MonthlyByDate(every=every, days=days):
            is_last = (day + _DAY).month != day.month
            listed = day.day in (days or {start.day}) or (is_last and -1 in days)
            return _months_between(start, day) % every == 0 and listed
        case MonthlyByWeekday(every=every, ordinals=ordinals, weekdays=weekdays, offset=offset):
            anchor = day - offset * _DAY
            is_last = (anchor + 7 * _DAY).month != anchor.month
            week = (anchor.day + 6) // 7
            counts = week in ordinals - {Ordinal.LAST} or (is_last and Ordinal.LAST in ordinals)
            in_step = _months_between(start, anchor) % every == 0
            return in_step and counts and anchor.weekday() in weekdays


def _months_between(start: date, day: date) -> int:
    return (day.year - start.year) * 12 + day.month - start.month


def _first_minute_that_shows(wall_clock: datetime, zone: ZoneInfo) -> datetime:
    instant = wall_clock.replace(tzinfo=zone).astimezone(UTC)
    if _shown(instant, zone) == wall_clock:
        return instant
    instant = wall_clock.replace(tzinfo=UTC) - timedelta(hours=26)
    while _shown(instant, zone) < wall_clock:
        instant += _MINUTE
    return instant


def _never_was(day: date, zone: ZoneInfo) -> bool:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=26)
    return all(_shown(begin + n * _HALF_HOUR, zone).date() != day for n in range(2 * 76))


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
