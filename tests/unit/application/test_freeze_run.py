"""The first pass over a run with many assignments, over a storage that is slow."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.documents import ASSIGNMENTS
from shared.adapters.storage.rows import Row
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.limits import Limits
from shared.application.reconcile_run import reconcile_run
from shared.domain.records import RunId, run_key
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

RUN = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))
NAMES = [f"vm-{n}" for n in range(200)]
A_READ = timedelta(seconds=1)


class SlowRows(MemoryRows):
    """Rows among which every assignment takes a while to read; `meanwhile` says what happens then."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        if table == ASSIGNMENTS and self.meanwhile:
            await self.meanwhile()
        return await super().get(table, partition, key)


async def opened(rows: SlowRows) -> Drill:
    """The run as the timer inserts it, of a configuration that many machines are attached to by hand."""
    drill = Drill([a_state(a_machine(name)) for name in NAMES])
    drill.services = memory_services(
        drill.clock, rows=rows, outbox=drill.outbox, fleet=drill.fleet, limits=Limits()
    )
    await drill.configure()
    document: dict[str, Any] = {"properties": {"maintenanceConfigurationId": CONFIGURATION}}
    for name in NAMES:
        await drill.attach(a_machine(name).id, "by-hand", document)
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    return drill


async def test_freeze_that_outlasts_a_lease_is_not_started_anew_by_the_next_minute() -> None:
    rows = SlowRows()
    drill = await opened(rows)
    next_minutes = [WINDOW_OPENS + n * MINUTE for n in range(1, 5)]

    async def a_second_passes() -> None:
        drill.clock.advance(A_READ)
        if drill.clock.instant in next_minutes:
            await reconcile_run(drill.services, RUN)

    rows.meanwhile = a_second_passes
    await reconcile_run(drill.services, RUN)
    (run,) = await drill.runs()
    assert run.frozen_at == WINDOW_OPENS + (len(NAMES) + 1) * A_READ
    assert run.frozen_at > WINDOW_OPENS + Limits().claim + Limits().skew
    assert len(await drill.jobs()) == len(NAMES)


async def test_assignments_are_read_side_by_side() -> None:
    rows, reading, most = SlowRows(), 0, 0
    drill = await opened(rows)

    async def others_read_too() -> None:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1

    rows.meanwhile = others_read_too
    await reconcile_run(drill.services, RUN)
    assert most == 16
