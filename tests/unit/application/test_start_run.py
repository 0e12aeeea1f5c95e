"""Starting on demand against rivals, after a cancel, and of configurations that go."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.rows import Row, Write
from shared.adapters.storage.runs import RUNS
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import put_configuration
from shared.application.handle_messages import handle_run_message
from shared.application.history import get_latest_run_on_demand
from shared.application.ports import StaleError
from shared.application.start_run import start_configuration_run, start_machine_runs
from shared.domain.records import Run, parse_run_key, run_key
from shared.errors import ConflictError, NotFoundError
from tests.builders import CONFIGURATION, SUBSCRIPTION, a_configuration, a_machine, a_scope, a_state
from tests.drill import Drill

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
OTHER = CONFIGURATION.replace("nightly", "weekly")


class ContestedRows(MemoryRows):
    """Rows in which the next `rivals` transactions over runs come too late."""

    rivals = 0

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        if table == RUNS and self.rivals:
            self.rivals -= 1
            raise StaleError(table)
        return await super().transact(table, writes)


class SlowRows(MemoryRows):
    """Rows that let others go ahead at every read and transaction, as a server does."""

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        return await super().get(table, partition, key)

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        await asyncio.sleep(0)
        return await super().transact(table, writes)


async def over(rows: MemoryRows, *names: str) -> Drill:
    """A drill over these rows, its configuration stored."""
    drill = Drill([a_state(a_machine(name)) for name in names])
    drill.services = memory_services(drill.clock, rows=rows, outbox=drill.outbox, fleet=drill.fleet)
    await drill.configure()
    return drill


async def contested(rivals: int) -> Drill:
    rows = ContestedRows()
    drill = await over(rows, "vm-1")
    rows.rivals = rivals
    return drill


async def test_starter_that_was_too_late_tries_again() -> None:
    drill = await contested(rivals=3)
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert [one.key for one in await drill.runs()] == [run.key]


async def test_starter_that_is_always_too_late_is_told_to_try_again() -> None:
    drill = await contested(rivals=1000)
    with pytest.raises(ConflictError, match="again"):
        await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert await drill.runs() == []


async def test_run_without_rivals_is_named_after_the_next_second_that_is_no_full_minute() -> None:
    drill = await over(MemoryRows(), "vm-1")  # the clock stands at a full minute
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert run.key == run_key(drill.clock.instant + SECOND)


async def test_many_machines_are_started_at_once_under_keys_near_now() -> None:
    names = [f"vm-{number}" for number in range(60)]
    drill = await over(SlowRows(), *names)
    runs = await asyncio.gather(
        *(start_machine_runs(drill.services, a_machine(n).id, caller=LOCAL) for n in names)
    )
    assert [run.target for run in runs] == [a_machine(name).id for name in names]
    starts = {parse_run_key(run.key) for run in runs}
    assert len(starts) == len(names)
    assert 0 not in {start.second for start in starts}
    assert max(starts) <= drill.clock.instant + timedelta(minutes=5)


async def test_same_request_at_once_starts_one_run() -> None:
    drill = await over(SlowRows(), "vm-1")
    runs = await asyncio.gather(
        *(start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL) for _ in range(10))
    )
    assert {run.key for run in runs} == {run.key for run in await drill.runs()}
    assert len({run.key for run in runs}) == 1


async def cancelled_under_way() -> tuple[Drill, Run]:
    """A run that was cancelled while its only machine was being patched."""
    drill = Drill([a_state()], takes=HOUR)
    await drill.configure()
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    await drill.tick()
    assert len(drill.fleet.installs) == 1
    await cancel_run(drill.services, run.id, caller=LOCAL)
    return drill, run


async def test_start_while_a_cancelled_run_finishes_starts_another() -> None:
    drill, first = await cancelled_under_way()
    second = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert second.key != first.key
    latest = await get_latest_run_on_demand(drill.services, CONFIGURATION, caller=LOCAL)
    assert latest.key == second.key
    await drill.run_until(drill.clock.instant + 3 * HOUR)
    assert len(drill.fleet.installs) == 2
    assert await drill.broken(acknowledged=[first.id.text, second.id.text]) == []


async def test_request_while_a_cancelled_run_finishes_starts_a_run_of_its_own_once() -> None:
    drill, first = await cancelled_under_way()
    body = f'{{"v": 1, "configuration": "{CONFIGURATION}", "requestId": "ticket 8"}}'
    await handle_run_message(drill.services, body)
    await drill.run_until(drill.clock.instant + 3 * HOUR)
    await handle_run_message(drill.services, body)
    runs = await drill.runs()
    assert [(run.key == first.key, run.request_id) for run in runs] == [
        (True, ""),
        (False, "ticket 8"),
    ]


async def delete_half(drill: Drill, configuration_id: str) -> None:
    """Leave a configuration as a deletion does that died after its first write."""
    stored = await drill.services.configurations.get(configuration_id)
    assert stored
    await drill.services.configurations.replace(replace(stored, deleting=True))


async def test_machine_run_that_started_is_answered_though_another_configuration_goes() -> None:
    drill = await over(MemoryRows(), "vm-1")
    await put_configuration(drill.services, OTHER, document=a_configuration(), caller=LOCAL)
    scope = a_scope(configuration_id=OTHER)
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "weekly", scope)
    await delete_half(drill, OTHER)
    run = await start_machine_runs(drill.services, a_machine().id, caller=LOCAL)
    assert [one.key for one in await drill.runs()] == [run.key]
    await delete_half(drill, CONFIGURATION)
    with pytest.raises(NotFoundError):
        await start_machine_runs(drill.services, a_machine().id, caller=LOCAL)
