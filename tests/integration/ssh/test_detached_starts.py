"""A task is started once, whoever tries it, how often, and wherever the connection breaks."""

import asyncio
import contextlib
import os
import shlex
from datetime import timedelta

import pytest

from shared.adapters.ssh import detached
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Started, State, discard, look, plan_of, start
from shared.errors import UnavailableError
from tests.integration.ssh.tasks import (
    APPENDS,
    FOLDER,
    HOME,
    KEY,
    go,
    has_begun,
    nothing_launched,
    reaches,
    runs,
    shell,
    task,
)
from tests.servers.reaching import connected
from tests.servers.server import ThrowAwayServer
from tests.waiting import until

WAITS = task(shell("waits", APPENDS))


def leftovers(server: ThrowAwayServer) -> list[str]:
    return sorted(path.name for path in (server.root / HOME / ".muster").glob(".*"))


def make_old(server: ThrowAwayServer, name: str, *, days: int) -> None:
    when = f"{-days} days"
    assert server.run(["/usr/bin/touch", "-d", when, f"/{HOME}/.muster/{name}"]).code == 0


async def test_a_repeated_start_finds_the_task(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        assert await start(connection, WAITS) is Started.CREATED
        await has_begun(server)
        assert await start(connection, WAITS) is Started.FOUND
        go(server)
        await reaches(server, State.ENDED)
        assert await start(connection, WAITS) is Started.FOUND
    assert runs(server) == 1
    assert leftovers(server) == []


async def test_of_many_simultaneous_starts_one_makes_the_task(server: ThrowAwayServer) -> None:
    async def one() -> Started:
        async with connected(server) as connection:
            return await start(connection, WAITS)

    go(server)
    found = await asyncio.gather(*(one() for _ in range(12)))
    assert found.count(Started.CREATED) == 1
    await reaches(server, State.ENDED)
    assert runs(server) == 1
    assert leftovers(server) == []


async def test_launching_the_runner_again_changes_nothing(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        await start(connection, WAITS)
    await has_begun(server)
    again = ["/bin/sh", "-c", f"cd /{FOLDER} && exec setsid -w sh ./runner"]
    assert server.run(again, "muster").code == 0
    go(server)
    await reaches(server, State.ENDED)
    assert runs(server) == 1


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.99])
async def test_an_upload_that_is_cut_leaves_nothing(server: ThrowAwayServer, kept: float) -> None:
    plan = plan_of(task(shell("one", "echo begun >> ~/begun"), shell("two", "exit 1")))
    sent = f"{KEY}\n{plan[: int(len(plan) * kept)]}".encode()
    async with connected(server) as connection:
        process = await connection._connection.create_process(
            f"exec /bin/sh -c {shlex.quote(detached._START)}", encoding=None
        )
        process.stdin.write(sent)
        await until(lambda: any(name.startswith(".new.") for name in leftovers(server)))
        server.drop_connections()
        await process.wait_closed()
    await until(lambda: leftovers(server) == [])
    await reaches(server, State.ABSENT)
    assert not (server.root / HOME / "begun").exists()


async def test_a_start_that_lost_its_connection_is_repeated_safely(server: ThrowAwayServer) -> None:
    keys = [f"cut-{number}" for number in range(16)]
    counted = shell("counts", "echo x >> ~/begun")

    async def try_once(key: str) -> None:
        with contextlib.suppress(UnavailableError):
            async with connected(server) as connection:
                await start(connection, task(counted, key=key))

    for number, key in enumerate(keys):
        trying = asyncio.create_task(try_once(key))
        await asyncio.sleep(0.02 + number * 0.006)
        server.drop_connections()
        await trying
    for key in keys:
        await try_once(key)
    for key in keys:
        await reaches(server, State.ENDED, key=key)
    assert runs(server) == len(keys)


async def test_what_was_made_but_not_launched_is_launched_by_the_next_start(
    server: ThrowAwayServer,
) -> None:
    go(server)
    async with connected(server) as connection:
        with nothing_launched(server):
            assert await start(connection, WAITS) is Started.CREATED
        assert (await look(connection, [KEY]))[KEY].state is State.PREPARED
        assert await start(connection, WAITS) is Started.FOUND
    await reaches(server, State.ENDED)
    assert runs(server) == 1


