"""The far end of many connections: asyncssh's own server, in this process, as thousands of servers that all say yes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh


@dataclass(slots=True)
class FarEnd:
    """What connected: `accepted` are the users in order; `open` are how many are connected, `most` the most at once."""

    port: int = 0
    accepted: list[str] = field(default_factory=list)
    open: int = 0
    most: int = 0
    dropping: list[asyncssh.SSHServerConnection] = field(default_factory=list)


class _Server(asyncssh.SSHServer):
    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._far_end.dropping.append(conn)
        self._far_end.open += 1
        self._far_end.most = max(self._far_end.most, self._far_end.open)

    def connection_lost(self, exc: Exception | None) -> None:
        self._far_end.open -= 1

    def begin_auth(self, username: str) -> bool:
        self._far_end.accepted.append(username)
        return False


async def _answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Say back what comes, a little later, as a server would."""
    said = await process.stdin.read()
    await asyncio.sleep(0.01)
    process.stdout.write(said)
    process.exit(0)


@asynccontextmanager
async def far_end() -> AsyncIterator[FarEnd]:
    """A listening far end on a free port of 127.0.0.1."""
    state = FarEnd()
    acceptor = await asyncssh.create_server(
        lambda: _Server(state),
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=_answer,
        encoding=None,
        login_timeout=120,
        backlog=1000,
    )
    state.port = acceptor.get_port()
    try:
        yield state
    finally:
        acceptor.close()
        await acceptor.wait_closed()
        for connection in state.dropping:
            connection.abort()
        await asyncio.sleep(0)
