"""The port `Inventory` over Azure and the registry of servers together, as one list in the order of keys.

1. Each is asked only for what the scope's types allow.
2. Where one of the two ends its page early, the other's machines beyond that key wait for the next page.
3. Azure shows nothing of a subscription that the app can't see. Servers in it must not make that look like an answer.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.application.ports import Inventory, InventoryPage
from shared.domain.machine import MachineType
from shared.domain.scope import Scope, narrow
from shared.errors import UnavailableError


class CombinedInventory:
    """Which machines there are, in Azure and on premises."""

    def __init__(self, azure: Inventory, servers: Inventory) -> None:
        self._azure = azure
        self._servers = servers

    async def is_readable(self, subscription: str) -> bool:
        """Whether the subscription has servers, or Azure lets the app see it."""
        if await self._servers.is_readable(subscription):
            return True
        return await self._azure.is_readable(subscription)

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        """At most *limit* machines; raises `UnavailableError` where either part can't be read."""
        types = narrow(scope).types
        if MachineType.SERVER not in types:
            return await self._azure.page(scope, after=after, limit=limit, since=since)
        servers = await self._servers.page(scope, after=after, limit=limit, since=since)
        if types == {MachineType.SERVER}:
            return servers
        azure = await self._azure.page(scope, after=after, limit=limit, since=since)
        if not after and not azure.states:
            await self._check_azure(scope.subscription)
        return _merged((azure, servers), limit=limit)

    async def _check_azure(self, subscription: str) -> None:
        """Where there are no servers either, whoever reads the empty page asks the same."""
        if not await self._servers.is_readable(subscription):
            return
        if not await self._azure.is_readable(subscription):
            raise UnavailableError(
                f"Subscription {subscription} is not readable in Azure; its servers alone would be "
                f"found by the resource type {MachineType.SERVER}."
            )


def _merged(pages: Sequence[InventoryPage], *, limit: int) -> InventoryPage:
    """The first *limit* machines up to the key at which the first page ends that has another after it."""
    end = min((page.last for page in pages if page.last is not None), default=None)
    states = [
        state
        for page in pages
        for state in page.states
        # What a page holds lies before its own end, however its inventory sorts what is not ASCII.
        if end in (None, page.last) or state.machine.key <= end
    ]
    states.sort(key=lambda one: one.machine.key)
    if len(states) > limit:
        return InventoryPage(states=tuple(states[:limit]), last=states[limit - 1].machine.key)
    return InventoryPage(states=tuple(states), last=end)
