"""Strategies for recurrences, windows and instants, crowded around changes of clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from shared.domain.recurrence import (
    Daily,
    DayRecurrence,
    Hourly,
    MonthlyByDate,
    MonthlyByWeekday,
    OneTime,
    Ordinal,
    Recurrence,
    Weekday,
    Weekly,
)
from shared.domain.window import NEVER_EXPIRES, MaintenanceWindow

UNTIMED = settings(deadline=None)  # a busy machine is no failure

# Zones, each with a day on which its clocks changed in a way of their own.
CHANGES = [
    (ZoneInfo("UTC"), date(2024, 2, 29)),  # not at all
    (ZoneInfo("America/New_York"), date(2025, 3, 9)),  # an hour on
    (ZoneInfo("America/New_York"), date(2025, 11, 2)),  # an hour back
    (ZoneInfo("Australia/Lord_Howe"), date(2025, 4, 6)),  # half an hour
    (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4)),  # midnight is missing
    (ZoneInfo("America/Nuuk"), date(2025, 3, 29)),  # the last hour is missing
    (ZoneInfo("Africa/Cairo"), date(2025, 10, 30)),  # midnight comes twice
    (ZoneInfo("America/St_Johns"), date(2010, 11, 7)),  # back across midnight
    (ZoneInfo("Asia/Pyongyang"), date(2018, 5, 4)),  # not for the sake of summer
    (ZoneInfo("Pacific/Apia"), date(2011, 12, 30)),  # a day is missing
    (ZoneInfo("America/Juneau"), date(1867, 10, 18)),  # a day comes twice
]

_EVERY = st.integers(1, 3) | st.integers(1, 35)
_WEEKDAYS = st.frozensets(st.sampled_from(Weekday), min_size=1)
_DAYS_OF_MONTH = st.sampled_from([-1, *range(1, 32)])

day_recurrences: st.SearchStrategy[DayRecurrence] = st.one_of(
    st.builds(OneTime),
    st.builds(Daily, every=_EVERY),
    st.builds(Weekly, every=_EVERY, weekdays=_WEEKDAYS | st.just(frozenset())),
    st.builds(MonthlyByDate, every=_EVERY, days=st.frozensets(_DAYS_OF_MONTH)),
    st.builds(
        MonthlyByWeekday,
        every=_EVERY,
        ordinals=st.frozensets(st.sampled_from(Ordinal), min_size=1),
        weekdays=_WEEKDAYS,
        offset=st.integers(-27, 27),
    ),
)
hourly_recurrences = st.builds(Hourly, every=_EVERY)
recurrences: st.SearchStrategy[Recurrence] = day_recurrences | hourly_recurrences


@st.composite
def windows(
    draw: st.DrawFn, recurrences: st.SearchStrategy[Recurrence] = recurrences
) -> MaintenanceWindow:
    """A window that starts at most three months before a change of its zone's clocks, or soon after it."""
    zone, changed_on = draw(st.sampled_from(CHANGES))
    minute = draw(st.integers(0, 4 * 60) | st.integers(0, 24 * 60 - 1))
    starts = datetime.combine(changed_on, time()) + timedelta(
        days=draw(st.integers(-1, 1) | st.integers(-90, 10)), minutes=minute
    )
    lasts = st.timedeltas(timedelta(), timedelta(days=120))
    expiry = st.just(NEVER_EXPIRES) | lasts.map(lambda span: _to_the_minute(starts + span))
    return MaintenanceWindow(
        starts=starts,
        expires=draw(expiry),
        duration=timedelta(minutes=draw(st.integers(60, 1439))),
        time_zone=zone,
        recurrence=draw(recurrences),
    )


@st.composite
def instants_near(draw: st.DrawFn, window: MaintenanceWindow) -> datetime:
    """An instant from shortly before the window's start to four months after it; often an occurrence."""
    offset = draw(st.timedeltas(timedelta(days=-3), timedelta(days=120)))
    instant = window.starts.replace(tzinfo=UTC) + offset
    shift = draw(st.none() | st.integers(-1, 1).map(lambda seconds: timedelta(seconds=seconds)))
    occurrence = window.previous_at(instant)
    return instant if shift is None or occurrence is None else occurrence + shift


def _to_the_minute(wall_clock: datetime) -> datetime:
    return wall_clock.replace(second=0, microsecond=0)
