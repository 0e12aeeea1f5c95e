"""The connections to all servers: opened when they are needed, kept while there is room, never more than the limit.

1. A place is counted from before a connection is opened until it is closed. Who finds no place has the connection
   closed that has been idle longest, or waits for one to become idle.
2. One connection for each way to reach a server: whoever needs it at the same time shares it.
3. One that broke is opened anew when it is next needed.
4. Whoever wants a connection has it, or an error, within twice `Timeouts.waiting`, what `Keys.read` takes and
   `Timeouts.connecting`: nothing is waited for without end. A server that hangs when its connection is closed keeps its
   place for `Timeouts.closing`.
5. All belongs to the event loop in which it was first used; using it in another is an error of the program.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self

import asyncssh

from shared.adapters.ssh.connection import SshConnection, Timeouts, connect
from shared.adapters.ssh.errors import NotConnectedError
from shared.domain.server import KeySetting, KeyVaultSecret, Server

__all__ = ["Keys", "SshConnection", "SshConnections", "Timeouts"]


class Keys(Protocol):
    """Where private keys come from."""

    async def read(self, authentication: KeySetting | KeyVaultSecret) -> asyncssh.SSHKey:
        """The key; raises `NotConnectedError` with a sentence."""


# What a connection was opened with: a server that is registered differently gets a new one.
_Way = tuple[str, int, str, str | None, KeySetting | KeyVaultSecret]


@dataclass(slots=True, kw_only=True)
class _Place:
    """A connection, if it is open, and how many use it or wait for it to be opened."""

    users: int = 0
    connection: SshConnection | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class SshConnections:
    """An async context manager; *keys* are asked each time a connection is opened."""

    def __init__(self, keys: Keys, *, limit: int = 100, timeouts: Timeouts | None = None) -> None:
        self._keys = keys
        self._timeouts = timeouts or Timeouts()
        self._room = asyncio.Semaphore(limit)
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        # The one that was used last stands last.
        self._places: OrderedDict[_Way, _Place] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    @asynccontextmanager
    async def to(self, server: Server) -> AsyncIterator[SshConnection]:
        """A connection to *server*; raises `NotConnectedError`, and what `Keys.read` and `connection.connect` do."""
        self._stay_in_loop()
        way = _way(server)
        place = await self._take(way)
        try:
            yield await self._open(place, server)
        finally:
            place.users -= 1
            await self._give_back(way, place)

    async def close(self) -> None:
        """Close all connections; those who use one lose it."""
        places, self._places = self._places, OrderedDict()
        await asyncio.gather(*(self._leave(place) for place in places.values()))

    async def _take(self, way: _Way) -> _Place:
        place = self._places.get(way)
        if place is None:
            await self._make_room()
            # Somebody else may have come the same way meanwhile.
            place = self._places.get(way)
            if place is None:
                place = self._places[way] = _Place()
            else:
                self._room.release()
        self._places.move_to_end(way)
        place.users += 1
        return place

    async def _make_room(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeouts.waiting.total_seconds()):
                if self._room.locked():
                    await self._close_idle()
                await self._room.acquire()
        except TimeoutError as error:
            raise NotConnectedError(
                "No connection became free in time: all that Muster may have open are in use."
            ) from error
        finally:
            self._waiting -= 1

    async def _close_idle(self) -> None:
        """Close the connection that has been idle longest, if there is one."""
        for way, place in self._places.items():
            if not place.users:
                del self._places[way]
                await self._leave(place)
                return

    async def _open(self, place: _Place, server: Server) -> SshConnection:
        async with self._turn(place):
            if place.connection is None or not place.connection.is_open:
                key = await self._keys.read(server.authentication)
                place.connection = await connect(server, key, timeouts=self._timeouts)
            return place.connection

    @asynccontextmanager
    async def _turn(self, place: _Place) -> AsyncIterator[None]:
        """One after the other tries to connect; who has waited too long for those before has not tried."""
        try:
            async with asyncio.timeout(self._timeouts.waiting.total_seconds()):
                await place.opening.acquire()
        except TimeoutError as error:
            raise NotConnectedError(
                "The server did not answer those in time who tried to connect to it before."
            ) from error
        try:
            yield
        finally:
            place.opening.release()

    async def _give_back(self, way: _Way, place: _Place) -> None:
        """Keep an open connection for the next, unless others wait for its place."""
        if place.users:
            return
        if self._places.get(way) is not place:
            # All were closed while this one was being opened.
            if place.connection:
                await place.connection.close()
            return
        if self._waiting or place.connection is None or not place.connection.is_open:
            del self._places[way]
            await self._leave(place)

    async def _leave(self, place: _Place) -> None:
        try:
            if place.connection:
                await place.connection.close()
        finally:
            self._room.release()

    def _stay_in_loop(self) -> None:
        running = asyncio.get_running_loop()
        self._loop = self._loop or running
        if self._loop is not running:
            raise RuntimeError("These connections belong to another event loop.")


def _way(server: Server) -> _Way:
    return server.host, server.port, server.user, server.host_key, server.authentication
