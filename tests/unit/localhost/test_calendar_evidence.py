"""The evidence about calendars: its references know what they must, and what is wrong is told."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from localhost.calendar_evidence.cases import (
    AROUND,
    instants_around,
    length,
    month_shapes,
    wall_clocks,
)
from localhost.calendar_evidence.comparison import Case, compare, compare_back, compare_looks
from localhost.calendar_evidence.references import days, days_of_rfc
from localhost.calendar_evidence.rules import EACH_KIND, Rule, by_date, by_weekday, daily, weekly
from localhost.calendar_evidence.run import YEARS, distinct, one_of_each_rule
from localhost.calendar_evidence.timeline import Change, Timeline
from shared.domain.recurrence import Hourly, parse_recurrence

BERLIN = ZoneInfo("Europe/Berlin")
YEAR = range(2026, 2027)
OF_BERLIN = Timeline.of(BERLIN, YEAR)
SPRING = Change(
    at=datetime(2026, 3, 29, 1, tzinfo=UTC),
    before=datetime(2026, 3, 29, 2),  # noqa: DTZ001 - wall clocks
    after=datetime(2026, 3, 29, 3),  # noqa: DTZ001
)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def a_case(rule: Rule, starts: str = "2026-03-01 02:30") -> Case:
    return Case(starts=wall(starts), expires=wall("2026-04-30 02:30"), rule=rule)


# --- what the references know --------------------------------------------------------------------


def test_timeline_has_every_change_to_the_second() -> None:
    autumn = Change(
        at=datetime(2026, 10, 25, 1, tzinfo=UTC),
        before=wall("2026-10-25 03:00"),
        after=wall("2026-10-25 02:00"),
    )
    assert OF_BERLIN.changes()[:2] == [SPRING, autumn]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param("2026-03-29 01:59", "2026-03-29 00:59", id="before a gap"),
        pytest.param("2026-03-29 02:30", "2026-03-29 01:00", id="in a gap"),
        pytest.param("2026-03-29 03:00", "2026-03-29 01:00", id="after a gap"),
        pytest.param("2026-10-25 02:30", "2026-10-25 00:30", id="in an overlap"),
        pytest.param("2026-10-25 03:00", "2026-10-25 02:00", id="after an overlap"),
    ],
)
def test_wall_clock_is_first_shown_at(shown: str, expected: str) -> None:
    assert OF_BERLIN.first_showing(wall(shown)) == wall(expected).replace(tzinfo=UTC)


def test_day_that_a_zone_skipped_is_known() -> None:
    samoa = Timeline.of(ZoneInfo("Pacific/Apia"), range(2011, 2012))
    never = [day for day in (29, 30, 31) if samoa.never_had(date(2011, 12, day))]
    assert never == [30]


@pytest.mark.parametrize("rule", EACH_KIND, ids=lambda rule: rule.text or "one time")
def test_oracle_and_dateutil_have_the_same_days(rule: Rule) -> None:
    start, until = date(2026, 1, 31), date(2030, 12, 31)
    found = days(rule, start, until=until)
    assert found == days_of_rfc(rule, start, until=until)
    assert found


def test_every_kind_of_recurrence_is_compared() -> None:
    kinds = {type(parse_recurrence(rule.text)) for rule in EACH_KIND}
    assert len(kinds | {Hourly}) == 6


def test_months_of_all_shapes_are_found() -> None:
    shapes = {(length(first), first.weekday()) for first in month_shapes(YEARS)}
    assert shapes == {(days, weekday) for days in (28, 29, 30, 31) for weekday in range(7)}


def test_wall_clocks_of_a_change_lie_before_in_and_after_it() -> None:
    shown = [f"{one:%H:%M}" for one in wall_clocks(SPRING)]
    assert shown == ["01:59", "02:00", "02:30", "02:59", "03:00"]


def test_rule_of_change_counts_once_for_all_years() -> None:
    found = distinct(["Europe/Berlin"], range(2020, 2026))
    assert (len(found.changes), len(one_of_each_rule(found))) == (12, 2)


# --- what is wrong is told -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        pytest.param(
            a_case(replace(daily(), text="2Days")),
            "2026-03-02 01:30:00 UTC 0 times, not 1",
            id="missed",
        ),
        pytest.param(
            a_case(replace(daily(2), text="Day")),
            "2026-03-02 01:30:00 UTC 1 times, not 0",
            id="extra",
        ),
        pytest.param(
            a_case(replace(weekly(1, 6), text="Week Saturday")),
            "2026-03-01 01:30:00 UTC 0 times, not 1",
            id="another weekday",
        ),
        pytest.param(
            a_case(replace(by_date(1, 31), text="Month day-1")),
            "2026-04-30 00:30:00 UTC 1 times, not 0",
            id="the last day for the 31st",
        ),
        pytest.param(
            a_case(replace(by_weekday(1, [2], [1]), text="Month Second Tuesday Offset1")),
            "2026-03-10 01:30:00 UTC 0 times, not 1",
            id="another offset",
        ),
    ],
)
def test_what_differs_from_the_oracle_is_told(case: Case, sentence: str) -> None:
    for look in (compare, compare_back):
        (told,) = look([case], zone=BERLIN, timeline=OF_BERLIN).differences
        assert sentence in told


def test_hours_that_differ_from_the_oracle_are_told() -> None:
    elsewhere = Timeline.of(ZoneInfo("America/New_York"), YEAR)
    case = Case(starts=SPRING.before - AROUND, expires=SPRING.before, hours=7)
    assert compare([case], zone=BERLIN, timeline=OF_BERLIN).differences == []
    assert compare([case], zone=BERLIN, timeline=elsewhere).differences != []


def test_look_that_differs_from_the_oracle_is_told() -> None:
    elsewhere = Timeline.of(ZoneInfo("America/New_York"), YEAR)
    case, asked = a_case(daily()), instants_around(SPRING)
    assert compare_looks([case], asked=asked, zone=BERLIN, timeline=OF_BERLIN).differences == []
    assert compare_looks([case], asked=asked, zone=BERLIN, timeline=elsewhere).differences != []


def test_oracle_that_differs_from_dateutil_is_told() -> None:
    case = a_case(replace(daily(), rfc="FREQ=DAILY;INTERVAL=2"))
    (told,) = compare([case], zone=BERLIN, timeline=OF_BERLIN).differences
    assert told == "1Days from 2026-03-01: the oracle and dateutil differ on 2026-03-02."


def test_what_agrees_is_counted() -> None:
    tally = compare([a_case(daily())], zone=BERLIN, timeline=OF_BERLIN)
    assert (tally.windows, tally.occurrences, tally.days_witnessed) == (1, 61, 61)
