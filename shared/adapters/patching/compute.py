"""Azure virtual machines: inspected, patched and asked after through Microsoft.Compute.

An install is followed by its `Azure-AsyncOperation` URL: 200 with the operation's status and, at the end, its output.
The operation's id is the installation's activity id. Source: Compute 2024-07-01, `VirtualMachines_InstallPatches`.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.adapters.arm import ArmClient, dig
from shared.adapters.inventory.facts import RUNNING, read_os_type, read_vm_state
from shared.adapters.patching.asking import ask
from shared.adapters.patching.consenting import give_consent, profile_of
from shared.adapters.patching.inspection import get_document, read_machine
from shared.adapters.patching.installing import ask_once
from shared.adapters.patching.results import read_error, read_instant, read_report
from shared.application.ports import Clock, InstallOrder, InstallReply
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport

API_VERSION = "2024-07-01"

# What an ended operation says when it has no output: it tells of the call, not of the updates.
_ENDED = {"Succeeded": "Unknown", "Failed": "Failed", "Canceled": "Failed"}


class ComputePatching:
    """The port `Patching` for Azure VMs alone; `azure.AzurePatching` gives it the time."""

    def __init__(self, arm: ArmClient) -> None:
        self._arm = arm

    async def inspect(self, machine_id: str) -> MachineState | None:
        """Power state and consent of a VM; None when it is gone."""
        document = await get_document(
            self._arm, machine_id, api_version=API_VERSION, expand="instanceView"
        )
        return None if document is None else _state(document)

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once."""
        return await ask_once(
            self._arm, order, api_version=API_VERSION, operation_header="azure-asyncoperation"
        )

    async def assess(self, machine: Machine) -> InstallReply:
        """Ask once."""
        return await ask(self._arm, f"{machine.id}/assessPatches", api_version=API_VERSION)

    async def consent(self, machine: Machine, *, clock: Clock) -> InstallReply:
        """Change the VM's patch settings, once, and see for a while what becomes of it."""
        return await give_consent(self._arm, machine, api_version=API_VERSION, clock=clock)

    async def ask_after(self, job: Job, *, now: datetime) -> InstallReport | None:
        """What the operation says; None when Azure has forgotten it. Raises `UnavailableError`."""
        reply = await self._arm.follow(job.operation)
        if reply is None or reply.status in (404, 410):
            return None
        operation = reply.expect(200).body
        output = dig(operation, "properties", "output")
        report = read_report(
            output,
            machine_id=job.machine_id,
            activity_id=job.activity_id,
            started_at=read_instant(dig(operation, "startTime")) or job.starting_at or now,
            modified_at=read_instant(dig(operation, "endTime")) or now,
        )
        if output is not None:
            return report
        status = _ENDED.get(dig(operation, "status"), "InProgress")
        return replace(report, status=status, error=read_error(dig(operation, "error")))


def _state(document: Any) -> MachineState:
    properties = document.get("properties")
    os_type = read_os_type(dig(properties, "storageProfile", "osDisk", "osType"))
    statuses = dig(properties, "instanceView", "statuses") or []
    codes = [dig(status, "code") for status in statuses]
    return read_vm_state(
        read_machine(document, machine_type=MachineType.AZURE_VM, os_type=os_type),
        settings=dig(properties, "osProfile", profile_of(os_type), "patchSettings"),
        power=RUNNING if RUNNING in codes else None,
    )
