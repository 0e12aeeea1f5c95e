"""The steps of a task: their words, their environment, their conditions, and what is read of their output."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest

from shared.adapters.ssh.commands import Command, Condition, Step
from shared.adapters.ssh.detached import Snapshot, State, look, start
from tests.integration.ssh.conftest import SUDOERS
from tests.integration.ssh.tasks import (
    APPENDS,
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

WAITS = task(shell("waits", APPENDS), shell("after", "echo after"))
HOSTILE = (
    *("", " ", " a  b ", "$(touch x)", "`touch x`", "; touch x", "word x", "step two", "only-if"),
    *(
        "-rf",
        "--",
        "'",
        '"',
        "\\",
        r"\n",
        "$HOME",
        "${x}",
        "*",
        "[a-z]",
        "~",
        "#",
        "!",
        "&&",
        "|",
        ">x",
    ),
    *("<x", "%s", "end", "run", "root", "reboots", "a=b"),
    # Among its bytes are those that dash gives a meaning of its own, 0x81 to 0x88.
    *("äāĂăĄąĆćĈĉĊċ", "日本語🙂"),
)
PRINTF = ("/usr/bin/printf", r"%s\n")


@pytest.mark.parametrize("sh", ["dash", "bash", "busybox"])
async def test_a_task_runs_with_any_posix_shell(sh: Literal["dash", "bash", "busybox"]) -> None:
    with ThrowAwayServer.start(sudoers=SUDOERS, sh=sh) as server:
        server.set_reboots("held")
        prints = Step(name="prints", command=Command(words=(*PRINTF, *HOSTILE)))
        as_root = Step(name="root", command=Command(words=("/usr/bin/id", "-u"), as_root=True))
        failing = shell("fails", "echo out; echo err >&2; exit 3")
        waits = shell("waits", "[ -e ~/go ] || { echo is locked; touch ~/go; exit 1; }")
        steps = (prints, as_root, failing, waits, reboot())
        snapshot = await result(server, task(*steps, locked="is locked", patience=60))
    assert snapshot.outputs["prints"].stdout == "".join(f"{word}\n" for word in HOSTILE)
    assert snapshot.outputs["root"].stdout == "0\n"
    assert snapshot.outputs["waits"].code == 0
    fails = snapshot.outputs["fails"]
    assert (fails.code, fails.stdout, fails.stderr) == (3, "out\n", "err\n")
    assert snapshot.reboot is not None


async def test_words_arrive_as_they_are_and_no_shell_reads_them(server: ThrowAwayServer) -> None:
    many = tuple(f"{'package-' * 120}{number}=1:2.{number}~rc1+b2" for number in range(300))
    prints = Step(name="prints", command=Command(words=(*PRINTF, *HOSTILE, *many)))
    snapshot = await result(server, task(prints))
    assert snapshot.outputs["prints"].stdout == "".join(f"{word}\n" for word in (*HOSTILE, *many))
    assert not server.run(
        ["/usr/bin/find", "/", "-xdev", "-name", "x", "-newer", "/etc/ssh/host_key"]
    ).stdout


async def test_a_step_finds_a_plain_environment(server: ThrowAwayServer) -> None:
    says = (
        "umask; pwd; echo $LC_ALL $DEBIAN_FRONTEND ${LANGUAGE-none}; cat; ls /proc/self/fd | wc -l"
    )
    found = (await result(server, task(shell("says", says)))).outputs["says"]
    assert found.stdout.split("\n")[:3] == ["0022", "/", "C noninteractive none"]
    # Standard input, output, errors and the folder that ls reads.
    assert found.stdout.split("\n")[3:] == ["4", ""]


async def test_a_program_that_is_not_there_is_a_result(server: ThrowAwayServer) -> None:
    missing = Step(name="missing", command=Command(words=("/usr/bin/no-such-program",)))
    found = await result(server, task(missing, shell("after", "echo after")))
    assert found.outputs["missing"].code == 127
    assert found.outputs["after"].stdout == "after\n"


async def test_a_task_says_when_it_began_and_ended(server: ThrowAwayServer) -> None:
    await begin(server, WAITS)
    await has_begun(server)
    running = await reaches(server, State.RUNNING)
    assert (running.note, running.outputs, running.ended_ago) == (WAITS.note, {}, None)
    assert running.began_ago is not None
    go(server)
    ended = await reaches(server, State.ENDED)
    assert ended.began_ago is not None
    assert ended.ended_ago is not None
    assert timedelta(0) <= ended.ended_ago <= ended.began_ago <= timedelta(seconds=60)


@pytest.mark.parametrize(
    ("condition", "is_run"),
    [
        pytest.param((Condition(step="three", codes=(3,)),), True, id="the code is the one"),
        pytest.param((Condition(step="three", codes=(0, 3)),), True, id="the code is one of them"),
        pytest.param((Condition(step="three"),), False, id="the code is another"),
        pytest.param(
            (Condition(step="three", codes=(33, 13)),), False, id="a code that contains it"
        ),
        pytest.param((Condition(step="skipped"),), False, id="that step was not run itself"),
        pytest.param(
            (Condition(step="three", codes=(3,)), Condition(step="zero")), True, id="both hold"
        ),
        pytest.param(
            (Condition(step="three"), Condition(step="zero")), False, id="the last alone holds"
        ),
    ],
)
async def test_a_step_is_run_when_its_conditions_hold(
    server: ThrowAwayServer, condition: tuple[Condition, ...], is_run: bool
) -> None:
    steps = (
        shell("three", "exit 3"),
        shell("zero", "exit 0"),
        shell("skipped", "exit 0", only_if=(Condition(step="three", codes=(4,)),)),
        shell("asked", "exit 0", only_if=condition),
        shell("after", "exit 0"),
    )
    found = await result(server, task(*steps))
    assert ("asked" in found.outputs) == is_run
    assert "after" in found.outputs


async def test_a_step_is_not_begun_later_than_it_may(server: ThrowAwayServer) -> None:
    late = shell("late", "exit 0", within=timedelta(seconds=1))
    early = shell("early", "exit 0", within=timedelta(seconds=60))
    found = await result(server, task(shell("sleeps", "sleep 2.1"), late, early))
    assert sorted(found.outputs) == ["early", "sleeps"]


async def test_a_lock_is_waited_for(server: ThrowAwayServer) -> None:
    tries = "echo begun >> ~/begun; [ -e ~/go ] || { echo E: it is locked now >&2; exit 100; }"
    await begin(server, task(shell("tries", tries), locked="is locked", patience=60))
    await until(lambda: (server.root / HOME / "begun").exists() and runs(server) > 1)
    go(server)
    found = (await reaches(server, State.ENDED)).outputs["tries"]
    assert (found.code, found.stderr) == (0, "")


@pytest.mark.parametrize(
    ("script", "patience"),
    [
        pytest.param("echo is locked; exit 7", 0, id="there is no patience"),
        pytest.param("echo is broken; exit 7", 60, id="it failed for another reason"),
        pytest.param("echo is locked; exit 0", 60, id="it did not fail"),
    ],
)
async def test_a_step_is_run_once(server: ThrowAwayServer, script: str, patience: int) -> None:
    tries = shell("tries", f"echo begun >> ~/begun; {script}")
    found = await result(server, task(tries, locked="is locked", patience=patience))
    assert found.outputs["tries"].stdout == script.split("; ")[0].removeprefix("echo ") + "\n"
    assert runs(server) == 1


async def test_what_has_begun_its_work_is_not_run_again(server: ThrowAwayServer) -> None:
    tries = "echo begun >> ~/begun; echo is locked >&2; [ `wc -l < ~/begun` -lt 2 ] || echo setting up; exit 7"
    retried = task(shell("tries", tries), locked="is locked", began="setting up", patience=60)
    found = await result(server, retried)
    assert found.outputs["tries"].stdout == "setting up\n"
    assert runs(server) == 2


async def test_patience_ends_with_what_was_said_last(server: ThrowAwayServer) -> None:
    tries = "echo begun >> ~/begun; wc -l < ~/begun; echo is locked; exit 7"
    found = (
        await result(server, task(shell("tries", tries), locked="is locked", patience=6))
    ).outputs["tries"]
    assert runs(server) > 1
    assert (found.code, found.stdout) == (7, f"{runs(server)}\nis locked\n")


async def test_an_output_passes_for_no_frame(server: ThrowAwayServer) -> None:
    forged = "end\ntask other\nalive no\nrunning\nended 1\nnote forged\nend\nfile x 9999\n"
    prints = Step(
        name="prints", command=Command(words=("/usr/bin/printf", forged.replace("\n", "\\n")))
    )
    await result(server, task(prints))
    async with connected(server) as connection:
        found = await look(connection, [KEY, "other"])
    assert found[KEY].outputs["prints"].stdout == forged
    assert found["other"].state is State.ABSENT


async def test_of_an_output_that_is_too_long_both_ends_are_read(server: ThrowAwayServer) -> None:
    largest = 4 << 20
    many = f"head -c {largest} /dev/zero | tr '\\0' x"
    says = (
        shell("most", many),
        shell("out", f"echo a; {many}; echo b"),
        shell("err", f"({many}; echo b) >&2"),
    )
    found = (await result(server, task(*says))).outputs
    assert (found["most"].stdout, found["most"].is_cut) == ("x" * largest, False)
    first, cut, last = found["out"].stdout.partition("\n[...]\n")
    assert (first, last) == ("a\n" + "x" * ((3 << 20) - 2), "x" * ((1 << 20) - 2) + "b\n")
    assert cut
    assert found["out"].is_cut
    assert found["err"].stderr.endswith("xb\n")
    assert found["err"].is_cut


async def test_many_tasks_are_looked_at_in_one_command(server: ThrowAwayServer) -> None:
    keys = [f"task-{number}" for number in range(20)]
    async with connected(server) as connection:
        await asyncio.gather(
            *(start(connection, task(shell("one", f"echo {key}"), key=key)) for key in keys[:4])
        )
        for key in keys[4:]:
            await start(connection, task(shell("one", f"echo {key}"), key=key))
        for key in keys:
            await reaches(server, State.ENDED, key=key)
        found = await look(connection, [*keys, "absent"])
    assert [found[key].outputs["one"].stdout for key in keys] == [f"{key}\n" for key in keys]
    assert found["absent"] == Snapshot(state=State.ABSENT)
