"""The contract of maintenance windows: the sentences of `shared.domain.window`, one test each, in their order."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from shared.domain.recurrence import Daily, OneTime, parse_recurrence
from shared.domain.time_zones import EARLIEST, LATEST, parse_time_zone
from shared.domain.window import (
    NEVER_EXPIRES,
    MaintenanceWindow,
    Window,
    parse_duration,
    parse_wall_clock,
)
from shared.errors import InvalidRequestError

NEW_YORK = "America/New_York"  # clocks go on at 2025-03-09 02:00 and back at 2025-11-02 02:00


def _window(
    starts: str, recurrence: str, *, zone: str = "UTC", expires: str = "9999-12-31 23:59:59"
) -> MaintenanceWindow:
    return MaintenanceWindow(
        starts=parse_wall_clock(starts),
        expires=parse_wall_clock(expires),
        duration=timedelta(hours=2),
        time_zone=parse_time_zone(zone),
        recurrence=parse_recurrence(recurrence),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _first(number: int, window: MaintenanceWindow, *, after: str = "0001-01-02") -> list[str]:
    """The next few occurrences in UTC."""
    found = islice(window.between(_instant(after), LATEST), number)
    return [f"{occurrence:%Y-%m-%d %H:%M}" for occurrence in found]


def test_two_wall_clocks_on_one_instant_count_once() -> None:
    # No real zone has skipped so much: clocks go from Sunday, 02:00 to Monday, 04:00.
    zone = _zone_of_rule("AAA12BBB-14,M3.2.0,M11.1.0")
    window = MaintenanceWindow(
        starts=parse_wall_clock("2025-03-08 02:30"),
        duration=timedelta(hours=2),
        time_zone=zone,
        recurrence=Daily(),
    )
    expected = ["2025-03-08 14:30", "2025-03-09 14:00", "2025-03-10 12:30"]
    assert _first(3, window) == expected
    assert window.previous_at(_instant(expected[1])) == _instant(expected[1])
    assert window.previous_at(_instant("2025-03-09 13:59")) == _instant(expected[0])


def test_wall_clock_stays_the_start_s_when_daylight_saving_changes() -> None:
    window = _window("2025-03-08 21:00", "Day", zone="Eastern Standard Time")
    assert _first(2, window) == ["2025-03-09 02:00", "2025-03-10 01:00"]


@pytest.mark.parametrize(
    ("starts", "recurrence", "first"),
    [
        pytest.param("2024-01-17 10:00", "Week Monday", "2024-01-22 10:00", id="later weekday"),
        pytest.param("2024-01-17 10:00", "Week Wednesday", "2024-01-17 10:00", id="same weekday"),
        pytest.param("2024-01-17 10:00", "Month day16", "2024-02-16 10:00", id="day is past"),
        pytest.param("2024-01-17 10:00", "Month day17", "2024-01-17 10:00", id="same day"),
        pytest.param("2024-01-17 10:00", "Month First Monday", "2024-02-05 10:00", id="ordinal"),
    ],
)
def test_first_occurrence_is_the_first_match_at_or_after_the_start(
    starts: str, recurrence: str, first: str
) -> None:
    assert _first(1, _window(starts, recurrence)) == [first]


def test_one_time_window_occurs_at_its_start_only() -> None:
    window = _window("2025-07-01 02:00", "", zone=NEW_YORK)
    assert _first(2, window) == ["2025-07-01 06:00"]
    assert window.previous_at(LATEST) == _instant("2025-07-01 06:00")


def test_every_n_days_counts_from_the_start_date() -> None:
    window = _window("2025-02-27 10:00", "3Days")
    assert _first(3, window) == ["2025-02-27 10:00", "2025-03-02 10:00", "2025-03-05 10:00"]


def test_every_n_weeks_counts_from_the_start_date_s_week_monday_first() -> None:
    window = _window("2025-01-05 10:00", "2Weeks Sunday,Monday")  # a Sunday, its week's last day
    assert _first(3, window) == ["2025-01-05 10:00", "2025-01-13 10:00", "2025-01-19 10:00"]


def test_week_without_weekdays_recurs_on_the_start_date_s_weekday() -> None:
    window = _window("2025-01-03 10:00", "3Weeks")
    assert _first(2, window) == ["2025-01-03 10:00", "2025-01-24 10:00"]


def test_every_n_months_counts_from_the_start_date_s_month() -> None:
    window = _window("2024-11-20 10:00", "3Months day10")
    assert _first(2, window) == ["2025-02-10 10:00", "2025-05-10 10:00"]


def test_bare_month_recurs_on_the_start_date_s_day() -> None:
    window = _window("2024-11-20 10:00", "Month")
    assert _first(2, window) == ["2024-11-20 10:00", "2024-12-20 10:00"]


def test_month_without_the_day_has_no_occurrence_for_it() -> None:
    window = _window("2025-05-31 10:00", "Month day31,day2")
    expected = ["2025-05-31 10:00", "2025-06-02 10:00", "2025-07-02 10:00", "2025-07-31 10:00"]
    assert _first(4, window) == expected


def test_day_minus_one_is_the_last_day_and_counts_once() -> None:
    window = _window("2024-01-01 10:00", "Month day31,day-1")
    assert _first(3, window) == ["2024-01-31 10:00", "2024-02-29 10:00", "2024-03-31 10:00"]


def test_every_ordinal_combines_with_every_weekday() -> None:
    window = _window("2025-06-01 10:00", "Month First,Last Monday,Friday")
    days = ["02", "06", "27", "30"]
    assert _first(4, window) == [f"2025-06-{day} 10:00" for day in days]


@pytest.mark.parametrize(
    ("starts", "recurrence", "expected"),
    [
        pytest.param(
            "2025-01-01 10:00",
            "Month Second Tuesday Offset4",
            ["2025-01-18 10:00", "2025-02-15 10:00"],
            id="after Patch Tuesday",
        ),
        pytest.param(
            "2025-01-01 10:00",
            "2Months Last Friday Offset1",
            ["2025-02-01 10:00", "2025-03-29 10:00"],
            id="into the next month, counted as the anchor's",
        ),
        pytest.param(
            "2025-09-01 10:00",
            "Month First Monday Offset-3",
            ["2025-10-03 10:00", "2025-10-31 10:00"],
            id="into the previous month, and the one before the start is none",
        ),
        pytest.param(
            "2025-08-01 10:00",
            "Month Last Friday Offset7",
            ["2025-08-01 10:00", "2025-09-05 10:00"],
            id="at the start, from an anchor before it",
        ),
    ],
)
def test_offset_shifts_whole_days_from_the_anchor_s_month(
    starts: str, recurrence: str, expected: list[str]
) -> None:
    assert _first(2, _window(starts, recurrence)) == expected


@pytest.mark.parametrize(
    ("zone", "starts", "expected"),
    [
        pytest.param(
            NEW_YORK, "2025-03-08 02:30", ["2025-03-08 07:30", "2025-03-09 07:00"], id="New York"
        ),
        pytest.param(
            NEW_YORK, "2025-03-09 02:30", ["2025-03-09 07:00", "2025-03-10 06:30"], id="the start"
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2025-10-04 02:15",
            ["2025-10-03 15:45", "2025-10-04 15:30"],
            id="a gap of half an hour",
        ),
        pytest.param(
            "America/Nuuk",
            "2025-03-28 23:30",
            ["2025-03-29 01:30", "2025-03-30 01:00"],
            id="the next day's midnight",
        ),
    ],
)
def test_occurrence_in_a_gap_is_the_first_instant_after_it(
    zone: str, starts: str, expected: list[str]
) -> None:
    assert _first(2, _window(starts, "Day", zone=zone)) == expected


def test_whole_day_that_a_zone_skipped_has_no_occurrence() -> None:
    window = _window("2011-12-29 08:00", "Day", zone="Pacific/Apia")
    assert _first(2, window) == ["2011-12-29 18:00", "2011-12-30 18:00"]
    assert _first(1, _window("2011-12-30 08:00", "", zone="Pacific/Apia")) == []


def test_occurrence_in_an_overlap_is_the_first_of_the_two_once() -> None:
    window = _window("2025-11-01 01:30", "Day", zone=NEW_YORK)
    assert _first(3, window) == ["2025-11-01 05:30", "2025-11-02 05:30", "2025-11-03 06:30"]
    assert window.previous_at(_instant("2025-11-02 06:10")) == _instant("2025-11-02 05:30")
    assert not window.is_occurrence(_instant("2025-11-02 06:30"))


def test_occurrence_is_past_although_clocks_went_back_to_the_day_before() -> None:
    window = _window("2010-11-01 00:00", "Day", zone="America/St_Johns")  # back at 00:01
    midnight, eve_again = _instant("2010-11-07 02:30"), _instant("2010-11-07 03:00")
    assert window.previous_at(eve_again) == midnight
    assert window.next_after(eve_again) == _instant("2010-11-08 03:30")


def test_expiry_is_compared_as_wall_clock_and_inclusive() -> None:
    at_the_expiry = _window("2025-06-01 22:00", "Day", zone=NEW_YORK, expires="2025-06-02 22:00")
    just_past_it = _window("2025-06-01 22:00", "Day", zone=NEW_YORK, expires="2025-06-02 21:59")
    assert _first(3, at_the_expiry) == ["2025-06-02 02:00", "2025-06-03 02:00"]
    assert _first(3, just_past_it) == ["2025-06-02 02:00"]
    assert just_past_it.previous_at(LATEST) == _instant("2025-06-02 02:00")


def test_occurrence_that_a_gap_moved_past_the_expiry_counts() -> None:
    window = _window("2025-03-08 02:30", "Day", zone=NEW_YORK, expires="2025-03-09 02:45")
    assert _first(3, window) == ["2025-03-08 07:30", "2025-03-09 07:00"]
    assert window.previous_at(LATEST) == _instant("2025-03-09 07:00")


@pytest.mark.parametrize(
    ("zone", "starts", "expected"),
    [
        pytest.param(
            NEW_YORK,
            "2025-03-08 22:00",
            ["2025-03-09 03:00", "2025-03-09 09:00", "2025-03-09 15:00"],
            id="across a gap",
        ),
        pytest.param(
            NEW_YORK,
            "2025-03-09 02:30",
            ["2025-03-09 07:00", "2025-03-09 13:00", "2025-03-09 19:00"],
            id="from a gap",
        ),
        pytest.param(
            NEW_YORK,
            "2025-11-02 01:30",
            ["2025-11-02 05:30", "2025-11-02 11:30", "2025-11-02 17:30"],
            id="from an overlap",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-30 08:00",
            ["2011-12-30 10:00", "2011-12-30 16:00", "2011-12-30 22:00"],
            id="from a day that never was",
        ),
    ],
)
def test_hours_are_real_hours_from_the_first_occurrence(
    zone: str, starts: str, expected: list[str]
) -> None:
    assert _first(3, _window(starts, "6Hours", zone=zone)) == expected


@pytest.mark.parametrize(
    ("starts", "expires", "expected"),
    [
        pytest.param(
            "2025-06-01 00:00",
            "2025-06-01 01:00",
            ["2025-06-01 04:00", "2025-06-01 05:00"],
            id="exactly at it",
        ),
        pytest.param(
            "2025-03-09 01:00", "2025-03-09 02:59", ["2025-03-09 06:00"], id="expiry in a gap"
        ),
        pytest.param(
            "2025-11-02 00:30",
            "2025-11-02 01:30",
            ["2025-11-02 04:30", "2025-11-02 05:30", "2025-11-02 06:30"],
            id="both hours of an overlap show it",
        ),
        pytest.param(
            "2025-11-02 00:45", "2025-11-02 01:30", ["2025-11-02 04:45"], id="neither hour does"
        ),
    ],
)
def test_expiry_of_hours_is_compared_with_what_clocks_show(
    starts: str, expires: str, expected: list[str]
) -> None:
    window = _window(starts, "1Hour", zone=NEW_YORK, expires=expires)
    assert _first(9, window) == expected
    assert window.previous_at(LATEST) == _instant(expected[-1])


def test_window_goes_on_past_midnight() -> None:
    starts_at = _instant("2025-06-01 23:00")
    window = Window(starts_at=starts_at, duration=timedelta(hours=3, minutes=55))
    assert window.ends_at == _instant("2025-06-02 02:55")


def test_cut_off_leaves_the_margin() -> None:
    window = Window(starts_at=_instant("2025-06-01 23:00"), duration=timedelta(hours=2))
    assert window.cut_off(timedelta(minutes=30)) == _instant("2025-06-02 00:30")


@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        pytest.param("2025-06-01 23:00", 120, id="at the start"),
        pytest.param("2025-06-02 00:59", 1, id="at the last minute"),
        pytest.param("2025-06-02 01:00", 0, id="at the end"),
        pytest.param("2025-06-05 00:00", 0, id="long after"),
    ],
)
def test_remaining_is_never_negative(now: str, minutes: int) -> None:
    window = Window(starts_at=_instant("2025-06-01 23:00"), duration=timedelta(hours=2))
    assert window.remaining(_instant(now)) == timedelta(minutes=minutes)


@pytest.mark.parametrize("recurrence", ["", "35Hours", "Day", "35Weeks", "Month day-1"])
@pytest.mark.parametrize("starts", ["0001-01-01 00:00", "1970-01-01 00:00", "9999-12-31 23:59"])
@pytest.mark.parametrize("zone", ["Dateline Standard Time", "UTC", "Line Islands Standard Time"])
def test_ends_of_the_calendar_are_answered(zone: str, starts: str, recurrence: str) -> None:
    window = _window(starts, recurrence, zone=zone)
    before, latest = window.previous_at(EARLIEST), window.previous_at(LATEST)
    assert window.next_after(LATEST) is None
    assert before in (None, EARLIEST)
    assert latest is None or window.is_occurrence(latest)
    assert Window(starts_at=LATEST, duration=window.duration).ends_at == LATEST


@pytest.mark.parametrize(
    ("starts", "expires", "recurrence"),
    [
        pytest.param("0001-01-01 10:00", "9999-12-31 10:00", "Day", id="daily for ever"),
        pytest.param("0001-01-01 10:00", "9999-12-31 10:00", "1Hour", id="hourly for ever"),
        pytest.param("0001-01-01 10:00", "0002-01-01 10:00", "Day", id="daily, long expired"),
        pytest.param("0001-01-01 10:00", "0002-01-01 10:00", "1Hour", id="hourly, long expired"),
        pytest.param("9998-01-01 10:00", "9999-12-31 10:00", "Day", id="daily, far ahead"),
        pytest.param("9998-01-01 10:00", "9999-12-31 10:00", "1Hour", id="hourly, far ahead"),
        pytest.param("0001-02-01 10:00", "9999-12-31 10:00", "12Months day30", id="never"),
    ],
)
def test_look_ups_do_not_walk(starts: str, expires: str, recurrence: str) -> None:
    window = _window(starts, recurrence, expires=expires)
    begun = process_time()
    for instant in (EARLIEST, _instant("2025-06-01 10:00"), LATEST):
        window.next_after(instant)
        window.previous_at(instant)
    assert process_time() - begun < 0.25  # a walk over the calendar takes seconds


def test_window_may_not_expire_before_it_starts() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        _window("2025-06-01 10:00", "Day", expires="2025-06-01 09:59")
    assert refused.value.target == "expirationDateTime"
    assert _first(2, _window("2025-06-01 10:00", "Day", expires="2025-06-01 10:00")) == [
        "2025-06-01 10:00"
    ]


def test_window_never_expires_unless_told() -> None:
    window = MaintenanceWindow(
        starts=parse_wall_clock("2025-06-01 10:00"),
        duration=parse_duration("02:00"),
        time_zone=parse_time_zone("UTC"),
        recurrence=OneTime(),
    )
    assert window.expires == parse_wall_clock("9999-12-31 23:59:59") == NEVER_EXPIRES


def _zone_of_rule(rule: str) -> ZoneInfo:
    """A zone that follows one POSIX rule for ever (RFC 8536: two headers, one local time type each, the rule)."""
    counts = b"".join(number.to_bytes(4, "big") for number in (0, 0, 0, 0, 1, 4))
    block = b"TZif2" + bytes(15) + counts + bytes(6) + b"AAA\0"
    return ZoneInfo.from_file(BytesIO(block * 2 + b"\n" + rule.encode() + b"\n"), key="Test/Rule")
