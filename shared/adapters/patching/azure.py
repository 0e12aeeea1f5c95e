"""The port `Patching` for machines in Azure: each resource type has a provider of its own."""

from shared.adapters.arm import ArmClient
from shared.adapters.patching.compute import ComputePatching
from shared.adapters.patching.hybrid_compute import HybridComputePatching
from shared.application.ports import Clock, InstallOrder, InstallReply, Refused
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport


class AzurePatching:
    """Azure VMs by Compute, Arc-enabled servers by Hybrid Compute."""

    def __init__(self, arm: ArmClient, clock: Clock) -> None:
        self._clock = clock
        self._compute = ComputePatching(arm)
        self._providers: dict[MachineType, ComputePatching | HybridComputePatching] = {
            MachineType.AZURE_VM: self._compute,
            MachineType.ARC_SERVER: HybridComputePatching(arm),
        }

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """The machine as it is now; None when it is gone. Raises `UnavailableError`."""
        return await self._providers[machine_type].inspect(machine_id)

    async def prepare(self, order: InstallOrder) -> None:
        """Azure's agents find out by themselves what their machines lack."""

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once, never again by itself."""
        return await self._providers[order.machine.type].install(order)

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What the provider says of the job's operation; None when it does not know. Raises `UnavailableError`."""
        return await self._providers[job.machine_type].ask_after(job, now=self._clock.now())

    async def assess(self, machine: Machine) -> InstallReply:
        """Ask once."""
        return await self._providers[machine.type].assess(machine)

    async def consent(self, machine: Machine) -> InstallReply:
        """Change a VM's patch settings, followed for some seconds; no other type asks for consent."""
        if machine.type is not MachineType.AZURE_VM:
            return Refused(message=f"Machines of type {machine.type} need no consent.")
        return await self._compute.consent(machine, clock=self._clock)
