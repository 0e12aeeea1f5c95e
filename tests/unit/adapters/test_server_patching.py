"""Servers among the machines that are patched: each goes to its own side, and what can't be reached is not asked."""

from datetime import timedelta

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.callers import LOCAL
from shared.application.ports import Accepted, InstallOrder, NotNow, Patching, Refused
from shared.application.servers import put_server
from shared.domain.install_patches import InstallPatches
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.records import Job, job_key
from shared.errors import UnavailableError
from tests.builders import DAY_BEFORE, SERVER, SUBSCRIPTION, a_machine, a_server, a_state

VM = a_machine()
HERE = a_machine("db-1", machine_type=MachineType.SERVER, group="ops")
NO_KEYS = "There are no private keys in memory."


def order_for(machine: Machine) -> InstallOrder:
    return InstallOrder(
        machine=machine,
        os_type=OsType.LINUX,
        install_patches=InstallPatches(),
        maximum_duration=timedelta(hours=2),
        client_request_id="1",
    )


@pytest.fixture
def fleet() -> MemoryFleet:
    return MemoryFleet(MemoryClock(DAY_BEFORE), [a_state(VM)])


@pytest.fixture
async def patching(fleet: MemoryFleet) -> Patching:
    """Of one VM, and one server whose id is `HERE`'s."""
    services = memory_services(MemoryClock(DAY_BEFORE), fleet=fleet)
    await put_server(services, SERVER, document=a_server(), caller=LOCAL)
    assert HERE.id == SERVER
    return services.patching


async def test_registered_server_is_looked_for_and_another_is_gone(patching: Patching) -> None:
    with pytest.raises(UnavailableError, match=NO_KEYS):
        await patching.inspect(SERVER.upper(), MachineType.SERVER)
    assert await patching.inspect(f"{SERVER}x", MachineType.SERVER) is None
    assert await patching.inspect(VM.id, MachineType.AZURE_VM) == a_state(VM)


async def test_what_can_not_be_reached_proves_that_nothing_was_started(
    patching: Patching, fleet: MemoryFleet
) -> None:
    order = order_for(HERE)
    for reply in (
        await patching.prepare(order),
        await patching.install(order),
        await patching.assess(HERE),
    ):
        assert isinstance(reply, NotNow)
        assert (reply.message, reply.cause) == (NO_KEYS, "unreachable")
    assert isinstance(await patching.consent(HERE), Refused)
    assert fleet.installs == []
    assert await patching.prepare(order_for(VM)) is None
    assert isinstance(await patching.install(order_for(VM)), Accepted)
    assert [one.order.machine for one in fleet.installs] == [VM]


async def test_server_that_can_not_be_reached_says_nothing_of_its_install(
    patching: Patching,
) -> None:
    job = Job(
        key=job_key(SERVER),
        machine_id=SERVER,
        machine_type=MachineType.SERVER,
        subscription=SUBSCRIPTION,
        operation="1",
    )
    with pytest.raises(UnavailableError, match=NO_KEYS):
        await patching.ask_after(job)
