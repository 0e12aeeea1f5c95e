"""A task runs on without anybody, and what is said of it is true, whatever is killed."""

import os
import signal
import time
from datetime import timedelta

import pytest

from shared.adapters.ssh.commands import Command, Condition, Step
from shared.adapters.ssh.detached import Started, State, ages, discard, start
from tests.integration.ssh.tasks import (
    APPENDS,
    FOLDER,
    HOME,
    KEY,
    becomes,
    begin,
    go,
    has_begun,
    nothing_launched,
    reaches,
    reboot,
    result,
    runs,
    shell,
    task,
)
from tests.servers.reaching import connected
from tests.servers.server import ThrowAwayServer
from tests.waiting import until

WAITS = task(shell("waits", APPENDS), shell("after", "echo after"))
SLEEPS_AS_ROOT = Step(
    name="sleeps", command=Command(words=("/usr/bin/sleep", "1000"), as_root=True)
)


def runner(server: ThrowAwayServer) -> str:
    """The runner's process."""
    return (server.root / FOLDER / "running/session").read_text(encoding="ascii").split()[0]


def kill(server: ThrowAwayServer, *processes: str) -> None:
    assert server.run(["/bin/kill", f"-{signal.SIGKILL.value}", *processes]).code == 0


async def test_a_task_outlives_connections_and_sshd(server: ThrowAwayServer) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    server.drop_connections()
    server.kill_sshd()
    go(server)
    await until(lambda: (server.root / FOLDER / "ended").exists())
    server.start_sshd()
    found = await reaches(server, State.ENDED)
    assert found.outputs["after"].stdout == "after\n"
    assert runs(server) == 1


async def test_what_has_outlived_its_runner_still_runs(server: ThrowAwayServer) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    kill(server, runner(server))
    assert (await reaches(server, State.RUNNING)).outputs == {}
    async with connected(server) as connection:
        assert not await discard(connection, KEY)
        go(server)
        await reaches(server, State.INTERRUPTED)
        assert await start(connection, WAITS) is Started.FOUND
        found = await reaches(server, State.INTERRUPTED)
        assert (found.outputs, runs(server)) == ({}, 1)
        assert await discard(connection, KEY)
        assert await start(connection, WAITS) is Started.CREATED
    await reaches(server, State.ENDED)


async def test_what_runs_as_root_outlives_its_runner_too(server: ThrowAwayServer) -> None:
    await begin(server, task(SLEEPS_AS_ROOT))
    pattern = ["/usr/bin/pgrep", "-x", "sleep"]
    await until(lambda: server.run(pattern).code == 0)
    kill(server, runner(server))
    await reaches(server, State.RUNNING)
    parents = server.run(["/usr/bin/pgrep", "-x", "sudo"]).stdout.split()
    if parents:
        kill(server, *parents)
        await reaches(server, State.RUNNING)
    kill(server, *server.run(pattern).stdout.split())
    await reaches(server, State.INTERRUPTED)


async def test_results_from_before_an_interruption_are_kept(server: ThrowAwayServer) -> None:
    await begin(server, task(shell("before", "echo before"), shell("waits", APPENDS)))
    await has_begun(server)
    # In one go: what the step runs while it waits comes and goes.
    session = ["/usr/bin/pkill", f"-{signal.SIGKILL.value}", "-s", runner(server)]
    assert server.run(session).code == 0
    found = await reaches(server, State.INTERRUPTED)
    assert found.outputs["before"].stdout == "before\n"
    assert list(found.outputs) == ["before"]
    assert found.ended_ago is None


async def test_a_power_cut_interrupts_for_good(server: ThrowAwayServer) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    server.reboot()
    assert (await reaches(server, State.INTERRUPTED)).reboot is None
    async with connected(server) as connection:
        assert await start(connection, WAITS) is Started.FOUND
    await reaches(server, State.INTERRUPTED)
    assert runs(server) == 1


@pytest.mark.parametrize(
    ("field", "other"),
    [
        pytest.param(1, "1", id="its leader began at another time"),
        pytest.param(3, "00000000-0000-0000-0000-000000000000", id="it is of another boot"),
    ],
)
async def test_another_session_with_the_same_number_is_not_the_tasks(
    server: ThrowAwayServer, field: int, other: str
) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    session = server.root / FOLDER / "running/session"
    words = session.read_text(encoding="ascii").split()
    words[field] = other
    session.write_text(f"{' '.join(words)}\n", encoding="ascii")
    await reaches(server, State.INTERRUPTED)


async def test_a_reboot_is_asked_for_and_then_done(server: ThrowAwayServer) -> None:
    server.set_reboots("held")
    asked = await result(server, task(shell("one", "echo one"), reboot()))
    assert asked.outputs["reboot"].code == 0
    assert asked.reboot is not None
    assert not asked.reboot.is_done
    server.reboot()
    done = await reaches(server, State.ENDED)
    assert done.reboot is not None
    assert done.reboot.is_done
    assert done.outputs["one"].stdout == "one\n"


async def test_a_reboot_that_takes_the_runner_along_is_done(server: ThrowAwayServer) -> None:
    before = server.boot_id
    await begin(server, task(shell("one", "echo one"), reboot()))
    server.wait_for_boot(before)
    found = await becomes(server, lambda snapshot: snapshot.state is not State.ABSENT)
    assert found.state is State.ENDED
    assert found.reboot is not None
    assert found.reboot.is_done
    assert found.ended_ago is not None
    assert found.outputs["one"].stdout == "one\n"


async def test_a_reboot_that_fails_is_never_done(server: ThrowAwayServer) -> None:
    server.set_reboots("fails")
    found = await result(server, task(shell("one", "echo one"), reboot()))
    assert found.outputs["reboot"].code == 1
    assert found.reboot is not None
    assert not found.reboot.is_done


async def test_a_runner_that_is_killed_while_the_server_goes_down_has_asked_for_it(
    server: ThrowAwayServer,
) -> None:
    server.set_reboots("held")
    await result(server, task(shell("one", "echo one"), reboot()))
    (server.root / FOLDER / "ended").unlink()
    found = await reaches(server, State.ENDED)
    assert found.reboot is not None
    assert not found.reboot.is_done
    assert found.ended_ago == found.reboot.ago


async def test_a_reboot_that_is_not_due_is_not_asked_for(server: ThrowAwayServer) -> None:
    needed = Condition(step="one", codes=(1,))
    unneeded = Step(name="reboot", command=reboot().command, only_if=(needed,), reboots=True)
    found = await result(server, task(shell("one", "exit 0"), unneeded))
    assert found.reboot is None
    assert list(found.outputs) == ["one"]


async def test_all_tasks_are_listed_with_their_ages_and_left_as_they_are(
    server: ThrowAwayServer,
) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    with nothing_launched(server):
        await begin(server, task(shell("never", "exit"), key="install-2"))
    hour_ago = time.time() - 3600
    os.utime(server.root / HOME / ".muster/install-2/plan", (hour_ago, hour_ago))
    (server.root / HOME / ".muster/.new.torn").mkdir()
    async with connected(server) as connection:
        found = await ages(connection)
        assert found.keys() == {KEY, "install-2"}
        began, made = found[KEY], found["install-2"]
        assert began is not None
        assert made is not None
        assert began < timedelta(minutes=1) < timedelta(minutes=59) < made
    assert not (server.root / HOME / ".muster/install-2/running").exists()
    go(server)


async def test_a_server_without_tasks_lists_none(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        assert await ages(connection) == {}
