"""Resource Graph's quota: a query that would be refused is held back, and nothing else is."""

from datetime import timedelta

import pytest

from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.memory.clock import MemoryClock
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS
from tests.unit.adapters.wire import Answer, wire

PATH = "/providers/Microsoft.ResourceGraph/resources"


def left(count: int, after: str = "00:00:05") -> Answer:
    headers = {"x-ms-user-quota-remaining": f"{count}", "x-ms-user-quota-resets-after": after}
    return Answer(headers=headers, body={"data": []})


async def asked(*script: Answer, queries: int = 2) -> timedelta:
    """How long the client's clock was slept on while it put so many queries."""
    clock = MemoryClock(WINDOW_OPENS)
    async with (
        wire(*script) as served,
        ArmClient(served.url, StaticCredential(), clock=clock) as arm,
    ):
        for _ in range(queries):
            await arm.ask(PATH, {}, api_version="v")
            await arm.get("/subscriptions/s", api_version="v")
    return clock.now() - WINDOW_OPENS


@pytest.mark.parametrize(
    ("answer", "waited"),
    [
        pytest.param(left(14), 0, id="enough left"),
        pytest.param(left(1), 0, id="one left"),
        pytest.param(left(0), 5, id="none left"),
        pytest.param(left(0, "00:01:02"), 62, id="none left, and a long wait"),
        pytest.param(left(0, "00:00:01.5"), 2, id="a part of a second is rounded up"),
        pytest.param(left(0, "soon"), 5, id="a wait that can't be read"),
        pytest.param(Answer(body={"data": []}), 0, id="no word"),
    ],
)
async def test_a_query_waits_for_the_quota_that_the_last_reply_has_shown(
    answer: Answer, waited: int
) -> None:
    assert await asked(answer) == timedelta(seconds=waited)


async def test_without_a_word_fifteen_queries_are_sent_at_once() -> None:
    assert await asked(Answer(body={"data": []}), queries=15) == timedelta()


async def test_a_reset_gives_the_whole_quota_back() -> None:
    assert await asked(left(0), left(14), queries=10) == timedelta(seconds=5)


async def test_repeats_are_paced_by_the_apps_clock() -> None:
    clock = MemoryClock(WINDOW_OPENS)
    refused = Answer(status=429, headers={"Retry-After": "3"})
    async with (
        wire(refused) as served,
        ArmClient(served.url, StaticCredential(), clock=clock, repeats=2) as arm,
    ):
        with pytest.raises(UnavailableError):
            await arm.ask(PATH, {}, api_version="v")
    assert clock.now() - WINDOW_OPENS == timedelta(seconds=6)
