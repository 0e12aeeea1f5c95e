"""The port `Patching` for servers on premises: they are looked up in the registry, but not reached yet."""

from datetime import timedelta

from shared.adapters.inventory.servers import state_of
from shared.application.ports import InstallOrder, InstallReply, NotNow, Refused, ServerStore
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.errors import UnavailableError

NOT_YET = "Servers on premises can be registered, but not patched yet."
_AGAIN = timedelta(minutes=1)


class ServerPatching:
    """What can be done with registered servers: to see which are gone or disabled."""

    def __init__(self, servers: ServerStore) -> None:
        self._servers = servers

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """A disabled server; None when it is not registered. Raises `UnavailableError` for all others."""
        stored = await self._servers.get(machine_id)
        if stored is None:
            return None
        state = state_of(stored)
        if state.enabled:
            raise UnavailableError(NOT_YET)
        return state

    async def install(self, order: InstallOrder) -> InstallReply:
        """Nothing is started."""
        return NotNow(message=NOT_YET, cause="unreachable", again_in=_AGAIN)

    async def ask_after(self, job: Job) -> InstallReport | None:
        """There are no installs."""
        return None

    async def assess(self, machine: Machine) -> InstallReply:
        """Nothing is started."""
        return NotNow(message=NOT_YET, cause="unreachable", again_in=_AGAIN)

    async def consent(self, machine: Machine) -> InstallReply:
        """A server is patched once it is registered."""
        return Refused(message=f"Machines of type {machine.type} need no consent.")
