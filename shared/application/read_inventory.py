"""Reading the inventory of a scope, page by page: no machines are a fact only where the app can see."""

from datetime import datetime

from shared.application.ports import InventoryPage, Services
from shared.domain.machine import MachineType
from shared.domain.scope import Scope, narrow
from shared.errors import UnavailableError


async def read_page(
    services: Services, scope: Scope, *, after: str, since: datetime | None = None
) -> InventoryPage:
    """The page after a key, which is empty at the start; *since* as in `Inventory.page`. Raises `UnavailableError`.

    A scope that shows nothing at all may lie in a subscription that the app can't see: that is no empty scope. Of
    servers Muster itself keeps the list, so none are none, and Azure is not asked.
    """
    limit = services.limits.inventory_page
    page = await services.inventory.page(scope, after=after, limit=limit, since=since)
    if after or page.states or narrow(scope).types == {MachineType.SERVER}:
        return page
    if not await services.inventory.is_readable(scope.subscription):
        raise UnavailableError(f"Subscription {scope.subscription} is not readable.")
    return page
