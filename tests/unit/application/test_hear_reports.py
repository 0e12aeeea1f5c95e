"""Hearing of installs in bulk: what ended comes together, whatever page it was on."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.domain.report import InstallReport
from shared.domain.run import Outcome
from shared.domain.updates import UpdateRecord
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)


class PagedFleet(MemoryFleet):
    """Bulk reports, one a page and at most `readable` of them, and what is asked of their updates."""

    readable = 1000

    def __init__(self, drill: Drill) -> None:
        super().__init__(drill.clock, list(drill.fleet.states.values()))
        self.asked: list[int] = []

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        pages = 0
        async for page in super().changed_since(instant, limit=1):
            if pages == self.readable:
                raise UnavailableError("Resource Graph is away.")
            pages += 1
            yield page

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        self.asked.append(len(expected))
        return await super().updates_of(expected, limit=limit)


async def a_paged_drill() -> tuple[Drill, PagedFleet]:
    """Four installs, of which the second and the last go on for hours."""
    drill = Drill([a_state(a_machine(f"vm-{number}")) for number in range(4)])
    drill.fleet = fleet = PagedFleet(drill)
    drill.services = memory_services(drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=fleet)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    for number in (1, 3):
        fleet.installs[number] = replace(
            fleet.installs[number], ends_at=WINDOW_OPENS + 2 * HOUR + number * HOUR / 10
        )
    return drill, fleet


async def test_updates_of_installs_on_several_pages_are_asked_for_at_once() -> None:
    drill, fleet = await a_paged_drill()
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    assert fleet.asked == [2]
    assert [job.outcome for job in await drill.jobs()].count(Outcome.SUCCEEDED) == 2
    await drill.run_until(WINDOW_OPENS + 3 * HOUR)
    assert fleet.asked == [2, 1, 1]
    assert await drill.broken() == []


async def test_what_was_read_before_reports_became_unreadable_counts() -> None:
    drill, fleet = await a_paged_drill()
    fleet.readable = 1
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    assert [job.outcome for job in await drill.jobs()].count(Outcome.SUCCEEDED) == 1
    fleet.readable = 1000
    await drill.run_until(WINDOW_OPENS + 3 * HOUR)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED] * 4
