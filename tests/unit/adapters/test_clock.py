"""The real clock."""

from datetime import timedelta

from shared.adapters.clock import SystemClock


def test_now_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


async def test_sleeping_lets_time_pass_and_never_goes_back() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(timedelta(milliseconds=20))
    await clock.sleep(timedelta(seconds=-5))
    assert clock.now() - before >= timedelta(milliseconds=19)