async def test_an_abandoned_task_never_runs(server: ThrowAwayServer) -> None:
    go(server)
    async with connected(server) as connection:
        with nothing_launched(server):
            await start(connection, WAITS)
        found = await look(connection, [KEY], abandoned_after=timedelta(seconds=-1))
        assert found[KEY].state is State.INTERRUPTED
        assert await start(connection, WAITS) is Started.FOUND
    late = ["/bin/sh", "-c", f"cd /{FOLDER} && exec setsid -w sh ./runner"]
    assert server.run(late, "muster").code == 0
    assert (await reaches(server, State.INTERRUPTED)).outputs == {}
    assert not (server.root / HOME / "begun").exists()


async def test_a_task_from_before_the_clock_was_set_back_is_abandoned_too(
    server: ThrowAwayServer,
) -> None:
    async with connected(server) as connection:
        with nothing_launched(server):
            await start(connection, WAITS)
        make_old(server, KEY, days=-1)
        assert (await look(connection, [KEY]))[KEY].state is State.INTERRUPTED


async def test_what_runs_is_not_discarded(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        await start(connection, WAITS)
        await has_begun(server)
        assert not await discard(connection, KEY)
        go(server)
        await reaches(server, State.ENDED)
        assert await discard(connection, KEY)
        assert await discard(connection, KEY)
        assert await start(connection, WAITS) is Started.CREATED
        await reaches(server, State.ENDED)
    assert runs(server) == 2


async def test_what_was_only_made_is_not_discarded(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        with nothing_launched(server):
            await start(connection, WAITS)
        assert not await discard(connection, KEY)


async def test_old_folders_are_swept_away(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        for key in ("old", "recent"):
            await start(connection, task(shell("one", "exit 0"), key=key))
            await reaches(server, State.ENDED, key=key)
        await start(connection, task(shell("waits", APPENDS), key="old-but-running"))
        await has_begun(server)
        for name in (".new.old", ".old.old", ".new.recent"):
            (server.root / HOME / ".muster" / name).mkdir()
            os.chown(server.root / HOME / ".muster" / name, 4711, 4711)
        for name, days in {"old": 31, "recent": 29, "old-but-running": 31}.items():
            make_old(server, name, days=days)
        for name in (".new.old", ".old.old"):
            make_old(server, name, days=2)
        await start(connection, task(shell("one", "exit 0"), key="new"))
    found = sorted(path.name for path in (server.root / HOME / ".muster").iterdir())
    assert found == [".new.recent", "new", "old-but-running", "recent"]


async def test_a_full_disk_starts_nothing(server: ThrowAwayServer) -> None:
    limited = ["/bin/mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "full", f"/{HOME}/.muster"]
    (server.root / HOME / ".muster").mkdir()
    assert server.run(limited).code == 0
    async with connected(server) as connection:
        with pytest.raises(UnavailableError, match="disk full"):
            await start(connection, WAITS)
        assert (await look(connection, [KEY]))[KEY].state is State.ABSENT


async def test_what_can_not_be_recorded_is_not_run(server: ThrowAwayServer) -> None:
    pages = -(-len(detached._RUNNER) // 4096) + 1
    size = ["-o", f"size={pages * 4}k,mode=777"]
    (server.root / HOME / ".muster").mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", *size, "full", f"/{HOME}/.muster"]
    assert server.run(mount).code == 0
    go(server)
    async with connected(server) as connection:
        assert await start(connection, WAITS) is Started.CREATED
        await until(lambda: server.run(["/usr/bin/pgrep", "-f", "runner"]).code == 1)
        assert (await look(connection, [KEY]))[KEY].state is State.PREPARED
    assert not (server.root / HOME / "begun").exists()


@pytest.mark.parametrize("key", ["", "../x", "A", "a b", "a\n", "ä", "x" * 81])
async def test_a_key_is_a_plain_word(key: str) -> None:
    nobody: SshConnection = None  # type: ignore[assignment] # refused before anything is sent
    with pytest.raises(ValueError, match="key of a task"):
        task(shell("one", "exit 0"), key=key)
    with pytest.raises(ValueError, match="key of a task"):
        await look(nobody, [key])
    with pytest.raises(ValueError, match="key of a task"):
        await discard(nobody, key)
