"""Whatever is killed while an install is under way: it runs once, and the report is true."""

import asyncio
from collections.abc import Callable

import pytest

from shared.application.ports import Accepted, NotNow
from shared.domain.updates import UpdateState
from shared.errors import UnavailableError
from tests.integration.servers.patched import JOB, Patched, an_order, named, patched
from tests.servers.server import ThrowAwayServer

SLOW = an_order(classifications=(), masks_to_include=("slow", "tool"))
VERSIONS = {"slow": "2.0", "tool": "1.1"}


async def under_way(there: Patched) -> None:
    """The install that waits in the middle of `slow`'s script."""
    await there.prepared(SLOW)
    assert isinstance(await there.patching.install(SLOW), Accepted)
    began = there.server.root / "var/lib/slow-began"
    for _ in range(3000):
        if began.exists():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the install has not come to the script")


def let_go(server: ThrowAwayServer) -> None:
    (server.root / "var/lib/slow-may-end").touch()


def times_installed(server: ThrowAwayServer, name: str) -> int:
    """How often dpkg has installed the second release's version, by its own log."""
    log = (server.root / "var/log/dpkg.log").read_text(encoding="utf-8")
    return sum(
        f" status installed {name}:all {VERSIONS[name]}" in line for line in log.splitlines()
    )


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(ThrowAwayServer.drop_connections, id="the connection"),
        pytest.param(ThrowAwayServer.kill_sshd, id="sshd"),
    ],
)
async def test_install_goes_on_without_us(
    server: ThrowAwayServer, kill: Callable[[ThrowAwayServer], None]
) -> None:
    async with patched(server) as there:
        await under_way(there)
        kill(server)
    let_go(server)
    if kill is ThrowAwayServer.kill_sshd:
        server.start_sshd()
    # Nothing of the first process is left but what stands on the server.
    async with patched(server) as there:
        report = await there.report()
        assert report.status == "Succeeded"
        assert named(report, UpdateState.INSTALLED) == VERSIONS
        assert there.installs() == [SLOW.client_request_id]
    assert {name: times_installed(server, name) for name in VERSIONS} == {"slow": 1, "tool": 1}


async def test_retried_start_finds_the_install_and_begins_none(server: ThrowAwayServer) -> None:
    async with patched(server) as there:
        await under_way(there)
        # Another process, which never heard that the first had its answer, and asks for the same.
        async with patched(server) as again:
            reply = await again.patching.install(SLOW)
            assert isinstance(reply, Accepted | NotNow)
        assert (await there.patching.ask_after(JOB)) is not None
        let_go(server)
        report = await there.report()
        assert named(report, UpdateState.INSTALLED) == VERSIONS
    assert {name: times_installed(server, name) for name in VERSIONS} == {"slow": 1, "tool": 1}


async def test_killed_package_manager_has_failed_and_the_next_install_mends(
    server: ThrowAwayServer,
) -> None:
    async with patched(server) as there:
        await under_way(there)
        server.run(["/usr/bin/pkill", "-KILL", "-x", "apt-get|dpkg|slow.postinst"])
        let_go(server)
        report = await there.report()
        assert report.status == "Failed"
        assert report.error
        assert "slow" not in named(report, UpdateState.INSTALLED)
        assert not report.window_exceeded
        later = an_order(
            classifications=(), masks_to_include=("slow", "tool", "webd"), request="later"
        )
        await there.prepared(later)
        assert isinstance(await there.patching.install(later), Accepted)
        mended = await there.report("later")
        assert mended.status == "Succeeded"
    audit = server.run(["/usr/bin/dpkg", "--audit"])
    assert (audit.code, audit.stdout) == (0, "")
    shown = server.run(
        ["/usr/bin/dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "slow"]
    )
    assert shown.stdout == "2.0 installed"


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(ThrowAwayServer.reboot, id="the server's power"),
        pytest.param(
            lambda server: server.run(["/usr/bin/pkill", "-KILL", "-u", "muster"]),
            id="all that the user runs",
        ),
    ],
)
async def test_interrupted_install_is_looked_at_and_told_truly(
    server: ThrowAwayServer, end: Callable[[ThrowAwayServer], object]
) -> None:
    async with patched(server) as there:
        await under_way(there)
        end(server)
        server.run(["/usr/bin/pkill", "-KILL", "-x", "apt-get|dpkg|slow.postinst|sudo"])
        report = await there.report()
        assert report.status == "Failed"
        assert "slow" not in named(report, UpdateState.INSTALLED)
        assert set(named(report, UpdateState.PENDING)) | set(
            named(report, UpdateState.INSTALLED)
        ) == {"slow", "tool"}
        # It is over: whatever is asked now begins nothing.
        await there.patching.install(SLOW)
        assert there.installs() == [SLOW.client_request_id]
    assert times_installed(server, "slow") == 0


async def test_switched_off_server_says_nothing_and_tells_when_it_is_back(
    server: ThrowAwayServer,
) -> None:
    async with patched(server) as there:
        await under_way(there)
        server.switch_off()
        with pytest.raises(UnavailableError):
            await there.patching.ask_after(JOB)
        server.reboot()
        assert (await there.report()).status == "Failed"
