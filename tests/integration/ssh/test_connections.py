"""Connections are few, are used again, and make room for each other."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncssh
import pytest

from shared.adapters.ssh.connections import SshConnections, Timeouts
from shared.adapters.ssh.errors import (
    NotConnectedError,
)
from shared.domain.server import Server
from tests.integration.ssh.asking import (
    free_port,
    keys,
    logins,
    poll,
    run,
    silent_port,
)
from tests.integration.ssh.far_end import far_end
from tests.servers.reaching import registered, registered_as
from tests.servers.server import ThrowAwayServer
from tests.waiting import until


def fleet(port: int, number: int) -> list[Server]:
    """That many registered servers, each with a user of its own at the same address."""
    return [
        registered(port=port, host_key=None, user=f"server-{index}", name=f"server-{index}")
        for index in range(number)
    ]


async def poll_all(connections: SshConnections, servers: list[Server]) -> None:
    answers = await asyncio.gather(*(poll(connections, server) for server in servers))
    assert answers == [server.user.encode() for server in servers]


async def test_a_thousand_servers_are_polled_with_at_most_a_hundred_connections() -> None:
    patient = Timeouts(waiting=timedelta(seconds=120), connecting=timedelta(seconds=120))
    async with far_end() as end:
        async with SshConnections(keys(), limit=100, timeouts=patient) as connections:
            await poll_all(connections, fleet(end.port, 1_000))
            assert end.open == 100
        assert end.most == 100
        assert len(end.accepted) == 1_000
        await until(lambda: end.open == 0)


async def test_servers_that_find_room_keep_their_connections() -> None:
    async with far_end() as end, SshConnections(keys(), limit=20) as connections:
        for _ in range(3):
            await poll_all(connections, fleet(end.port, 20))
        assert len(end.accepted) == 20


async def test_the_connection_that_was_idle_longest_makes_room() -> None:
    async with far_end() as end, SshConnections(keys(), limit=2) as connections:
        first, second, third = fleet(end.port, 3)
        for server in (first, second, first, third, first):
            await poll(connections, server)
        assert end.accepted == ["server-0", "server-1", "server-2"]
        await poll(connections, second)
        assert end.accepted[3:] == ["server-1"]
        assert end.most == 2


async def test_who_finds_no_room_waits_for_it() -> None:
    async with far_end() as end, SshConnections(keys(), limit=1) as connections:
        first, second = fleet(end.port, 2)
        async with connections.to(first):
            waiting = asyncio.create_task(poll(connections, second))
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert not waiting.done()
            assert end.accepted == ["server-0"]
        assert await waiting == b"server-1"
        assert end.most == 1


async def test_waiting_for_room_ends() -> None:
    # Long enough for the idle connection to be closed, which is waited for too.
    impatient = Timeouts(waiting=timedelta(seconds=2))
    async with far_end() as end, SshConnections(keys(), limit=1, timeouts=impatient) as connections:
        first, second = fleet(end.port, 2)
        async with connections.to(first):
            with pytest.raises(NotConnectedError, match="No connection became free"):
                await poll(connections, second)
        assert await poll(connections, second) == b"server-1"


async def test_a_connection_that_hangs_when_it_is_closed_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def for_ever(_self: asyncssh.SSHClientConnection) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncssh.SSHClientConnection, "wait_closed", for_ever)
    hasty = Timeouts(closing=timedelta(seconds=0.05))
    async with far_end() as end:
        async with SshConnections(keys(), limit=1, timeouts=hasty) as connections:
            async with asyncio.timeout(60):
                await poll_all(connections, fleet(end.port, 3))
            assert end.most == 1
        await until(lambda: end.open == 0)


async def test_waiting_for_others_who_try_to_connect_ends() -> None:
    slow = Timeouts(waiting=timedelta(seconds=0.05), connecting=timedelta(seconds=2))
    async with SshConnections(keys(), timeouts=slow) as connections:
        with silent_port() as port:
            one = registered(port=port, host_key=None)
            tried = await asyncio.gather(
                *(poll(connections, one) for _ in range(4)), return_exceptions=True
            )
    assert [type(error) for error in tried] == [NotConnectedError] * 4
    told = [str(error) for error in tried]
    assert sum("those in time who tried" in sentence for sentence in told) == 3


async def test_two_that_waited_for_the_same_server_take_one_place() -> None:
    async with far_end() as end, SshConnections(keys(), limit=2) as connections:
        first, second, third, fourth = fleet(end.port, 4)
        async with connections.to(first), connections.to(second):
            waiting = [asyncio.create_task(poll(connections, third)) for _ in range(2)]
            await asyncio.sleep(0.01)
        assert await asyncio.gather(*waiting) == [b"server-2"] * 2
        async with connections.to(third), asyncio.timeout(60):
            assert await poll(connections, fourth) == b"server-3"
        assert end.accepted.count("server-2") == 1


async def test_room_that_was_waited_for_in_vain_is_not_lost() -> None:
    async with far_end() as end, SshConnections(keys(), limit=1) as connections:
        first, second = fleet(end.port, 2)
        async with connections.to(first):
            for _ in range(3):
                waiting = asyncio.create_task(poll(connections, second))
                await asyncio.sleep(0.01)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        assert await poll(connections, second) == b"server-1"


async def test_a_failed_connection_gives_its_room_back() -> None:
    async with far_end() as end, SshConnections(keys(), limit=1) as connections:
        with free_port() as port:
            for _ in range(3):
                with pytest.raises(NotConnectedError):
                    await poll(connections, registered(port=port, host_key=None))
        await poll(connections, fleet(end.port, 1)[0])


async def test_one_connection_serves_all_who_need_it_at_once(server: ThrowAwayServer) -> None:
    async with SshConnections(keys()) as connections, AsyncExitStack() as stack:
        taken = [
            await stack.enter_async_context(connections.to(registered_as(server))) for _ in range(5)
        ]
        answers = await asyncio.gather(*(run(one, "cat", b"hello") for one in taken))
        assert answers == [b"hello"] * 5
    assert logins(server) == 1


async def test_a_connection_that_broke_in_use_is_opened_anew(server: ThrowAwayServer) -> None:
    async with SshConnections(keys()) as connections:
        async with connections.to(registered_as(server)) as connection:
            server.drop_connections()
            await until(lambda: not connection.is_open)
        assert await poll(connections, registered_as(server)) == b"muster"
    assert logins(server) == 2


async def test_a_connection_that_broke_while_idle_is_opened_anew(server: ThrowAwayServer) -> None:
    async with SshConnections(keys()) as connections:
        async with connections.to(registered_as(server)) as connection:
            await run(connection, "true")
        assert connection.is_open
        server.drop_connections()
        await until(lambda: not connection.is_open)
        assert await poll(connections, registered_as(server)) == b"muster"
    assert logins(server) == 2


async def test_a_server_that_was_registered_differently_gets_a_new_connection(
    server: ThrowAwayServer,
) -> None:
    trusting = registered(port=server.port, host_key=None)
    async with SshConnections(keys()) as connections:
        for one in (trusting, registered_as(server), trusting):
            async with connections.to(one) as connection:
                await run(connection, "true")
    assert logins(server) == 2


async def test_closing_ends_what_is_used_and_more_can_be_opened(server: ThrowAwayServer) -> None:
    async with SshConnections(keys()) as connections:
        async with connections.to(registered_as(server)) as connection:
            await connections.close()
            assert not connection.is_open
        assert await poll(connections, registered_as(server)) == b"muster"


async def test_what_is_opened_while_all_is_closed_is_closed_too(server: ThrowAwayServer) -> None:
    connections = SshConnections(keys())
    opening = asyncio.create_task(poll(connections, registered_as(server)))
    await asyncio.sleep(0)
    await connections.close()
    assert await opening == b"muster"
    sessions = ["/usr/bin/pgrep", "-f", "sshd: muster"]
    await until(lambda: server.run(sessions).code == 1)


def test_connections_stay_in_one_event_loop(server: ThrowAwayServer) -> None:
    connections = SshConnections(keys())

    async def use_and_close() -> None:
        await poll(connections, registered_as(server))
        await connections.close()

    asyncio.run(use_and_close())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(use_and_close())
