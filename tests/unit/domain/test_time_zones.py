"""Time zones: the names that are understood, and what their clocks show around a change."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tzlocal.windows_tz import win_tz

from shared.domain.time_zones import (
    EARLIEST,
    LATEST,
    first_instant,
    instants_around,
    parse_time_zone,
    skips_day_of,
    wall_clock_at,
)
from shared.errors import InvalidRequestError

RECORDED = json.loads(Path("tests/data/recorded_windows.json").read_text(encoding="utf-8"))
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")


def _wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("Pacific Standard Time", "America/Los_Angeles", id="Windows"),
        pytest.param("w. europe standard time", "Europe/Berlin", id="Windows in lower case"),
        pytest.param("UTC-11", "Etc/GMT+11", id="Windows offset, whose sign IANA turns round"),
        pytest.param("utc+12", "Etc/GMT-12", id="Windows offset to the east"),
        pytest.param("Europe/Berlin", "Europe/Berlin", id="IANA"),
        pytest.param("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires", id="deep"),
        pytest.param(" Tokyo  Standard Time ", "Asia/Tokyo", id="spaces"),
    ],
)
def test_names_are_read_without_case(name: str, key: str) -> None:
    assert parse_time_zone(name).key == key


def test_utc_is_utc() -> None:
    assert wall_clock_at(datetime(2025, 7, 1, tzinfo=UTC), parse_time_zone("UTC")) == _wall(
        "2025-07-01"
    )


@pytest.mark.parametrize("name", [*RECORDED["timeZone"], *win_tz])
def test_recorded_names_and_all_of_windows_are_known(name: str) -> None:
    assert parse_time_zone(name.swapcase()) == parse_time_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="a dot"),
        pytest.param("Europe", id="a directory"),
        pytest.param("Europe/", id="a directory with its slash"),
        pytest.param("../../etc/passwd", id="a path upward"),
        pytest.param("/etc/localtime", id="an absolute path"),
        pytest.param("Europe/../Europe/Berlin", id="a path around"),
        pytest.param("zone.tab", id="a file that is no zone"),
        pytest.param("UTC\0", id="a null"),
        pytest.param("\ud800", id="half a character"),
        pytest.param("\N{KELVIN SIGN}orea Standard Time", id="a foreign letter"),
        pytest.param("Middle Earth Standard Time", id="an unknown name"),
        pytest.param("x" * 100_000, id="a very long name"),
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a time zone") as refused:
        parse_time_zone(name)
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("zone", "wall_clock", "instant"),
    [
        pytest.param(NEW_YORK, "2025-07-01 02:30", "2025-07-01 06:30", id="an ordinary day"),
        pytest.param(NEW_YORK, "2025-03-09 01:59", "2025-03-09 06:59", id="before a gap"),
        pytest.param(NEW_YORK, "2025-03-09 02:00", "2025-03-09 07:00", id="where a gap begins"),
        pytest.param(NEW_YORK, "2025-03-09 02:30", "2025-03-09 07:00", id="in a gap"),
        pytest.param(NEW_YORK, "2025-03-09 03:00", "2025-03-09 07:00", id="where a gap ends"),
        pytest.param(NEW_YORK, "2025-11-02 01:30", "2025-11-02 05:30", id="in an overlap"),
        pytest.param(NEW_YORK, "2025-11-02 02:00", "2025-11-02 07:00", id="after an overlap"),
        pytest.param(APIA, "2011-12-30 12:00", "2011-12-30 10:00", id="on a day that never was"),
    ],
)
def test_first_instant_at_which_clocks_show_it(
    zone: ZoneInfo, wall_clock: str, instant: str
) -> None:
    assert first_instant(_wall(wall_clock), zone) == _wall(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall_clock", "first", "second"),
    [
        pytest.param("2025-07-01 02:30", "2025-07-01 06:30", "2025-07-01 06:30", id="ordinary"),
        pytest.param("2025-11-02 01:30", "2025-11-02 05:30", "2025-11-02 06:30", id="overlap"),
        pytest.param("2025-03-09 02:30", "2025-03-09 06:30", "2025-03-09 07:30", id="gap"),
    ],
)
def test_instants_around_enclose_a_change(wall_clock: str, first: str, second: str) -> None:
    expected = tuple(_wall(text).replace(tzinfo=UTC) for text in (first, second))
    assert instants_around(_wall(wall_clock), NEW_YORK) == expected


@pytest.mark.parametrize(
    ("zone", "wall_clock", "skipped"),
    [
        pytest.param("Pacific/Apia", "2011-12-30 00:00", True, id="Apia skipped a day"),
        pytest.param("Pacific/Apia", "2011-12-30 23:59", True, id="to its last minute"),
        pytest.param("Pacific/Apia", "2011-12-29 23:59", False, id="the day before"),
        pytest.param("Pacific/Apia", "2011-12-31 00:00", False, id="the day after"),
        pytest.param("Pacific/Kwajalein", "1993-08-21 12:00", True, id="Kwajalein skipped one too"),
        pytest.param("America/Sao_Paulo", "2018-11-04 00:30", False, id="only midnight is missing"),
        pytest.param("America/Nuuk", "2025-03-29 23:30", False, id="only the last hour is missing"),
    ],
)
def test_only_whole_days_count_as_skipped(zone: str, wall_clock: str, *, skipped: bool) -> None:
    assert skips_day_of(_wall(wall_clock), ZoneInfo(zone)) is skipped


@pytest.mark.parametrize("key", ["Etc/GMT+12", "Etc/GMT-14", "America/New_York", "Asia/Tokyo"])
def test_ends_of_the_calendar_are_answered(key: str) -> None:
    zone = ZoneInfo(key)
    east = wall_clock_at(datetime(2025, 1, 1, tzinfo=UTC), zone) > _wall("2025-01-01")
    earliest = first_instant(EARLIEST.replace(tzinfo=None), zone)
    latest = first_instant(LATEST.replace(tzinfo=None), zone)
    assert earliest is not None
    assert (earliest == EARLIEST) is east
    assert (latest is not None) is east
    assert wall_clock_at(LATEST, zone) >= wall_clock_at(LATEST - timedelta(days=1), zone)
    assert wall_clock_at(EARLIEST, zone) <= wall_clock_at(EARLIEST + timedelta(days=1), zone)
