"""The port `Inventory` over the registry of servers on premises.

The registry is read whole for each page, and what is true now: it holds what people have registered one by one.
"""

from datetime import datetime

from shared.application.ports import InventoryPage, ServerStore, StoredServer
from shared.application.server_body import parse_server
from shared.domain.machine import MachineState, MachineType
from shared.domain.scope import Scope, narrow
from shared.errors import InvalidRequestError, UnavailableError


class RegisteredServers:
    """Which servers there are in the registry."""

    def __init__(self, servers: ServerStore) -> None:
        self._servers = servers

    async def is_readable(self, subscription: str) -> bool:
        """Whether the subscription has servers; the registry itself can always be read."""
        return bool([one async for one in self._servers.list(f"/subscriptions/{subscription}")])

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        """At most *limit* servers in the order of their keys, which is not that of the rows.

        Raises `UnavailableError` for a server that an older version stored and that can't be read any more.
        """
        if MachineType.SERVER not in narrow(scope).types:
            return InventoryPage(states=(), last=None)
        prefix = f"/subscriptions/{scope.subscription}"
        if scope.resource_group:
            prefix += f"/resourceGroups/{scope.resource_group}"
        found = {one.id.lower(): one async for one in self._servers.list(prefix)}
        keys = sorted(key for key in found if key > after)
        states = tuple(state_of(found[key]) for key in keys[:limit])
        return InventoryPage(states=states, last=keys[limit - 1] if len(keys) > limit else None)


def state_of(stored: StoredServer) -> MachineState:
    """A stored server as a machine; raises `UnavailableError` for one that breaks a rule of this version."""
    try:
        return parse_server(stored.id, stored.document).state
    except InvalidRequestError as error:
        raise UnavailableError(
            f"The server {stored.id} is not registered as it has to be: {error.message}"
        ) from error
