"""The text of a recurrence: what is read as what, how it is written back, and what a refusal says."""

import json
from pathlib import Path

import pytest

from shared.domain.recurrence import (
    Daily,
    Hourly,
    MonthlyByDate,
    MonthlyByWeekday,
    OneTime,
    Ordinal,
    Recurrence,
    Weekday,
    Weekly,
    format_recurrence,
    parse_recurrence,
)
from shared.errors import InvalidRequestError

RECORDED = json.loads(Path("tests/data/recorded_windows.json").read_text(encoding="utf-8"))

SECOND_TUESDAY = MonthlyByWeekday(
    ordinals=frozenset({Ordinal.SECOND}), weekdays=frozenset({Weekday.TUESDAY}), offset=4
)
WEEKEND = frozenset({Weekday.SATURDAY, Weekday.SUNDAY})


@pytest.mark.parametrize(
    ("text", "recurrence"),
    [
        pytest.param(None, OneTime(), id="absent"),
        pytest.param("", OneTime(), id="empty"),
        pytest.param(" \t", OneTime(), id="blank"),
        pytest.param("6Hours", Hourly(every=6), id="hours"),
        pytest.param("1Hour", Hourly(every=1), id="one hour"),
        pytest.param("Day", Daily(), id="day without a number"),
        pytest.param("35Days", Daily(every=35), id="the most days"),
        pytest.param("3Weeks", Weekly(every=3), id="weeks without a weekday"),
        pytest.param("Week Saturday,Sunday", Weekly(weekdays=WEEKEND), id="weekdays"),
        pytest.param("2Months", MonthlyByDate(every=2), id="months without a day"),
        pytest.param(
            "Month day23,day24", MonthlyByDate(days=frozenset({23, 24})), id="days of the month"
        ),
        pytest.param("Month day-1", MonthlyByDate(days=frozenset({-1})), id="last day"),
        pytest.param("Month Second Tuesday Offset4", SECOND_TUESDAY, id="weekday with an offset"),
        pytest.param(
            "1Month First,Last Saturday,Sunday Offset-27",
            MonthlyByWeekday(
                ordinals=frozenset({Ordinal.FIRST, Ordinal.LAST}), weekdays=WEEKEND, offset=-27
            ),
            id="several ordinals and weekdays",
        ),
    ],
)
def test_every_form_is_read(text: str | None, recurrence: Recurrence) -> None:
    assert parse_recurrence(text) == recurrence


@pytest.mark.parametrize(
    ("sloppy", "neat"),
    [
        pytest.param(" 2  weeks\tMONDAY , tuesday ", "2Weeks Monday,Tuesday", id="weeks"),
        pytest.param("6 hour", "6Hours", id="hours"),
        pytest.param("12Month DAY 23 ,day 1", "12Months day1,day23", id="days"),
        pytest.param("Month day - 1", "Month day-1", id="last day"),
        pytest.param(
            "1months second tuesday offset + 4", "Month Second Tuesday Offset4", id="plus"
        ),
        pytest.param(
            "Month Last Friday Offset -3", "Month Last Friday Offset-3", id="space before the sign"
        ),
        pytest.param("Month Last Friday Offset0", "Month Last Friday", id="offset of nothing"),
        pytest.param("Week Sunday,Monday,Sunday", "Week Monday,Sunday", id="order and repetition"),
        pytest.param("Month day-1,day31,day31", "Month day31,day-1", id="last day is last"),
    ],
)
def test_case_spaces_and_order_are_forgiven_and_written_one_way(sloppy: str, neat: str) -> None:
    assert format_recurrence(parse_recurrence(sloppy)) == neat


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("0Days", "every 1 to 35 days, not every 0", id="none"),
        pytest.param("36Hours", "every 1 to 35 hours", id="too many hours"),
        pytest.param("36Weeks Monday", "every 1 to 35 weeks", id="too many weeks"),
        pytest.param("36Months", "every 1 to 35 months", id="too many months"),
        pytest.param("36Months First Monday", "1 to 35 months", id="too many months by weekday"),
        pytest.param("Hour", "every how many hours", id="hourly without a number"),
        pytest.param("6Hours Monday", "nothing may follow", id="garbage after hours"),
        pytest.param("3Days Monday", "nothing may follow", id="garbage after days"),
        pytest.param("Week Funday", "'funday' is none of Monday,", id="unknown weekday"),
        pytest.param("Week Mon", "'mon' is none of Monday,", id="shortened weekday"),
        pytest.param("Week Monday,", "'' is none of", id="comma at the end"),
        pytest.param("Week Monday Tuesday", "none of", id="weekdays without a comma"),
        pytest.param("Month Fifth Monday", "'fifth' is none of First,", id="unknown ordinal"),
        pytest.param("Month First", "nor followed by a weekday", id="ordinal alone"),
        pytest.param("Month First Monday Tuesday", "only an offset", id="garbage after weekday"),
        pytest.param("Month First Monday Offset", "only an offset", id="offset without a number"),
        pytest.param("Month First Monday Offset1 x", "only an offset", id="garbage at the end"),
        pytest.param("Month First Monday Offset28", "-27 to 27 days", id="offset too late"),
        pytest.param("Month First Monday Offset-28", "-27 to 27 days", id="offset too early"),
        pytest.param("Month day0", "day1 to day31", id="day zero"),
        pytest.param("Month day32", "day1 to day31", id="day too late"),
        pytest.param("Month day-2", "day1 to day31", id="last but one"),
        pytest.param("Month day1 day2", "not a day of a month", id="days without a comma"),
        pytest.param("Month day1,Monday", "'monday' is not a day", id="day and weekday"),
        pytest.param("-1Day", "not a recurrence", id="negative"),
        pytest.param("1.5Days", "not a recurrence", id="fraction"),
        pytest.param("1 2Days", "not a recurrence", id="space inside a number"),
        pytest.param("Fortnight", "not a recurrence", id="unknown unit"),
        pytest.param("WeekMonday", "not a recurrence", id="words run together"),
        pytest.param("\N{ARABIC-INDIC DIGIT THREE}Days", "not a recurrence", id="foreign digit"),
        pytest.param("Wee\N{KELVIN SIGN}", "not a recurrence", id="foreign letter"),
        pytest.param("9" * 5000 + "Days", "not a recurrence", id="longer than any number"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_recurrence(text)
    assert complaint in refused.value.message
    assert len(refused.value.message) < 700


def test_a_refusal_of_the_form_says_what_is_allowed() -> None:
    with pytest.raises(InvalidRequestError, match=r"Allowed: <n>Hours; \[n\]Days; \[n\]Weeks"):
        parse_recurrence("Fortnight")


def test_month_by_weekday_names_a_weekday() -> None:
    with pytest.raises(InvalidRequestError):
        MonthlyByWeekday(ordinals=frozenset({Ordinal.LAST}), weekdays=frozenset())


@pytest.mark.parametrize("text", RECORDED["recurEvery"])
def test_recorded_recurrences_are_read(text: str) -> None:
    recurrence = parse_recurrence(text)
    assert recurrence != OneTime()
    assert parse_recurrence(format_recurrence(recurrence)) == recurrence
