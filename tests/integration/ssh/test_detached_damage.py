"""What a power cut leaves of a task is understood, and what matters is on the disk before anything comes of it."""

import pytest

from shared.adapters.ssh.detached import Snapshot, Started, State, discard, start
from tests.integration.ssh.tasks import (
    APPENDS,
    FOLDER,
    HOME,
    KEY,
    begin,
    go,
    has_begun,
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

WAITS = task(shell("before", "echo before"), shell("waits", APPENDS))
# Notes what is brought to the disk, and whether the task is marked as running by then.
SYNC = f"""#!/bin/sh
running=no; [ ! -e /{FOLDER}/running ] || running=yes
for one; do echo "$running $one"; done >> /{HOME}/synced
"""


def empty(server: ThrowAwayServer, *names: str) -> None:
    for name in names:
        (server.root / FOLDER / name).write_text("")


async def cut_off(server: ThrowAwayServer, *emptied: str) -> Snapshot:
    """The power goes in the second step, and these files are empty afterwards."""
    await begin(server, WAITS)
    await has_begun(server)
    server.switch_off()
    empty(server, *emptied)
    server.reboot()
    return await reaches(server, State.INTERRUPTED)


async def test_a_task_whose_session_was_lost_does_not_live(server: ThrowAwayServer) -> None:
    found = await cut_off(server, "running/session")
    assert (found.began_ago, found.note) == (None, WAITS.note)
    go(server)
    async with connected(server) as connection:
        assert await start(connection, WAITS) is Started.FOUND
        await reaches(server, State.INTERRUPTED)
        assert await discard(connection, KEY)
        assert await start(connection, WAITS) is Started.CREATED
    await reaches(server, State.ENDED)
    assert runs(server) == 2


async def test_a_step_whose_code_was_lost_was_not_run(server: ThrowAwayServer) -> None:
    assert (await cut_off(server)).outputs["before"].code == 0
    empty(server, "steps/before.code")
    assert (await reaches(server, State.INTERRUPTED)).outputs == {}


async def test_a_task_whose_end_was_lost_was_interrupted(server: ThrowAwayServer) -> None:
    await result(server, task(shell("one", "echo one")))
    server.switch_off()
    empty(server, "ended")
    server.reboot()
    found = await reaches(server, State.INTERRUPTED)
    assert found.outputs["one"].stdout == "one\n"


async def test_a_task_whose_plan_was_lost_has_no_note(server: ThrowAwayServer) -> None:
    assert (await cut_off(server, "plan")).note == ""


async def test_a_reboot_whose_record_was_lost_is_not_taken_for_done(
    server: ThrowAwayServer,
) -> None:
    server.set_reboots("held")
    await result(server, task(shell("one", "echo one"), reboot()))
    server.switch_off()
    empty(server, "ended", "rebooting")
    server.reboot()
    assert (await reaches(server, State.INTERRUPTED)).reboot is None


async def test_a_reboot_that_can_not_be_recorded_is_not_asked_for(server: ThrowAwayServer) -> None:
    server.set_reboots("held")
    await begin(server, task(shell("waits", APPENDS), reboot()))
    await has_begun(server)
    (server.root / FOLDER / "rebooting.new").mkdir()
    go(server)
    found = await reaches(server, State.ENDED)
    assert (list(found.outputs), found.reboot) == (["waits"], None)
    assert not server.reboot_asked


async def test_what_is_kept_is_on_the_disk_before_it_counts(server: ThrowAwayServer) -> None:
    server.set_reboots("held")
    (server.root / "usr/bin/sync").unlink()
    (server.root / "usr/bin/sync").write_text(SYNC)
    (server.root / "usr/bin/sync").chmod(0o755)
    await result(server, task(shell("one", "exit 0"), reboot()))
    await until(lambda: "ended.new" in (server.root / HOME / "synced").read_text())
    lines = (server.root / HOME / "synced").read_text().splitlines()
    made = lines[0].removeprefix("no ").removesuffix("/plan")
    claim = lines[4].removeprefix("no ").removesuffix("/session")
    assert lines[:7] == [
        *(f"no {made}/plan", f"no {made}/runner", f"no {made}", "no ."),
        *(f"no {claim}/session", f"no {claim}", "yes ."),
    ]
    assert lines[7:] == [
        *("yes steps/one.out.new", "yes steps/one.err.new", "yes steps/one.code.new"),
        *("yes rebooting.new", "yes steps/one.code", "yes steps/one.err", "yes steps/one.out"),
        "yes .",
        *("yes steps/reboot.out.new", "yes steps/reboot.err.new", "yes steps/reboot.code.new"),
        "yes ended.new",
    ]


@pytest.mark.parametrize("lost", ["steps/before.out", "steps/before.err"])
async def test_a_step_whose_output_was_lost_was_not_run(server: ThrowAwayServer, lost: str) -> None:
    await cut_off(server)
    (server.root / FOLDER / lost).unlink()
    assert (await reaches(server, State.INTERRUPTED)).outputs == {}
