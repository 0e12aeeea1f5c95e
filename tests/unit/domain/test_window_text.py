"""The texts of a maintenance window's wall clocks and duration: what is read, and what is refused."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.window import parse_duration, parse_wall_clock
from shared.errors import InvalidRequestError

RECORDED = json.loads(Path("tests/data/recorded_windows.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("member", ["startDateTime", "expirationDateTime"])
def test_recorded_wall_clocks_are_read(member: str) -> None:
    texts = RECORDED[member]
    assert [f"{parse_wall_clock(text):%Y-%m-%d %H:%M}" for text in texts] == texts


@pytest.mark.parametrize("text", RECORDED["duration"])
def test_recorded_durations_are_read(text: str) -> None:
    assert str(parse_duration(text)) == f"{text.removeprefix('0')}:00"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("2025-06-01", id="no time"),
        pytest.param("2025-6-1 10:00", id="short numbers"),
        pytest.param("2025-06-01T10:00", id="a T"),
        pytest.param("2025-06-01 10:00Z", id="a zone"),
        pytest.param("2025-06-01 24:00", id="hour 24"),
        pytest.param("2025-02-29 10:00", id="a day that does not exist"),
        pytest.param("0000-01-01 10:00", id="year zero"),
        pytest.param("01/06/2025 10:00", id="another order"),
        pytest.param("\N{ARABIC-INDIC DIGIT TWO}025-06-01 10:00", id="foreign digit"),
    ],
)
def test_other_wall_clocks_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_wall_clock(text)


@pytest.mark.parametrize("text", ["01:00", "23:59", " 03:55 "])
def test_durations_from_one_hour_to_a_day_are_read(text: str) -> None:
    hours, minutes = text.strip().split(":")
    assert parse_duration(text) == timedelta(hours=int(hours), minutes=int(minutes))


@pytest.mark.parametrize(
    "text", ["", "00:59", "24:00", "1:30", "01:60", "02:00:00", "PT2H", "-2:00", "99:99"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="from 01:00 to 23:59"):
        parse_duration(text)
