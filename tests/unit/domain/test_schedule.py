"""What is due after a pause: the latest occurrence starts if enough of its window is left, the others are missed."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.recurrence import parse_recurrence
from shared.domain.schedule import due, next_due
from shared.domain.time_zones import EARLIEST, LATEST, parse_time_zone
from shared.domain.window import MaintenanceWindow, parse_duration, parse_wall_clock


def _window(recurrence: str = "Day", duration: str = "02:00") -> MaintenanceWindow:
    return MaintenanceWindow(
        starts=parse_wall_clock("2025-06-01 10:00"),
        duration=parse_duration(duration),
        time_zone=parse_time_zone("UTC"),
        recurrence=parse_recurrence(recurrence),
    )


def _june(text: str) -> datetime:
    """An instant in June 2025, given as `day hour:minute`."""
    return datetime.fromisoformat(f"2025-06-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "start", "missed"),
    [
        pytest.param("02 09:59", None, [], id="nothing is due"),
        pytest.param("02 10:00", "02 10:00", [], id="due exactly now"),
        pytest.param("02 11:35", "02 10:00", [], id="late, just enough is left"),
        pytest.param("02 11:36", None, ["02 10:00"], id="late, too little is left"),
        pytest.param("02 20:00", None, ["02 10:00"], id="the window is over"),
        pytest.param("04 10:30", "04 10:00", ["02 10:00", "03 10:00"], id="several days down"),
        pytest.param("03 13:00", None, ["02 10:00", "03 10:00"], id="down past every window"),
    ],
)
def test_only_the_latest_starts_and_all_others_are_missed(
    until: str, start: str | None, missed: list[str]
) -> None:
    found = due(_window(), after=_june("01 10:00"), not_before=EARLIEST, until=_june(until))
    assert found.start == (_june(start) if start else None)
    assert list(found.missed) == [_june(text) for text in missed]


def test_an_earlier_window_that_is_still_open_gives_way_to_the_latest() -> None:
    window = _window("1Hour", duration="08:00")
    found = due(window, after=_june("01 11:30"), not_before=EARLIEST, until=_june("01 14:30"))
    assert found.start == _june("01 14:00")
    assert list(found.missed) == [_june("01 12:00"), _june("01 13:00")]


def test_no_earlier_occurrence_can_start_when_the_latest_cannot() -> None:
    window = _window("1Hour", duration="01:00")
    for minutes in range(180):
        until = _june("01 12:00") + timedelta(minutes=minutes)
        found = due(window, after=_june("01 09:00"), not_before=EARLIEST, until=until)
        startable = [
            occurrence
            for occurrence in window.between(_june("01 09:00"), until)
            if occurrence + window.duration - until >= timedelta(minutes=25)
        ]
        assert found.start == max(startable, default=None)


@pytest.mark.parametrize(
    ("after", "not_before", "found"),
    [
        pytest.param("02 10:00", "01 00:00", ["03 10:00"], id="what is handled is over"),
        pytest.param("02 09:59", "01 00:00", ["02 10:00", "03 10:00"], id="just after"),
        pytest.param("01 00:00", "02 10:00", ["02 10:00", "03 10:00"], id="at the floor"),
        pytest.param("01 00:00", "02 10:01", ["03 10:00"], id="below the floor"),
        pytest.param("02 10:00", "02 10:00", ["03 10:00"], id="handled at the floor"),
        pytest.param("01 00:00", "04 00:00", [], id="created after all of them"),
        pytest.param("05 00:00", "01 00:00", [], id="handled up to after now"),
    ],
)
def test_what_is_handled_and_what_lies_before_the_creation_never_fires(
    after: str, not_before: str, found: list[str]
) -> None:
    interval = due(
        _window(), after=_june(after), not_before=_june(not_before), until=_june("03 10:00")
    )
    started = [interval.start] if interval.start else []
    assert [*interval.missed, *started] == [_june(text) for text in found]


def test_least_remaining_is_the_caller_s_to_say() -> None:
    found = due(
        _window(),
        after=_june("01 10:00"),
        not_before=EARLIEST,
        until=_june("02 11:35"),
        least_remaining=timedelta(minutes=26),
    )
    assert found.start is None


def test_missed_can_be_read_again_and_page_by_page() -> None:
    found = due(_window("1Hour"), after=EARLIEST, not_before=EARLIEST, until=LATEST)
    assert next(found.missed) == next(found.missed) == _june("01 10:00")


@pytest.mark.parametrize(
    ("after", "not_before", "expected"),
    [
        pytest.param("02 10:00", "01 00:00", "03 10:00", id="after what is handled"),
        pytest.param("01 00:00", "02 10:00", "02 10:00", id="at the floor"),
        pytest.param("01 00:00", "02 10:01", "03 10:00", id="after the floor"),
    ],
)
def test_next_due_obeys_the_same_floor(after: str, not_before: str, expected: str) -> None:
    found = next_due(_window(), after=_june(after), not_before=_june(not_before))
    assert found == _june(expected)


def test_nothing_is_due_after_a_one_time_window() -> None:
    assert next_due(_window(""), after=_june("01 10:00"), not_before=EARLIEST) is None
