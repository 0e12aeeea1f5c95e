"""How Muster reaches a throw-away server: the registered server, its key, and a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from shared.adapters.ssh.connections import SshConnection, SshConnections, Timeouts
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.server import KeySetting, KeyVaultSecret, Server
from tests.servers.server import ThrowAwayServer

SETTING = KeySetting(name="SSH_KEY")
_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"


class OneKey:
    """The same private key, wherever it is said to be kept."""

    def __init__(self, private_key: str) -> None:
        self._key = asyncssh.import_private_key(private_key)

    async def read(self, _authentication: KeySetting | KeyVaultSecret) -> asyncssh.SSHKey:
        return self._key


def registered(
    *,
    port: int,
    host_key: str | None,
    host: str = "127.0.0.1",
    user: str = "muster",
    name: str = "db-1",
) -> Server:
    """A server of the registry."""
    machine = Machine(
        id=f"{_GROUP}/providers/Muster.OnPremises/servers/{name}",
        type=MachineType.SERVER,
        subscription="00000000-0000-0000-0000-000000000001",
        resource_group="rg",
        location="berlin",
        os_type=OsType.LINUX,
    )
    return Server(
        machine=machine,
        host=host,
        port=port,
        user=user,
        host_key=host_key,
        authentication=SETTING,
        enabled=True,
    )


def registered_as(server: ThrowAwayServer) -> Server:
    """A throw-away server as the registry has it, with its host key."""
    return registered(port=server.port, host_key=server.host_key)


@asynccontextmanager
async def connected(
    server: ThrowAwayServer, *, timeouts: Timeouts | None = None
) -> AsyncIterator[SshConnection]:
    """A connection to it."""
    keys = OneKey(server.private_key)
    async with (
        SshConnections(keys, timeouts=timeouts) as connections,
        connections.to(registered_as(server)) as connection,
    ):
        yield connection
