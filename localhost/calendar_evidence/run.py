"""All zones, many years: what is compared once, by as many processes as there are cores, and the report.

Zones whose clocks changed alike are one *timeline* and compared once; so is one change of clocks, with the others
within 40 days of it, that many timelines share.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from localhost.calendar_evidence.cases import (
    AROUND,
    OFFSETS,
    around,
    for_single_looks,
    in_month,
    instants_around,
    month_shapes,
    whole_years,
)
from localhost.calendar_evidence.comparison import Tally, compare, compare_back, compare_looks
from localhost.calendar_evidence.timeline import Change, Timeline

YEARS = range(2010, 2040)
"""Thirty: Newfoundland sets its clocks back over midnight in the first, Samoa has no 30 December in the second."""
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarReport:
    """What was compared, and every difference in words."""

    zones: int
    timelines: int
    changes: int
    month_shapes: int
    windows: int
    occurrences: int
    days_witnessed: int
    differences: tuple[str, ...]
    took: timedelta

    @property
    def holds(self) -> bool:
        """Whether nothing differs, and anything was compared."""
        return not self.differences and self.occurrences > 0

    def __str__(self) -> str:
        return (
            f"{self.zones} zones ({self.timelines} that differ, {self.changes} different changes of clocks), "
            f"{self.month_shapes} shapes of months: {self.occurrences} occurrences of {self.windows} windows are as "
            f"the oracle has them, {self.days_witnessed} days as dateutil has them; {len(self.differences)} differences"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """What there is to compare: one zone for each timeline, and changes, each with a zone that had it."""

    zones: tuple[str, ...]
    changes: tuple[tuple[str, Change], ...]


def run_calendar(zones: Sequence[str] = (), years: range = YEARS) -> CalendarReport:
    """Compare every kind of recurrence in these zones (none: in all that there are) over these years.

    It takes minutes, on all cores.
    """
    started, names = time.perf_counter(), zones or sorted(available_timezones())
    found = distinct(names, years)
    shapes = month_shapes(years)
    work: list[tuple[Callable[..., Tally], tuple[object, ...]]] = [
        *((over_years, (zone, years)) for zone in found.zones),
        *((over_changes, (some, years)) for some in _by_zone(found.changes)),
        *((over_month, (first, OFFSETS)) for first in shapes),
    ]
    tally = Tally()
    # A new interpreter each: to fork one that has threads is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for future in [pool.submit(do, *arguments) for do, arguments in work]:
            tally.add(future.result())
    return report(names, found, tally, shapes=len(shapes), since=started)


def report(
    zones: Sequence[str], found: Distinct, tally: Tally, *, shapes: int, since: float
) -> CalendarReport:
    """The tally in its report; *since* is what `time.perf_counter` said at the beginning."""
    return CalendarReport(
        zones=len(zones),
        timelines=len(found.zones),
        changes=len(found.changes),
        month_shapes=shapes,
        windows=tally.windows,
        occurrences=tally.occurrences,
        days_witnessed=tally.days_witnessed,
        differences=tuple(tally.differences),
        took=timedelta(seconds=time.perf_counter() - since),
    )


def distinct(zones: Sequence[str], years: range) -> Distinct:
    """The timelines that differ, and the changes that differ."""
    by_spans: dict[object, str] = {}
    by_change: dict[object, tuple[str, Change]] = {}
    for name in zones:
        timeline = Timeline.of(ZoneInfo(name), years)
        if by_spans.setdefault(timeline.spans, name) != name:
            continue
        for change in changes_in(timeline, years):
            near = tuple(
                (other.at - change.at, other.before, other.after)
                for other in timeline.changes()
                if abs(other.at - change.at) <= 2 * AROUND
            )
            by_change.setdefault(near, (name, change))
    return Distinct(zones=tuple(by_spans.values()), changes=tuple(by_change.values()))


def one_of_each_rule(found: Distinct) -> list[tuple[str, Change]]:
    """Of changes that differ by their year or their place alone, as most rules make one a year, the first."""
    by_rule: dict[object, tuple[str, Change]] = {}
    for zone, change in found.changes:
        begin = change.before
        rule = (begin.month, begin.weekday(), begin.time(), change.after - begin)
        by_rule.setdefault(rule, (zone, change))
    return list(by_rule.values())


def changes_in(timeline: Timeline, years: range) -> Iterator[Change]:
    """Those within the years."""
    first, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (years.start, years.stop))
    return (change for change in timeline.changes() if first <= change.at < end)


def over_years(zone: str, years: range) -> Tally:
    """One zone, all the years."""
    key = ZoneInfo(zone)
    timeline = Timeline.of(key, years)
    return compare(whole_years(timeline, years), zone=key, timeline=timeline)


def over_changes(changes: Sequence[tuple[str, Change]], years: range) -> Tally:
    """Some changes of one zone."""
    key = ZoneInfo(changes[0][0])
    # A change in the first days of the first year looks back into the year before.
    timeline = Timeline.of(key, range(years.start - 1, years.stop))
    tally = Tally()
    for _, change in changes:
        tally.add(compare(around(change), zone=key, timeline=timeline))
        looks, asked = list(for_single_looks(change)), instants_around(change)
        tally.add(compare_back(looks, zone=key, timeline=timeline))
        tally.add(compare_looks(looks, asked=asked, zone=key, timeline=timeline))
    return tally


def over_month(first: date, offsets: tuple[int, ...]) -> Tally:
    """One month, and those around it."""
    timeline = Timeline.of(_UTC, range(first.year - 1, first.year + 2))
    return compare(in_month(first, offsets=offsets), zone=_UTC, timeline=timeline)


def _by_zone(changes: Sequence[tuple[str, Change]]) -> list[list[tuple[str, Change]]]:
    zones: dict[str, list[tuple[str, Change]]] = {}
    for zone, change in changes:
        zones.setdefault(zone, []).append((zone, change))
    return list(zones.values())
