"""The facts that consent rests on, read from the local Azure's documents: by its inventory and by the VM's provider."""

from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.updates import Os
from shared.domain.machine import MachineState, MachineType, ineligible
from tests.consent_table import CASES, PATCHED, Case
from tests.integration.test_azure_adapters import OURS, scope, world

ATTACHED = [case for case in CASES if case.attached]


def vm(case: Case) -> Machine:
    return Machine(
        subscription=OURS,
        resource_group="shop",
        kind=Kind.VM,
        name=case.name,
        os=Os(case.system),
        location="westeurope",
        reachable=case.running,
        patch_mode=case.patch_mode,
        bypass_checks=case.bypass,
    )


def judged(states: list[MachineState]) -> dict[str, str]:
    found = {}
    for state in states:
        why = ineligible(state)
        found[state.machine.id.rpartition("/")[2]] = str(why.reason) if why else PATCHED
    return found


async def test_every_combination_of_settings_and_power_is_read_as_it_is() -> None:
    expected = {case.name: case.becomes for case in ATTACHED}
    async with world(Fleet(vm(case) for case in ATTACHED)) as here:
        listed = list((await here.inventory.page(scope(), after="", limit=100)).states)
        looked = [
            await here.patching.inspect(state.machine.id, MachineType.AZURE_VM) for state in listed
        ]
    assert judged(listed) == expected
    assert [state for state in looked if state] == listed
