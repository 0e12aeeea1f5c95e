"""A server that says too much, or what no server says, costs its own connection and nothing else."""

import asyncio
import contextlib
import struct
from datetime import timedelta

import asyncssh
import pytest

from shared.adapters.ssh.connections import SshConnections
from shared.adapters.ssh.errors import LostError, NotConnectedError
from tests.integration.ssh.asking import SHORT, keys, poll, run
from tests.servers.reaching import connected, registered
from tests.servers.server import ThrowAwayServer
from tests.waiting import until

# RFC 4253, 7.1: the type, a cookie, ten lists of names, a flag and a number.
_BEGIN = bytes([20, *range(16)])


def packet(payload: bytes) -> bytes:
    """A packet that is not encrypted; RFC 4253, 6."""
    padding = 16 - (5 + len(payload)) % 8
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(_BEGIN, id="a packet in part"),
        pytest.param(_BEGIN + b"\0\0\0\1\xff" * 10 + bytes(5), id="names that are no text"),
        pytest.param(b"\xff" * 40, id="nothing that is known"),
    ],
)
async def test_what_no_server_says_is_no_connection(said: bytes) -> None:
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-other\r\n" + packet(said))
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        left.set()

    acceptor = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = acceptor.sockets[0].getsockname()[1]
    async with acceptor, SshConnections(keys()) as connections:
        with pytest.raises(NotConnectedError, match="ended the connection before the login"):
            await poll(connections, registered(port=port, host_key=None))
        await left.wait()


@pytest.mark.parametrize("script", ["cat /dev/zero", "cat /dev/zero >&2"], ids=["out", "err"])
async def test_an_endless_answer_costs_the_connection_at_once(
    server: ThrowAwayServer, script: str
) -> None:
    async with connected(server) as connection:
        with pytest.raises(LostError, match="answered more than 1048576 bytes"):
            await connection.run(script, b"", within=timedelta(seconds=60))
        assert not connection.is_open
        await until(lambda: server.run(["/usr/bin/pgrep", "-x", "cat"]).code == 1)


async def test_an_answer_may_be_as_long_as_was_asked_for(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        assert await connection.run("cat", b"x" * 100, within=SHORT, largest=100) == b"x" * 100
        with pytest.raises(LostError, match="more than 100 bytes"):
            await connection.run("cat", b"x" * 101, within=SHORT, largest=100)


async def test_a_command_that_nobody_waits_for_any_more_is_left(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        running = asyncio.create_task(
            connection.run("cat /dev/zero", b"", within=SHORT, largest=1 << 40)
        )
        await until(lambda: server.run(["/usr/bin/pgrep", "-x", "cat"]).code == 0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: server.run(["/usr/bin/pgrep", "-x", "cat"]).code == 1)
        assert await run(connection, "echo still here") == b"still here\n"


async def test_nothing_is_compressed() -> None:
    acceptor = await asyncssh.create_server(
        asyncssh.SSHServer,
        *("127.0.0.1", 0),
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        compression_algs=["zlib@openssh.com"],
    )
    async with acceptor, SshConnections(keys()) as connections:
        with pytest.raises(NotConnectedError, match="do not agree"):
            await poll(connections, registered(port=acceptor.get_port(), host_key=None))
