"""Arc-enabled servers: inspected, patched and asked after through Microsoft.HybridCompute.

An install is followed by its `Location` URL, which is signed: 202 while it is under way, 200 with the result. Each 202
brings the URL to ask next, signed anew; its last segment stays the installation's activity id. Source: HybridCompute
2024-07-10, `Machines_InstallPatches`.
"""

from dataclasses import replace
from datetime import datetime

from shared.adapters.arm import ArmClient, ArmReply, dig
from shared.adapters.inventory.facts import read_arc_state, read_os_type
from shared.adapters.patching.asking import ask
from shared.adapters.patching.inspection import get_document, read_machine
from shared.adapters.patching.installing import ask_once
from shared.adapters.patching.results import read_report
from shared.application.ports import InstallOrder, InstallReply
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport

API_VERSION = "2024-07-10"


class HybridComputePatching:
    """The port `Patching` for Arc-enabled servers alone; `azure.AzurePatching` gives it the instant."""

    def __init__(self, arm: ArmClient) -> None:
        self._arm = arm

    async def inspect(self, machine_id: str) -> MachineState | None:
        """Whether the server's agent is connected; None when it is gone."""
        document = await get_document(self._arm, machine_id, api_version=API_VERSION)
        if document is None:
            return None
        properties = document.get("properties")
        os_type = read_os_type(dig(properties, "osType") or dig(properties, "osName"))
        machine = read_machine(document, machine_type=MachineType.ARC_SERVER, os_type=os_type)
        return read_arc_state(machine, status=dig(properties, "status"))

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once."""
        return await ask_once(
            self._arm, order, api_version=API_VERSION, operation_header="location"
        )

    async def assess(self, machine: Machine) -> InstallReply:
        """Ask once."""
        return await ask(self._arm, f"{machine.id}/assessPatches", api_version=API_VERSION)

    async def ask_after(self, job: Job, *, now: datetime) -> InstallReport | None:
        """What the operation says; None when Azure has forgotten it. Raises `UnavailableError`."""
        reply = await self._arm.follow(job.operation)
        if reply is None or reply.status in (404, 410):
            return None
        is_under_way = reply.status == 202
        report = read_report(
            {"status": "InProgress"} if is_under_way else reply.expect(200).body,
            machine_id=job.machine_id,
            activity_id=job.activity_id,
            started_at=job.starting_at or now,
            modified_at=now,
        )
        return replace(report, operation=_next(reply, job.operation)) if is_under_way else report


def _next(reply: ArmReply, asked: str) -> str:
    """Where to ask next: the same address with another signature; one that leads elsewhere is left alone."""
    location = reply.headers.get("location", "")
    is_same = location.partition("?")[0].lower() == asked.partition("?")[0].lower()
    return location if is_same else ""
