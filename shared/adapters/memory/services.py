"""All ports in memory, over a fleet of fake machines: what unit tests and drills run on."""

from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
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
    return Services(
        clock=clock,
        limits=limits or Limits(),
        outbox=outbox or MemoryOutbox(),
        inventory=machines,
        patching=machines,
        reports=machines,
        assessment_reports=machines,
        **stores(rows or MemoryRows()),
    )
