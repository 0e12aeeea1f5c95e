"""A pass over a run and its rivals: leases that live, leases that are over, and freezes that were overtaken."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.documents import BY_CONFIGURATION
from shared.adapters.storage.rows import Condition, Row
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.limits import Limits
from shared.application.reconcile_run import reconcile_run
from shared.domain.machine import MachineType
from shared.domain.records import Job, RunId, job_key, run_key
from shared.domain.run import Outcome
from tests.builders import CONFIGURATION, SUBSCRIPTION, WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

RUN = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))
LEASE = Limits().claim + Limits().skew


def a_job(name: str) -> Job:
    machine = a_machine(name)
    return Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
    )


async def opened(drill: Drill) -> Drill:
    """The run as the timer inserts it, before the first pass."""
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    return drill


async def test_one_pass_resolves_all_pages_and_leaves_the_run_free() -> None:
    drill = Drill(
        [a_state(a_machine(f"vm-{n:02}")) for n in range(20)], limits=Limits(inventory_page=3)
    )
    await opened(drill)
    await reconcile_run(drill.services, RUN)
    (run,) = await drill.runs()
    assert run.resolved_at == WINDOW_OPENS
    assert run.leased_until is None
    assert len(await drill.jobs()) == 20


@pytest.mark.parametrize(
    ("later", "is_taken_over"),
    [
        pytest.param(timedelta(), False, id="at once"),
        pytest.param(LEASE, False, id="as long as another worker's clock may think that it lives"),
        pytest.param(LEASE + timedelta.resolution, True, id="after that"),
    ],
)
async def test_lease_is_taken_over_only_when_it_is_over_by_every_clock(
    later: timedelta, is_taken_over: bool
) -> None:
    drill = await opened(Drill([a_state()]))
    (run,) = await drill.runs()
    leased = replace(run, lease="dead", leased_until=WINDOW_OPENS + Limits().claim)
    await drill.services.runs.replace(leased)
    drill.clock.advance(later)
    await reconcile_run(drill.services, RUN)
    assert bool(await drill.jobs()) is is_taken_over


async def test_half_a_freeze_is_repeated_without_what_is_no_longer_attached() -> None:
    drill = await opened(Drill([a_state()]))
    await drill.services.jobs.insert(RUN, [a_job("detached")])
    await reconcile_run(drill.services, RUN)
    assert [job.key for job in await drill.jobs()] == [job_key(a_machine().id)]


class SlowRows(MemoryRows):
    """Rows that let others work before they answer the next query of `table`."""

    table = ""
    others: Callable[[], Awaitable[object]]

    async def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        if table == self.table:
            self.table = ""
            await self.others()
        async for row in super().query(table, where, select=select):
            yield row


async def test_freeze_that_was_overtaken_takes_nothing_from_its_successor() -> None:
    """What it saw as left over from a dead freeze is by then, under the same key, a job of the successor."""
    rows = SlowRows()
    drill = Drill([a_state()])
    drill.services = memory_services(
        drill.clock, rows=rows, outbox=drill.outbox, fleet=drill.fleet, limits=Limits()
    )
    await opened(drill)
    await drill.services.jobs.insert(RUN, [a_job("vm-1")])

    async def successor() -> None:
        drill.clock.advance(LEASE + timedelta.resolution)
        await reconcile_run(drill.services, RUN)
        await drill.drain()

    rows.table, rows.others = BY_CONFIGURATION, successor
    await reconcile_run(drill.services, RUN)
    assert len(drill.fleet.installs) == 1
    await drill.run_until(drill.clock.instant + 15 * MINUTE)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]
    assert len(drill.fleet.installs) == 1
