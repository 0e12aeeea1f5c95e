"""Assessing and consenting against the local Azure: what is asked for is found again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from localhost.azure.fleet import Fleet
from shared.application.ports import Accepted, NotNow, Refused
from shared.domain.machine import Machine, MachineState, MachineType, has_consented
from shared.domain.updates import Update
from tests.integration.test_azure_adapters import START, World, one_machine, scope, world

VM, ARC = MachineType.AZURE_VM, MachineType.ARC_SERVER
MISSING = {
    VM: Update(
        name="Fix (KB501)", kb="501", classification="Security", reboot_behavior="NeverReboots"
    ),
    ARC: Update(
        name="curl", version="8.5", classification="Security", reboot_behavior="NeverReboots"
    ),
}


async def listed(here: World) -> MachineState:
    """The only machine, as the inventory shows it."""
    (state,) = (await here.inventory.page(scope(), after="", limit=10)).states
    return state


async def looked_at(here: World, machine: Machine) -> MachineState:
    """The machine, as its provider shows it."""
    state = await here.patching.inspect(machine.id, machine.type)
    assert state
    return state


STANDING: dict[str, tuple[MachineType, dict[str, Any]]] = {
    "a VM that may be patched": (VM, {}),
    "a VM that is off": (VM, {"reachable": False}),
    "a VM of the platform's": (VM, {"bypass_checks": False}),
    "a VM of nobody's": (VM, {"patch_mode": "Manual", "bypass_checks": None}),
    "a VM with hotpatching": (VM, {"bypass_checks": None, "hotpatching": True}),
    "an Arc server": (ARC, {}),
    "an Arc server that is away": (ARC, {"reachable": False}),
}


@pytest.mark.parametrize(("machine_type", "changes"), STANDING.values(), ids=STANDING.keys())
async def test_inventory_tells_the_same_of_a_machine_as_its_provider(
    machine_type: MachineType, changes: dict[str, Any]
) -> None:
    async with world(one_machine(machine_type, **changes)) as here:
        state = await listed(here)
        looked = await looked_at(here, state.machine)
    told = (state.running, state.connected, state.patch_mode, state.bypass_checks)
    assert told == (looked.running, looked.connected, looked.patch_mode, looked.bypass_checks)
    assert state.hotpatching == looked.hotpatching


@pytest.mark.parametrize("machine_type", MISSING)
async def test_assessment_that_was_asked_for_is_found_later(machine_type: MachineType) -> None:
    fleet = one_machine(machine_type)
    async with world(fleet) as here:
        machine = (await listed(here)).machine
        before = (await here.assessments.latest([machine.key]))[machine.key]
        here.clock.instant += timedelta(hours=1)
        assert await here.patching.assess(machine) == Accepted()
        assert [call.operation for call in here.azure.calls.all()][-1] == "assess"
        assert (await here.assessments.latest([machine.key]))[machine.key] == before
        here.clock.instant += timedelta(minutes=10)
        found = (await here.assessments.latest([machine.key, "/nobody"]))[machine.key]
        missing = await here.assessments.missing([machine.key])
    assert found.assessed_at == START + timedelta(hours=1, minutes=2)
    assert (found.machine_id, found.status) == (machine.id, "Succeeded")
    assert (found.os_type, found.reboot_pending) == (machine.os_type, False)
    assert missing == {machine.key: (MISSING[machine_type],)}


async def test_many_machines_are_asked_about_in_few_queries() -> None:
    (pattern,) = one_machine(VM).machines()
    fleet = Fleet(replace(pattern, name=f"Till-{number}") for number in range(90))
    keys = [machine.key for machine in fleet.machines()]
    async with world(fleet) as here:
        found = await here.assessments.latest(keys)
        missing = await here.assessments.missing(keys)
        queries = len(here.azure.calls.all())
    assert set(found) == set(missing) == set(keys)
    assert queries == 6


async def test_consent_makes_a_vm_eligible_and_changes_nothing_else() -> None:
    async with world(one_machine(VM, patch_mode="Manual", bypass_checks=None)) as here:
        machine = (await listed(here)).machine
        before = await looked_at(here, machine)
        assert await here.patching.consent(machine) == Accepted()
        after = await looked_at(here, machine)
        assert has_consented(after)
        assert after == replace(before, patch_mode="AutomaticByPlatform", bypass_checks=True)
        assert [call.method for call in here.azure.calls.all()].count("PATCH") == 1


async def test_consent_that_azure_refuses_is_refused() -> None:
    async with world(one_machine(VM, bypass_checks=None, hotpatching=True)) as here:
        reply = await here.patching.consent((await listed(here)).machine)
    assert isinstance(reply, Refused)
    assert "Hotpatch" in reply.message


async def test_arc_server_is_not_asked_for_consent() -> None:
    async with world(one_machine(ARC)) as here:
        assert isinstance(await here.patching.consent((await listed(here)).machine), Refused)
        assert not any(call.method == "PATCH" for call in here.azure.calls.all())


async def test_machine_that_is_off_is_assessed_later() -> None:
    async with world(one_machine(VM, reachable=False)) as here:
        reply = await here.patching.assess((await listed(here)).machine)
    assert isinstance(reply, NotNow)
