"""What Muster sends to Azure, held against Microsoft's definitions: the bodies as they arrive at the local Azure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.operations import Change, Install
from localhost.azure.server import LocalAzure, serve
from localhost.azure.updates import Os
from localhost.clocks import ManualClock
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.reports import ResourceGraphReports
from shared.application.ports import Accepted, InstallOrder
from shared.domain.install_patches import InstallPatches, LinuxParameters, WindowsParameters
from shared.domain.machine import MachineType
from shared.domain.updates import Classification
from tests.conformance.azure_definitions import (
    COMPUTE,
    HYBRID_COMPUTE,
    RESOURCE_GRAPH,
    operations,
)
from tests.unit.localhost_azure.estate import machine

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY_PARAMETER = InstallPatches(
    windows=WindowsParameters(
        classifications=(Classification.SECURITY, Classification.UPDATE_ROLLUP),
        kbs_to_include=("1",),
        kbs_to_exclude=("2",),
        exclude_kbs_requiring_reboot=True,
    ),
    linux=LinuxParameters(
        classifications=(Classification.SECURITY, Classification.OTHER),
        masks_to_include=("curl=7.*",),
        masks_to_exclude=("linux-*",),
    ),
)
INSTALLS = {
    MachineType.AZURE_VM: operations(COMPUTE)["VirtualMachines_InstallPatches"],
    MachineType.ARC_SERVER: operations(HYBRID_COMPUTE)["Machines_InstallPatches"],
}


class Listening(LocalAzure):
    """A local Azure that keeps the bodies it was sent."""

    def __init__(self, *machines: Machine) -> None:
        super().__init__(Fleet(machines), now=lambda: NOW)
        self.bodies: list[Any] = []

    def install(self, machine_id: str, body: object) -> Install:
        self.bodies.append(body)
        return super().install(machine_id, body)

    def change(self, machine_id: str, body: object) -> Machine | Change:
        self.bodies.append(body)
        return super().change(machine_id, body)

    def query(self, body: object) -> dict[str, Any]:
        self.bodies.append(body)
        return super().query(body)


@pytest.mark.parametrize("os", [pytest.param(one, id=str(one)) for one in Os])
@pytest.mark.parametrize("machine_type", [pytest.param(one, id=str(one)) for one in INSTALLS])
async def test_install_is_asked_for_as_published(machine_type: MachineType, os: Os) -> None:
    kind = Kind.VM if machine_type is MachineType.AZURE_VM else Kind.ARC
    azure = Listening(machine("one", kind=kind, os=os))
    async with serve(azure) as url, ArmClient(url, StaticCredential()) as arm:
        patching = AzurePatching(arm, ManualClock(NOW))
        state = await patching.inspect(azure.machines()[0].id, machine_type)
        assert state
        assert state.machine.os_type
        order = InstallOrder(
            machine=state.machine,
            os_type=state.machine.os_type,
            install_patches=EVERY_PARAMETER,
            maximum_duration=timedelta(hours=3, minutes=55),
            client_request_id="job-1",
        )
        assert isinstance(await patching.install(order), Accepted)
    [body] = azure.bodies
    assert INSTALLS[machine_type].mistakes_of_request(body) == []
    assert len(body) == 3


async def test_consent_is_asked_for_as_published() -> None:
    azure = Listening(machine("one", patch_mode="Manual", bypass_checks=None))
    async with serve(azure) as url, ArmClient(url, StaticCredential()) as arm:
        patching = AzurePatching(arm, ManualClock(NOW))
        state = await patching.inspect(azure.machines()[0].id, MachineType.AZURE_VM)
        assert state
        assert isinstance(await patching.consent(state.machine), Accepted)
    [body] = azure.bodies
    assert operations(COMPUTE)["VirtualMachines_Update"].mistakes_of_request(body) == []


async def test_queries_are_asked_as_published() -> None:
    azure = Listening(machine("one"))
    async with serve(azure) as url, ArmClient(url, StaticCredential()) as arm:
        reports = ResourceGraphReports(arm, subscriptions=[azure.machines()[0].subscription])
        pages = [page async for page in reports.changed_since(NOW, limit=10)]
        assert (pages, await reports.updates_of({"a": 1}, limit=10)) == ([], {})
    assert len(azure.bodies) == 2
    ask = operations(RESOURCE_GRAPH)["Resources"]
    assert [ask.mistakes_of_request(body) for body in azure.bodies] == [[], []]
