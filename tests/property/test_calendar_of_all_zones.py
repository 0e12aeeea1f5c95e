"""The calendar of every time zone, against an oracle and `dateutil`; over all years it is a part of the evidence."""

from datetime import date
from zoneinfo import available_timezones

import pytest

from localhost.calendar_evidence.cases import month_shapes
from localhost.calendar_evidence.run import (
    YEARS,
    distinct,
    one_of_each_rule,
    over_changes,
    over_month,
    over_years,
    run_calendar,
)

SOME_OFFSETS = (-27, -6, 0, 4, 27)


def test_every_kind_falls_once_around_each_rule_by_which_clocks_change() -> None:
    found = one_of_each_rule(distinct(sorted(available_timezones()), YEARS))
    assert len(found) > 50
    for zone, change in found:
        tally = over_changes([(zone, change)], YEARS)
        assert tally.differences == []
        assert tally.occurrences > 1000


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Africa/Casablanca"])
def test_every_kind_falls_once_over_thirty_years(zone: str) -> None:
    tally = over_years(zone, YEARS)
    assert tally.differences == []
    assert tally.occurrences > 20_000


@pytest.mark.parametrize("first", month_shapes(YEARS), ids=str)
def test_month_of_each_shape_has_its_days(first: date) -> None:
    tally = over_month(first, SOME_OFFSETS)
    assert tally.differences == []
    assert tally.occurrences > 500


def test_years_have_all_28_shapes_of_months() -> None:
    assert len(month_shapes(YEARS)) == 28


def test_zones_that_change_alike_are_compared_once() -> None:
    report = run_calendar(["Europe/Berlin", "Europe/Paris", "UTC", "Etc/UTC"], range(2026, 2027))
    assert (report.zones, report.timelines, report.changes) == (4, 2, 2)
    assert report.holds
