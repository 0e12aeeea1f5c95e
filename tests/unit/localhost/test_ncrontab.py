from datetime import UTC, datetime

import pytest

from localhost.functions.ncrontab import Ncrontab


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0 * * * * *", "2026-01-01T12:01:00", id="each minute"),
        pytest.param("*/15 * * * * *", "2026-01-01T12:00:15", id="each quarter of a minute"),
        pytest.param("30 5/10 * * * *", "2026-01-01T12:05:30", id="from five on, every ten"),
        pytest.param("0 0 2-4 * * *", "2026-01-02T02:00:00", id="a range of hours"),
        pytest.param("0 30 9 * * MON-FRI", "2026-01-02T09:30:00", id="names of weekdays"),
        pytest.param("0 0 0 * * 0", "2026-01-04T00:00:00", id="Sunday is zero"),
        pytest.param("0 0 0 1 jan,Jul *", "2026-07-01T00:00:00", id="names of months"),
        pytest.param("0 0 0 29 2 *", "2028-02-29T00:00:00", id="leap day"),
        pytest.param("*/5 * * * *", "2026-01-01T12:05:00", id="five fields have no seconds"),
    ],
)
def test_next_occurrence_of_six_fields(text: str, expected: str) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert Ncrontab(text).next_after(noon) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_next_occurrence_lies_after_the_instant_even_within_its_second() -> None:
    just_past = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
    assert Ncrontab("0 * * * * *").next_after(just_past) == just_past.replace(
        minute=1, microsecond=0
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("0 0 0 13 * FRI", "a day with a weekday", id="day and weekday"),
        pytest.param("0 0 0 * * 7", "0 to 6", id="seven for Sunday"),
        pytest.param("0 0 0 * * 5-7", "0 to 6", id="seven in a range"),
        pytest.param("0 0 0 L * *", "not NCRONTAB", id="last day"),
        pytest.param("0 0 0 15W * *", "not NCRONTAB", id="nearest working day"),
        pytest.param("0 0 0 * * 2#1", "not NCRONTAB", id="first Tuesday"),
        pytest.param("0 0 0 ? * *", "not NCRONTAB", id="question mark"),
        pytest.param("00:05:00", "not NCRONTAB", id="TimeSpan"),
        pytest.param("* * * *", "not NCRONTAB", id="four fields"),
        pytest.param("0 61 * * * *", "not NCRONTAB", id="minute 61"),
        pytest.param("0 0 0 30 2 *", "not NCRONTAB", id="30 February"),
    ],
)
def test_what_would_mean_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ncrontab(text)


@pytest.mark.parametrize(
    ("text", "often"),
    [
        pytest.param("0 * * * * *", False, id="each minute"),
        pytest.param("*/30 * * * * *", True, id="twice a minute"),
        pytest.param("0,59 0 * * * *", True, id="twice in one minute of the hour"),
    ],
)
def test_more_than_once_a_minute_is_often(text: str, often: bool) -> None:
    assert Ncrontab(text).often() is often
