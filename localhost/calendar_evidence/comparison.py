"""One window, its occurrences as Muster finds them beside what the references say."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from localhost.calendar_evidence.references import days, days_of_rfc, hours, instants
from localhost.calendar_evidence.rules import Rule
from localhost.calendar_evidence.timeline import Timeline
from shared.domain.recurrence import parse_recurrence
from shared.domain.time_zones import EARLIEST, LATEST
from shared.domain.window import MaintenanceWindow

_LASTS = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A window of a rule by days, or of every `hours` hours; `starts` and `expires` are wall clocks."""

    starts: datetime
    expires: datetime
    rule: Rule | None = None
    hours: int = 0

    @property
    def text(self) -> str:
        """The `recurEvery`."""
        return self.rule.text if self.rule else f"{self.hours}Hours"

    def window(self, zone: ZoneInfo) -> MaintenanceWindow:
        """As Muster reads it."""
        return MaintenanceWindow(
            starts=self.starts,
            expires=self.expires,
            duration=_LASTS,
            time_zone=zone,
            recurrence=parse_recurrence(self.text),
        )

    def expected(self, timeline: Timeline) -> list[datetime]:
        """As the oracle has it."""
        if self.rule is None:
            return list(
                hours(timeline, self.starts, every=self.hours, expires=self.expires),
            )
        found = days(self.rule, self.starts.date(), until=self.expires.date())
        return instants(timeline, found, at=self.starts.time(), expires=self.expires)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has been compared: `windows`, their `occurrences`, days with `dateutil`; and what differed, in words."""

    windows: int = 0
    occurrences: int = 0
    days_witnessed: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count that one too."""
        self.windows += other.windows
        self.occurrences += other.occurrences
        self.days_witnessed += other.days_witnessed
        self.differences += other.differences


def compare(cases: Iterable[Case], *, zone: ZoneInfo, timeline: Timeline) -> Tally:
    """Each window's occurrences onward from the beginning: each instant once, ascending."""
    tally = Tally()
    for case in cases:
        found = list(case.window(zone).between(EARLIEST, LATEST))
        _count(tally, case, zone, found=found, expected=case.expected(timeline))
        _witness(tally, case)
    return tally


def compare_back(cases: Iterable[Case], *, zone: ZoneInfo, timeline: Timeline) -> Tally:
    """The same occurrences looked up one by one, back from the end."""
    tally = Tally()
    for case in cases:
        found = list(_backwards(case.window(zone)))[::-1]
        _count(tally, case, zone, found=found, expected=case.expected(timeline))
    return tally


def compare_looks(
    cases: Iterable[Case], *, asked: Sequence[datetime], zone: ZoneInfo, timeline: Timeline
) -> Tally:
    """The occurrences before and after the instants *asked*."""
    tally = Tally()
    for case in cases:
        window, expected = case.window(zone), case.expected(timeline)
        for instant in asked:
            at = bisect_right(expected, instant)
            found = (window.previous_at(instant), window.next_after(instant))
            if found != (_at(expected, at - 1), _at(expected, at)):
                subject = f"{zone.key}, {case.text or 'one time'} from {case.starts}"
                tally.differences.append(f"{subject}: asked at {instant}, {found}.")
    return tally


def _at(expected: Sequence[datetime], place: int) -> datetime | None:
    return expected[place] if 0 <= place < len(expected) else None


def _count(
    tally: Tally,
    case: Case,
    zone: ZoneInfo,
    *,
    found: Sequence[datetime],
    expected: Sequence[datetime],
) -> None:
    tally.windows += 1
    tally.occurrences += len(expected)
    if found != expected:
        subject = f"{zone.key}, {case.text or 'one time'} from {case.starts}"
        tally.differences.append(f"{subject}: {_difference(Counter(found), Counter(expected))}")


def _difference(found: Counter[datetime], expected: Counter[datetime]) -> str:
    for at in sorted({*found, *expected}):
        if found[at] != expected[at]:
            return f"{at:%Y-%m-%d %H:%M:%S} UTC {found[at]} times, not {expected[at]}."
    return "the right instants in another order."


def _witness(tally: Tally, case: Case) -> None:
    if case.rule is None:
        return
    start, until = case.starts.date(), case.expires.date()
    ours = days(case.rule, start, until=until)
    theirs = days_of_rfc(case.rule, start, until=until)
    tally.days_witnessed += len(theirs)
    if ours != theirs:
        day = min({*ours} ^ {*theirs})
        tally.differences.append(
            f"{case.text} from {start}: the oracle and dateutil differ on {day}."
        )


def _backwards(window: MaintenanceWindow) -> Iterator[datetime]:
    occurrence = window.previous_at(LATEST)
    while occurrence is not None:
        yield occurrence
        occurrence = window.previous_at(occurrence - timedelta.resolution)
