"""Texts of windows: every record survives being written and read, and every text is read or refused."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.recurrence import Recurrence, format_recurrence, parse_recurrence
from shared.domain.time_zones import parse_time_zone
from shared.domain.window import parse_duration, parse_wall_clock
from shared.errors import InvalidRequestError
from tests.property.strategies_time import UNTIMED, recurrences

_PIECES = st.sampled_from(
    [
        *("1", "35", "36", "0", "-1", "٣", "²", ",", " ", "+", "-", ":", "/", ".."),
        *("Hour", "Days", "Week", "months", "day", "day31", "Offset", "Offset4"),
        *("First", "Last", "Monday", "SUNDAY", "UTC", "Europe", "Standard Time", "2025-01-01"),
    ]
)
_TEXTS = st.text() | st.lists(_PIECES, max_size=8).map("".join)


@given(recurrences)
@UNTIMED
def test_what_is_written_is_read_as_the_same(recurrence: Recurrence) -> None:
    assert parse_recurrence(format_recurrence(recurrence)) == recurrence


@given(recurrences, st.data())
@UNTIMED
def test_case_and_spaces_change_nothing(recurrence: Recurrence, data: st.DataObject) -> None:
    text = format_recurrence(recurrence)
    spaces = st.sampled_from(["", " ", "\t  "])
    loose = text.replace(",", f"{data.draw(spaces)},{data.draw(spaces)}").replace(" ", "  ")
    sloppy = f"{data.draw(spaces)}{loose.swapcase()}{data.draw(spaces)}"
    assert parse_recurrence(sloppy) == recurrence


@pytest.mark.parametrize(
    "parse",
    [parse_recurrence, parse_time_zone, parse_wall_clock, parse_duration],
    ids=["recurrence", "time zone", "wall clock", "duration"],
)
@example(text="9" * 5000)
@example(text="9" * 5000 + "Hours")
@example(text="\ud800")
@given(text=_TEXTS)
@UNTIMED
def test_any_text_is_read_or_refused(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except InvalidRequestError as error:
        assert error.message  # noqa: PT017 - being refused is one of the two good ends
