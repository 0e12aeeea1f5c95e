"""Asking servers something over pooled connections, and ports at which there is none."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.connections import SshConnections, Timeouts
from shared.domain.server import Server
from tests.servers.login import client_key
from tests.servers.reaching import OneKey
from tests.servers.server import ThrowAwayServer

SHORT = timedelta(seconds=60)
SOON = Timeouts(connecting=timedelta(seconds=2))
"""For a server that does not answer; one that does may need longer."""


def keys() -> OneKey:
    return OneKey(client_key()[0])


async def poll(connections: SshConnections, server: Server) -> bytes:
    async with connections.to(server) as connection:
        return await connection.run("cat", server.user.encode(), within=timedelta(seconds=120))


async def run(connection: SshConnection, script: str, data: bytes = b"") -> bytes:
    return await connection.run(script, data, within=SHORT)


def logins(server: ThrowAwayServer) -> int:
    return server.sshd_log.count("Accepted publickey for muster")


@contextmanager
def silent_port() -> Iterator[int]:
    """A port at which somebody takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        yield listening.getsockname()[1]


@contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody listens at, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
