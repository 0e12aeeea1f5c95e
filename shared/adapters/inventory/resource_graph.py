"""The port `Inventory` over Azure Resource Graph: Azure VMs and Arc-enabled servers.

The query narrows by type, group, location and system, never by tags: `domain.scope.matches` decides.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.adapters.arm import ArmClient
from shared.adapters.clock import SystemClock
from shared.adapters.inventory import kql
from shared.adapters.inventory.facts import (
    read_arc_state,
    read_os_type,
    read_tags,
    read_vm_state,
)
from shared.adapters.inventory.search import search
from shared.adapters.inventory.shared_sweeps import SharedSweeps
from shared.application.ports import Clock, InventoryPage
from shared.domain.machine import Machine, MachineState, MachineType, OsType
from shared.domain.scope import Narrowing, Scope, narrow

_SUBSCRIPTIONS_API_VERSION = "2022-12-01"


class ResourceGraphInventory:
    """Which machines there are in Azure."""

    def __init__(self, arm: ArmClient, clock: Clock | None = None) -> None:
        self._arm = arm
        self._shared = SharedSweeps(self._page, clock or SystemClock())

    async def is_readable(self, subscription: str) -> bool:
        """Whether `GET /subscriptions/{id}` is 200; `UnavailableError` if Azure does not say."""
        reply = await self._arm.get(
            f"/subscriptions/{subscription}", api_version=_SUBSCRIPTIONS_API_VERSION
        )
        return reply.status == 200

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        """At most *limit* machines, and never more than Resource Graph's 1,000, in the order of their keys."""
        narrowing = narrow(scope)
        if since is None:
            return await self._page(narrowing, after, limit)
        return await self._shared.page(narrowing, after=after, limit=limit, since=since)

    async def _page(self, narrowing: Narrowing, after: str, limit: int) -> InventoryPage:
        query = kql.machines(narrowing, after=after, limit=limit)
        if query is None:
            return InventoryPage(states=(), last=None)
        found = await search(self._arm, query, limit=limit, subscriptions=[narrowing.subscription])
        return InventoryPage(states=tuple(map(_state, found.rows)), last=found.last)


def _state(row: Mapping[str, Any]) -> MachineState:
    machine = _machine(row)
    if machine.type is not MachineType.AZURE_VM:
        return read_arc_state(machine, status=row["status"])
    settings = row["windows"] if machine.os_type is OsType.WINDOWS else row["linux"]
    return read_vm_state(machine, settings=settings, power=row["power"])


def _machine(row: Mapping[str, Any]) -> Machine:
    return Machine(
        id=str(row["id"]),
        type=MachineType(row["type"]),
        subscription=str(row["subscriptionId"]),
        resource_group=str(row["resourceGroup"]),
        location=str(row["location"]),
        os_type=read_os_type(row["os"]),
        tags=read_tags(row["tags"]),
    )
