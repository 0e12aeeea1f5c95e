from datetime import timedelta

from localhost.functions.back_off import BackOff


def _milliseconds(back_off: BackOff, polls: int) -> list[float]:
    return [back_off.next() / timedelta(milliseconds=1) for _ in range(polls)]


def test_waits_double_from_a_tenth_of_a_second_up_to_the_longest() -> None:
    back_off = BackOff(timedelta(seconds=2), uniform=lambda low, high: 1.0)
    assert _milliseconds(back_off, 7) == [100, 200, 300, 500, 900, 1700, 2000]


def test_waits_are_spread_by_a_fifth_either_way() -> None:
    asked: list[tuple[float, float]] = []

    def lowest(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert _milliseconds(BackOff(timedelta(seconds=2), uniform=lowest), 3) == [100, 180, 260]
    assert asked == [(0.8, 1.2)] * 2


def test_a_batch_starts_it_again() -> None:
    back_off = BackOff(timedelta(seconds=2))
    _milliseconds(back_off, 5)
    back_off.reset()
    assert _milliseconds(back_off, 1) == [100]


def test_a_night_of_empty_polls_stays_at_the_longest() -> None:
    back_off = BackOff(timedelta(seconds=2))
    assert _milliseconds(back_off, 20_000)[-1] == 2000
