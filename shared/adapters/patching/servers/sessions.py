"""Connections to registered servers.

1. Nothing is done on a server before its host key is known: one that is trusted on first use is stored first, and
   whoever loses that write does nothing.
2. What can't be reached is an `UnavailableError`: nothing was sent.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.connections import SshConnections
from shared.application.ports import Clock, ServerStore, StaleError, StoredServer
from shared.application.servers import registered, trusting
from shared.domain.server import Server
from shared.errors import InvalidRequestError, UnavailableError


class ServerSessions:
    """Looks servers up in the registry, and connects to them."""

    def __init__(self, servers: ServerStore, connections: SshConnections, clock: Clock) -> None:
        self._servers = servers
        self._connections = connections
        self._clock = clock

    async def find(self, machine_id: str) -> Server | None:
        """A registered server; None when it is not registered. Raises `UnavailableError`."""
        stored = await self._servers.get(machine_id)
        return None if stored is None else _read(stored)

    @asynccontextmanager
    async def open(self, machine_id: str) -> AsyncIterator[SshConnection]:
        """A connection to a registered server, whose host key is the one that is stored.

        Raises `HostKeyChangedError`, and `UnavailableError` for all else that keeps it from being connected to.
        """
        stored = await self._servers.get(machine_id)
        if stored is None:
            raise UnavailableError(f"There is no server '{machine_id}'.")
        server = _read(stored)
        async with self._connections.to(server) as connection:
            if server.host_key is None:
                await self._trust(stored, connection.host_key)
            yield connection

    @asynccontextmanager
    async def to_known(self, server: Server) -> AsyncIterator[SshConnection]:
        """A connection to a server whose host key is known; nothing is stored. Raises what `open` does."""
        if server.host_key is None:
            raise UnavailableError("Its host key is not known.")
        async with self._connections.to(server) as connection:
            yield connection

    async def _trust(self, stored: StoredServer, host_key: str) -> None:
        try:
            await self._servers.replace(trusting(stored, host_key, now=self._clock.now()))
        except StaleError as error:
            raise UnavailableError(
                "The server was changed in the registry while it was connected to for the first time."
            ) from error


def _read(stored: StoredServer) -> Server:
    try:
        return registered(stored)
    except InvalidRequestError as error:
        raise UnavailableError(
            f"The server {stored.id} is not registered as it has to be: {error.message}"
        ) from error
