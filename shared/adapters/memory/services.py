"""All ports in memory, over a fleet of fake machines: what unit tests and drills run on.

The fleet stands for Azure; servers on premises are those of the registry, as in the app itself, and none of them can be
reached: there are no private keys.
"""

from asyncssh import SSHKey

from shared.adapters.inventory.combined import CombinedInventory
from shared.adapters.inventory.servers import RegisteredServers
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.patching.combined import CombinedPatching
from shared.adapters.patching.servers.patching import ServerPatching
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connections import SshConnections
from shared.adapters.ssh.errors import NotConnectedError
from shared.adapters.storage.rows import Rows
from shared.adapters.storage.stores import stores
from shared.application.limits import Limits
from shared.application.ports import Clock, Services
from shared.domain.server import KeySetting, KeyVaultSecret


class _NoKeys:
    """No private keys."""

    async def read(self, authentication: KeySetting | KeyVaultSecret) -> SSHKey:
        raise NotConnectedError("There are no private keys in memory.")


def services(
    clock: Clock,
    *,
    rows: Rows | None = None,
    outbox: MemoryOutbox | None = None,
    fleet: MemoryFleet | None = None,
    limits: Limits | None = None,
) -> Services:
    """Services that need no network; what is not handed in is empty and new."""
    machines = fleet or MemoryFleet(clock)
    kept = stores(rows or MemoryRows())
    servers = kept["servers"]
    known = limits or Limits()
    sessions = ServerSessions(servers, SshConnections(_NoKeys()), clock)
    return Services(
        clock=clock,
        limits=known,
        outbox=outbox or MemoryOutbox(),
        inventory=CombinedInventory(machines, RegisteredServers(servers)),
        patching=CombinedPatching(machines, ServerPatching(sessions, clock, known)),
        reports=machines,
        assessment_reports=machines,
        **kept,
    )
