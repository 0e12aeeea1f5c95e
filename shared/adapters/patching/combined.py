"""The port `Patching` over Azure and the registry of servers: a machine's type says whose it is."""

from shared.application.ports import InstallOrder, InstallReply, NotNow, Patching
from shared.domain.machine import Ineligible, Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport


class CombinedPatching:
    """Azure's machines by Azure, servers on premises by Muster itself."""

    def __init__(self, azure: Patching, servers: Patching) -> None:
        self._azure = azure
        self._servers = servers

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """The machine as it is now; None when it is gone. Raises `UnavailableError`."""
        return await self._of(machine_type).inspect(machine_id, machine_type)

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        """Ready, not yet, or not at all."""
        return await self._of(order.machine.type).prepare(order)

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once, never again by itself."""
        return await self._of(order.machine.type).install(order)

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What is known of the job's operation; None when nothing is. Raises `UnavailableError`."""
        return await self._of(job.machine_type).ask_after(job)

    async def assess(self, machine: Machine) -> InstallReply:
        """Ask once."""
        return await self._of(machine.type).assess(machine)

    async def consent(self, machine: Machine) -> InstallReply:
        """Ask once."""
        return await self._of(machine.type).consent(machine)

    def _of(self, machine_type: MachineType) -> Patching:
        return self._servers if machine_type is MachineType.SERVER else self._azure
