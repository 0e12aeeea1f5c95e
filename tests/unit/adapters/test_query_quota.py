"""Resource Graph's quota: a query that would be refused is held back, and nothing else is."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from localhost.simulation.timeline import Timeline, run_on
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.arm_policies import QueryQuota
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
        pytest.param(left(0, "00:01:02"), 10, id="none left, and a wait that nobody can mean"),
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


class ClockOf:
    """A timeline's time, which goes on when all wait: a slow computer changes nothing."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.now = timeline.now

    async def sleep(self, delay: timedelta) -> None:
        over = asyncio.Event()
        self._timeline.after(delay, over.set)
        await over.wait()


@dataclass(slots=True)
class Graph:
    """Fifteen queries in each window of five seconds, from its first; it takes a third of a second to answer."""

    clock: ClockOf
    window: datetime = WINDOW_OPENS - timedelta(days=1)
    used: int = 0
    refused: int = 0

    async def send(self, _request: object) -> Any:
        at = self.clock.now()
        await self.clock.sleep(timedelta(seconds=0.3))
        if at - self.window >= timedelta(seconds=5):
            self.window, self.used = at, 0
        self.used += 1
        self.refused += self.used > 15
        left = self.window + timedelta(seconds=5) - self.clock.now()
        headers = {
            "x-ms-user-quota-remaining": f"{max(0, 15 - self.used)}",
            "x-ms-user-quota-resets-after": f"00:00:0{max(0.0, left.total_seconds()):.3f}",
        }
        return SimpleNamespace(http_response=SimpleNamespace(headers=headers))


@pytest.mark.parametrize("before", [0, 15], ids=["before the first reply", "after an empty quota"])
def test_many_who_ask_at_once_are_let_through_by_fifteens(before: int) -> None:
    timeline = Timeline(WINDOW_OPENS)
    graph = Graph(ClockOf(timeline))

    async def work() -> None:
        quota = QueryQuota(graph.clock)
        quota.next = cast(Any, graph)
        request: Any = SimpleNamespace(http_request=SimpleNamespace(url=f"https://azure{PATH}"))
        for _ in range(before):
            await quota.send(request)
        await asyncio.gather(*(quota.send(request) for _ in range(60)))

    run_on(timeline, work())
    assert graph.refused == 0
