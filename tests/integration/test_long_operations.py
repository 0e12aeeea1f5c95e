"""Operations of the local Azure that outlast an address, or the time for which they are followed."""

from dataclasses import replace
from datetime import timedelta

from localhost.azure.faults import Faults
from shared.application.ports import Accepted
from shared.domain.machine import MachineType, has_consented
from tests.integration.test_asking import listed, looked_at
from tests.integration.test_azure_adapters import (
    inspected,
    job,
    one_machine,
    order,
    world,
)

VM, ARC = MachineType.AZURE_VM, MachineType.ARC_SERVER
MINUTE = timedelta(minutes=1)


async def test_arc_install_is_followed_for_hours_at_addresses_that_live_for_one() -> None:
    async with world(one_machine(ARC), Faults(slow=1.0)) as here:
        machine = await inspected(here)
        accepted = await here.patching.install(order(machine))
        assert isinstance(accepted, Accepted)
        followed = first = job(machine, accepted)
        asked = 0
        while (report := await here.patching.ask_after(followed)) and not report.is_final:
            assert report.operation not in ("", followed.operation)
            followed = replace(followed, operation=report.operation)
            here.clock.instant += 30 * MINUTE
            asked += 1
        assert report
        assert asked > 5
        assert report.operation == ""
        assert await here.patching.ask_after(first) is None


async def test_consent_that_takes_longer_than_it_is_followed_is_accepted_and_seen_later() -> None:
    fleet = one_machine(VM, patch_mode="Manual", bypass_checks=None)
    async with world(fleet, Faults(slow_consent=1.0)) as here:
        machine = (await listed(here)).machine
        reply = await here.patching.consent(machine)
        assert isinstance(reply, Accepted)
        assert reply.operation
        assert not has_consented(await looked_at(here, machine))
        here.clock.instant += 5 * MINUTE
        assert has_consented(await looked_at(here, machine))
