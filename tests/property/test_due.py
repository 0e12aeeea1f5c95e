"""What is due does not depend on when, or how often, one looks."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.schedule import due
from shared.domain.time_zones import EARLIEST
from shared.domain.window import MaintenanceWindow
from tests.property.strategies_time import UNTIMED, instants_near, windows

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def _found(window: MaintenanceWindow, passes: list[datetime]) -> tuple[set[datetime], int]:
    """All that the passes start or record as missed, and how many times they do."""
    found = set[datetime]()
    times = 0
    for after, until in pairwise(passes):
        interval = due(window, after=after, not_before=EARLIEST, until=until)
        each = [*interval.missed, *([interval.start] if interval.start else [])]
        found.update(each)
        times += len(each)
    return found, times


@given(windows(), st.data())
@UNTIMED
def test_every_occurrence_is_found_once_whatever_the_cadence(
    window: MaintenanceWindow, data: st.DataObject
) -> None:
    begin = data.draw(instants_near(window))
    gaps = st.timedeltas(timedelta(), timedelta(days=9))
    irregular = [begin]
    for gap in data.draw(st.lists(gaps, min_size=1, max_size=12)):
        irregular.append(irregular[-1] + gap)
    once = [begin, irregular[-1]]
    expected = set(window.between(*once))
    assert _found(window, irregular) == (expected, len(expected))
    assert _found(window, once) == (expected, len(expected))


@given(windows(), st.data())
@UNTIMED
def test_every_minute_starts_all_and_misses_none(
    window: MaintenanceWindow, data: st.DataObject
) -> None:
    begin = data.draw(instants_near(window))
    minutes = [begin + number * _MINUTE for number in range(121)]
    intervals = [
        due(window, after=after, not_before=EARLIEST, until=until)
        for after, until in pairwise(minutes)
    ]
    assert not [missed for interval in intervals for missed in interval.missed]
    started = [interval.start for interval in intervals if interval.start]
    assert started == list(window.between(begin, minutes[-1]))


@given(windows(), st.data())
@UNTIMED
def test_what_starts_is_the_latest_and_has_enough_left(
    window: MaintenanceWindow, data: st.DataObject
) -> None:
    after = data.draw(instants_near(window))
    floor = after + data.draw(st.timedeltas(-_HOUR, 24 * _HOUR))
    until = after + data.draw(st.timedeltas(timedelta(), 72 * _HOUR))
    interval = due(window, after=after, not_before=floor, until=until)
    in_question = [o for o in window.between(after, until) if o >= floor]
    startable = [o for o in in_question if o + window.duration - until >= timedelta(minutes=25)]
    assert interval.start == max(startable, default=None)
    assert list(interval.missed) == [o for o in in_question if o != interval.start]
