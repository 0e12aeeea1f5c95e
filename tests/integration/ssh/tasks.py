"""Tasks for the tests, and waiting for what becomes of them on a real server."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.adapters.ssh.commands import Command, Condition, Step
from shared.adapters.ssh.detached import Snapshot, Started, State, Task, look, start
from tests.servers.reaching import connected
from tests.servers.server import ThrowAwayServer
from tests.waiting import PATIENCE, until

KEY = "install-1"
HOME = "home/muster"
FOLDER = f"{HOME}/.muster/{KEY}"

# Says so in a file, then waits for another.
APPENDS = "echo begun >> ~/begun; until [ -e ~/go ]; do sleep 0.05; done; echo done"


def shell(
    name: str, script: str, *, only_if: tuple[Condition, ...] = (), within: timedelta | None = None
) -> Step:
    """A step that is a small script."""
    words = ("/bin/sh", "-c", script)
    return Step(name=name, command=Command(words=words), only_if=only_if, within=within)


def reboot() -> Step:
    words = ("/usr/bin/systemctl", "reboot")
    return Step(name="reboot", command=Command(words=words, as_root=True), reboots=True)


def task(
    *steps: Step,
    key: str = KEY,
    locked: str = "",
    began: str = "",
    patience: float = 0,
    not_after: timedelta | None = None,
) -> Task:
    return Task(
        key=key,
        steps=steps,
        locked=(locked,) if locked else (),
        began=(began,) if began else (),
        not_after=not_after,
        patience=timedelta(seconds=patience),
        pause=timedelta(seconds=1),
        note="a note, $HOME `id` 'and' \"more\"",
    )


async def becomes(
    server: ThrowAwayServer, is_right: Callable[[Snapshot], bool], *, key: str = KEY
) -> Snapshot:
    """The first look at the task that is right, over one new connection."""
    deadline = time.monotonic() + PATIENCE
    async with connected(server) as connection:
        while True:
            snapshot = (await look(connection, [key]))[key]
            if is_right(snapshot):
                return snapshot
            assert time.monotonic() < deadline, snapshot
            await asyncio.sleep(0.05)


@contextmanager
def nothing_launched(server: ThrowAwayServer) -> Iterator[None]:
    """As if the power went between the making of the folder and the launch."""
    setsid = server.root / "usr/bin/setsid"
    setsid.rename(server.root / "usr/bin/setsid.away")
    yield
    (server.root / "usr/bin/setsid.away").rename(setsid)


async def reaches(server: ThrowAwayServer, state: State, *, key: str = KEY) -> Snapshot:
    return await becomes(server, lambda snapshot: snapshot.state is state, key=key)


async def begin(server: ThrowAwayServer, started: Task) -> None:
    async with connected(server) as connection:
        assert await start(connection, started) is Started.CREATED


async def result(server: ThrowAwayServer, started: Task) -> Snapshot:
    await begin(server, started)
    return await reaches(server, State.ENDED, key=started.key)


async def has_begun(server: ThrowAwayServer) -> None:
    """A step that appends has done so."""
    await until(lambda: (server.root / HOME / "begun").exists())


def runs(server: ThrowAwayServer) -> int:
    """How often a step that appends was run."""
    return len((server.root / HOME / "begun").read_text(encoding="ascii").splitlines())


def go(server: ThrowAwayServer) -> None:
    """Let the step that waits end."""
    (server.root / HOME / "go").touch()
