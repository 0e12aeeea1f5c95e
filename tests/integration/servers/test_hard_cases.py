"""What servers do to those who patch them: copied homes, cut power, managers that hang or lie, too little time."""

import asyncio
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from shared.application.limits import Limits
from shared.application.ports import Accepted, InstallOrder, NotNow
from shared.domain.report import InstallReport
from shared.domain.updates import UpdateState
from tests.integration.servers.conftest import filled
from tests.integration.servers.patched import JOB, Patched, an_order, named, patched
from tests.servers.repositories import deb
from tests.servers.repositories.deb import Deb
from tests.servers.server import ThrowAwayServer

TOOL = an_order(classifications=(), masks_to_include=("tool",))


def folder_of(server: ThrowAwayServer, name: str) -> Path:
    """A task's directory, by the beginning of its key."""
    (found,) = (server.root / "home/muster/.muster").glob(f"{name}*")
    return found


def status(server: ThrowAwayServer, name: str) -> str:
    words = ["/usr/bin/dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", name]
    return server.run(words).stdout


async def appeared(path: Path) -> None:
    for _ in range(3000):
        if path.exists():  # noqa: ASYNC240 (in memory)
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} has not come")


async def installed(there: Patched, order: InstallOrder = TOOL) -> InstallReport:
    await there.prepared(order)
    assert isinstance(await there.patching.install(order), Accepted)
    return await there.report(order.client_request_id)


def offer(server: ThrowAwayServer, folder: Path, *debs: Deb) -> None:
    """Another source with these packages."""
    folder.chmod(0o755)
    deb.publish(debs, folder / "more", workshop=folder / "workshop")
    shutil.copytree(folder / "more", server.root / "srv/more")
    suites = sorted({one.suite for one in debs})
    lines = [f"deb [trusted=yes] file:/srv/more {suite} main\n" for suite in suites]
    (server.root / "etc/apt/sources.list.d/more.list").write_text("".join(lines))


# --- what the server knows of itself -------------------------------------------------------------


async def test_what_another_server_lacks_is_not_believed(
    server: ThrowAwayServer, debs: deb.Repositories
) -> None:
    with filled("apt", debs, "tool") as clone:
        update = "apt-get -q update && apt-get -q -y install tool"
        assert clone.run(["/bin/sh", "-c", update]).code == 0
        async with patched(clone) as other:
            await other.prepared(TOOL)
        # Its home folder reaches the first server, or is the same one.
        shutil.copytree(clone.root / "home/muster/.muster", server.root / "home/muster/.muster")
        server.run(["/bin/chown", "-R", "muster:muster", "/home/muster/.muster"])
    async with patched(server) as there:
        report = await installed(there)
        assert named(report, UpdateState.INSTALLED) == {"tool": "1.1"}


async def test_assessment_made_during_an_install_serves_nobody_after_it(
    server: ThrowAwayServer,
) -> None:
    waits = server.root / "etc/apt/apt.conf.d/99wait"
    waits.write_text(
        'DPkg::Pre-Install-Pkgs { "touch /var/lib/slow-began; while [ ! -e /var/lib/slow-may-end ]; do sleep 0.1; '
        'done"; };\n'
    )
    first = an_order(classifications=(), masks_to_include=("tool", "twice"))
    async with patched(server) as there:
        await there.prepared(first)
        assert isinstance(await there.patching.install(first), Accepted)
        await appeared(server.root / "var/lib/slow-began")
        assert isinstance(await there.patching.assess(first.machine), Accepted)
        await appeared(folder_of(server, "assess-") / "ended")
        (server.root / "var/lib/slow-may-end").touch()
        assert named(await there.report(), UpdateState.INSTALLED)["twice"] == "3.0"
        waits.unlink()
        second = an_order(masks_to_include=(), masks_to_exclude=("slow", "kernel*"), request="two")
        report = await installed(there, second)
        assert report.status == "Succeeded"
        assert "twice" not in named(report, UpdateState.INSTALLED)


async def test_assessment_that_lost_power_is_begun_anew(server: ThrowAwayServer) -> None:
    async with patched(server) as there:
        await there.prepared(TOOL)
        left = folder_of(server, "assess-")
        (left / "ended").unlink()
        shutil.rmtree(left / "steps")
        (left / "running/session").write_text("")
        report = await installed(there)
        assert named(report, UpdateState.INSTALLED) == {"tool": "1.1"}


async def test_interrupted_install_whose_files_are_empty_is_told(server: ThrowAwayServer) -> None:
    order = an_order(classifications=(), masks_to_include=("slow",))
    async with patched(server) as there:
        await there.prepared(order)
        assert isinstance(await there.patching.install(order), Accepted)
        await appeared(server.root / "var/lib/slow-began")
        server.switch_off()
        (folder_of(server, order.client_request_id) / "steps/check.code").write_text("")
        (folder_of(server, order.client_request_id) / "running/session").write_text("")
        server.reboot()
        report = await there.report()
        assert report.status == "Failed"
        assert named(report, UpdateState.PENDING) == {"slow": "2.0"}


async def test_chatty_install_is_read(server: ThrowAwayServer) -> None:
    async with patched(server) as there:
        await installed(there)
        said = folder_of(server, TOOL.client_request_id) / "steps/install.out"
        said.write_bytes(b"building module\n" * 400_000)
        report = await there.patching.ask_after(JOB)
        assert report
        assert report.status == "Succeeded"


async def test_hanging_assessment_is_told_each_time(server: ThrowAwayServer) -> None:
    hangs = server.root / "etc/apt/apt.conf.d/99hang"
    hangs.write_text('APT::Update::Pre-Invoke { "sleep 1000"; };\n')
    async with patched(server) as there:
        for _ in range(2):
            told = await there.patching.prepare(TOOL)
            assert isinstance(told, NotNow)
            assert "works, or hangs" in told.message
        hangs.unlink()
        server.run(["/usr/bin/pkill", "-KILL", "-x", "sleep|apt-get"])
        assert named(await installed(there), UpdateState.INSTALLED) == {"tool": "1.1"}


