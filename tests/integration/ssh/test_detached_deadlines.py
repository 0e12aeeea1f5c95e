"""A task that may only begin until some moment does not begin after it, whatever has stood still meanwhile."""

from datetime import timedelta

import pytest

from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Started, State, look, start
from shared.adapters.ssh.snapshots import Moment
from tests.integration.ssh.tasks import (
    APPENDS,
    FOLDER,
    HOME,
    KEY,
    go,
    nothing_launched,
    reaches,
    runs,
    shell,
    task,
)
from tests.servers.reaching import connected
from tests.servers.server import ThrowAwayServer

PUNCTUAL = task(shell("waits", APPENDS), not_after=timedelta(seconds=60))
OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


class StoodStill:
    """A connection over which the first question, what time it is there, was answered long ago."""

    def __init__(self, connection: SshConnection, *, ago: int, boot: str | None) -> None:
        self._connection = connection
        self._ago = ago
        self._boot = boot

    async def run(
        self, script: str, data: bytes, *, within: timedelta, largest: int = 1000
    ) -> bytes:
        said = await self._connection.run(script, data, within=within, largest=largest)
        now = Moment.parse(said.decode().strip())
        if now is None:
            return said
        return f"{now.date} {self._boot or now.boot} {now.uptime - self._ago}\n".encode()


async def test_a_task_that_is_in_time_is_run(server: ThrowAwayServer) -> None:
    go(server)
    async with connected(server) as connection:
        assert await start(connection, PUNCTUAL) is Started.CREATED
        found = await reaches(server, State.ENDED)
        assert found.note == PUNCTUAL.note
        assert await start(connection, PUNCTUAL) is Started.FOUND
    assert runs(server) == 1


@pytest.mark.parametrize(
    ("ago", "boot"),
    [
        pytest.param(60, None, id="its time has passed"),
        pytest.param(0, OTHER_BOOT, id="the server has booted since"),
    ],
)
async def test_a_start_that_comes_late_makes_nothing(
    server: ThrowAwayServer, ago: int, boot: str | None
) -> None:
    async with connected(server) as connection:
        late = StoodStill(connection, ago=ago, boot=boot)
        assert await start(late, PUNCTUAL) is Started.LATE
        assert (await look(connection, [KEY]))[KEY].state is State.ABSENT
        assert list((server.root / HOME / ".muster").iterdir()) == []
        go(server)
        assert await start(connection, PUNCTUAL) is Started.CREATED
        await reaches(server, State.ENDED)
        # What is there already is found, at any time.
        assert await start(late, PUNCTUAL) is Started.FOUND
    assert runs(server) == 1


async def test_a_runner_that_comes_late_runs_nothing_for_ever(server: ThrowAwayServer) -> None:
    go(server)
    async with connected(server) as connection:
        with nothing_launched(server):
            assert await start(connection, PUNCTUAL) is Started.CREATED
        plan = server.root / FOLDER / "plan"
        lines = plan.read_text().splitlines()
        (by,) = (line for line in lines if line.startswith("begin-by "))
        past = f"{by.rpartition(' ')[0]} 1"
        plan.write_text("".join(f"{past if line == by else line}\n" for line in lines))
        assert await start(connection, PUNCTUAL) is Started.FOUND
        found = await reaches(server, State.INTERRUPTED)
        assert (found.began_ago, found.outputs) == (None, {})
        plan.write_text("".join(f"{line}\n" for line in lines))
        assert await start(connection, PUNCTUAL) is Started.FOUND
        await reaches(server, State.INTERRUPTED)
    assert not (server.root / HOME / "begun").exists()
