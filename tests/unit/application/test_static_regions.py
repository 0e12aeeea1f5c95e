"""Regions of machines that are assigned by themselves: looked up when their run is frozen, and never in the way."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.application.assignments import delete_assignment
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.ports import InventoryPage
from shared.application.reconcile_run import reconcile_run
from shared.domain.machine import Machine
from shared.domain.records import Run
from shared.domain.scope import Scope
from shared.errors import UnavailableError
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import Drill

MANY = 101


def machines(count: int, *, subscription: str = SUBSCRIPTION) -> list[Machine]:
    found = (a_machine(f"vm-{number:03}") for number in range(count))
    return [
        replace(one, id=one.id.replace(SUBSCRIPTION, subscription), subscription=subscription)
        for one in found
    ]


async def opened(assigned: list[Machine]) -> tuple[Drill, Run]:
    """A run over machines that are assigned by themselves, before its first pass."""
    drill = Drill([a_state(machine) for machine in assigned])
    await put_configuration(drill.services, CONFIGURATION, document=a_configuration(), caller=LOCAL)
    static = a_scope()
    del static["properties"]["filter"]
    for machine in assigned:
        await drill.attach(machine.id, "static", static)
    drill.clock.instant = WINDOW_OPENS
    await evaluate_schedules(drill.services)
    (run,) = await drill.runs()
    return drill, run


@pytest.mark.parametrize(("count", "known"), [(100, 0), (MANY, MANY - 1)], ids=["few", "many"])
async def test_regions_of_many_are_looked_up_and_none_is_left_out(count: int, known: int) -> None:
    drill, run = await opened(machines(count))
    gone = drill.fleet.states.pop(machines(1)[0].key)
    await reconcile_run(drill.services, run.id)
    jobs = await drill.jobs()
    assert len(jobs) == count, "also one that the inventory does not know"
    located = {job.machine_id for job in jobs if job.location}
    assert len(located) == known
    assert gone.machine.id not in located


async def test_an_inventory_that_hangs_does_not_keep_a_run_from_being_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscriptions = [SUBSCRIPTION.replace("1", digit, 1) for digit in "234567"]
    drill, run = await opened(
        [m for one in subscriptions for m in machines(MANY, subscription=one)]
    )

    async def hangs(
        scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        drill.clock.advance(timedelta(seconds=60))
        raise UnavailableError("no answer")

    monkeypatch.setattr(drill.fleet, "page", hangs)
    await reconcile_run(drill.services, run.id)
    (run,) = await drill.runs()
    assert run.frozen_at == WINDOW_OPENS + timedelta(seconds=60)
    assert len(await drill.jobs()) == 6 * MANY


async def test_a_freeze_that_was_overtaken_meanwhile_adds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assigned = machines(MANY)
    drill, run = await opened(assigned)
    read = drill.fleet.page

    async def overtaken(
        scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        monkeypatch.setattr(drill.fleet, "page", read)
        await delete_assignment(drill.services, assigned[-1].id, name="static", caller=LOCAL)
        drill.clock.advance(timedelta(seconds=125))
        await reconcile_run(drill.services, run.id)
        return await read(scope, after=after, limit=limit, since=since)

    monkeypatch.setattr(drill.fleet, "page", overtaken)
    await reconcile_run(drill.services, run.id)
    jobs = {job.machine_id for job in await drill.jobs()}
    assert jobs == {machine.id for machine in assigned[:-1]}
