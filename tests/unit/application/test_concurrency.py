"""Several things at once, never more than a stated number."""

import asyncio
import gc
from collections.abc import Awaitable

import pytest

from shared.application.concurrency import gather_bounded


class Work:
    """Calls that wait until they are let go, and the most that were under way at once."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.cancelled = 0

    async def do(self, number: int) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.running -= 1
        if number < 0:
            raise LookupError(number)
        return number


@pytest.mark.parametrize("count", [0, 1, 3, 50])
async def test_answers_come_in_the_order_of_the_calls(count: int) -> None:
    work = Work()
    assert await gather_bounded((work.do(n) for n in range(count)), 3) == list(range(count))
    assert work.most == min(count, 3)


async def test_first_error_is_raised_as_it_is_and_cancels_the_others() -> None:
    work = Work()

    async def fail() -> int:
        raise LookupError("first")

    calls: list[Awaitable[int]] = [work.do(1), fail(), work.do(2)]
    with pytest.raises(LookupError, match="first"):
        await gather_bounded(calls, 3)
    assert work.cancelled + work.running >= 1


async def test_call_whose_turn_never_came_was_never_made() -> None:
    made = []

    async def call(number: int) -> int:
        made.append(number)
        raise LookupError(number)

    with pytest.raises(LookupError):
        await gather_bounded((call(n) for n in range(100)), 2)
    gc.collect()  # a coroutine that nobody awaited would be reported here
    assert made == [0, 1]