# --- what belongs together -----------------------------------------------------------------------

SIBLINGS = (
    Deb(name="liba", version="1.1", suite=deb.SECURITY, fields={"Depends": "libb (= 1.1)"}),
    Deb(
        name="libb",
        version="1.1",
        suite=deb.SECURITY,
        fields={"Depends": "liba (= 1.1), unwanted"},
    ),
    Deb(name="liba", version="1.2", fields={"Depends": "libb (= 1.2)"}),
    Deb(name="libb", version="1.2", fields={"Depends": "liba (= 1.2)"}),
    Deb(name="unwanted", version="1.0"),
)


async def test_siblings_that_bring_an_excluded_package_only_together_are_excluded(
    server: ThrowAwayServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = tmp_path_factory.mktemp("before")
    deb.publish(
        (Deb(name="liba", version="1.0"), Deb(name="libb", version="1.0")),
        before / "first",
        workshop=before / "workshop",
    )
    shutil.copytree(before / "first", server.root / "srv/before")
    debs = "dpkg -i /srv/before/pool/stable/*.deb"
    assert server.run(["/bin/sh", "-c", debs]).code == 0
    offer(server, tmp_path_factory.mktemp("siblings"), *SIBLINGS)
    order = an_order(masks_to_exclude=("unwanted", "slow", "kernel*"))
    async with patched(server) as there:
        report = await installed(there, order)
        assert report.status == "Succeeded"
        assert status(server, "unwanted") == ""
        assert {"liba", "libb"} <= set(named(report, UpdateState.EXCLUDED))
        assert "webd" in named(report, UpdateState.INSTALLED)


# --- too little time -----------------------------------------------------------------------------


async def test_nothing_begins_after_the_cut_off_though_the_task_has(
    server: ThrowAwayServer,
) -> None:
    """What an interruption left has to be mended first, and that takes longer than there is."""
    server.run(["/usr/bin/apt-get", "-q", "update"])
    began = server.root / "var/lib/slow-began"
    interrupted = server.open(["/usr/bin/apt-get", "-q", "-y", "install", "slow"])
    await appeared(began)
    server.run(["/usr/bin/pkill", "-KILL", "-x", "apt-get|dpkg|slow.postinst"])
    interrupted.communicate()
    began.unlink()
    order = an_order(
        left=timedelta(minutes=25, seconds=24), classifications=(), masks_to_include=("tool",)
    )
    async with patched(server) as there:
        await there.prepared(order)
        asked_at = time.monotonic()
        assert isinstance(await there.patching.install(order), Accepted)
        await appeared(began)
        await asyncio.sleep(max(0, 26 - (time.monotonic() - asked_at)))
        (server.root / "var/lib/slow-may-end").touch()
        report = await there.report()
        assert (report.status, status(server, "tool")) == ("Failed", "1.0 installed")
        assert "cut-off" in report.error
        assert named(report, UpdateState.PENDING) == {"tool": "1.1"}


async def test_install_is_not_asked_for_where_it_could_not_begin_in_time(
    server: ThrowAwayServer,
) -> None:
    order = an_order(left=timedelta(minutes=25, seconds=5), classifications=())
    async with patched(server) as there:
        await there.prepared(order)
        reply = await there.patching.install(order)
        assert isinstance(reply, NotNow)
        assert reply.cause == "late"
        assert there.installs() == []


async def test_install_waits_for_nothing(server: ThrowAwayServer) -> None:
    async with patched(server) as there:
        reply = await there.patching.install(TOOL)
        assert isinstance(reply, NotNow)
        assert reply.cause == "unprepared"
        assert list((server.root / "home/muster").glob(".muster/*")) == []


# --- package managers and what they say ----------------------------------------------------------

CALLS_APT = """#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
echo ran >> /var/lib/calls-apt-ran
/usr/bin/apt-get -q check
"""


async def test_script_that_calls_apt_is_run_once(
    server: ThrowAwayServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    calls = Deb(name="tool", version="1.2", postinst=CALLS_APT)
    offer(server, tmp_path_factory.mktemp("calls"), calls)
    async with patched(
        server, limits=Limits(server_cut_off=timedelta(hours=2, minutes=58))
    ) as there:
        report = await installed(there)
        assert (server.root / "var/lib/calls-apt-ran").read_text().count("ran") == 1
        assert named(report, UpdateState.FAILED) == {"tool": "1.2"}
        assert "another process" not in report.error


@pytest.mark.parametrize("server", ["apt", "dnf", "zypper"], indirect=True)
async def test_server_that_does_not_know_its_own_name_is_patched(server: ThrowAwayServer) -> None:
    (server.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    order = an_order(masks_to_exclude=("slow*", "failing", "fails-*", "stuck", "greedy", "kernel*"))
    async with patched(server) as there:
        assert (await installed(there, order)).status == "Succeeded"


@pytest.mark.parametrize("server", ["dnf"], indirect=True)
async def test_repository_that_is_away_is_waited_for(server: ThrowAwayServer) -> None:
    (server.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    here = server.root / "srv/repositories/updates"
    here.rename(here.with_name("away"))
    async with patched(server) as there:
        told = await there.patching.prepare(an_order())
        while isinstance(told, NotNow) and "works, or hangs" in told.message:
            told = await there.patching.prepare(an_order())
        assert isinstance(told, NotNow)
        assert told.again_in > timedelta(minutes=1)
        here.with_name("away").rename(here)
        await there.prepared(an_order())
