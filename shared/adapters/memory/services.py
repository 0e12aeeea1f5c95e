"""All ports in memory, over a fleet of fake machines: what unit tests and drills run on.

The fleet stands for Azure; servers on premises are those of the registry, as in the app itself.
"""

from shared.adapters.inventory.combined import CombinedInventory
from shared.adapters.inventory.servers import RegisteredServers
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.patching.combined import CombinedPatching
from shared.adapters.patching.servers import ServerPatching
from shared.adapters.storage.rows import Rows
from shared.adapters.storage.stores import stores
from shared.application.limits import Limits
from shared.application.ports import Clock, Services


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
    return Services(
        clock=clock,
        limits=limits or Limits(),
        outbox=outbox or MemoryOutbox(),
        inventory=CombinedInventory(machines, RegisteredServers(servers)),
        patching=CombinedPatching(machines, ServerPatching(servers)),
        reports=machines,
        assessment_reports=machines,
        **kept,
    )
