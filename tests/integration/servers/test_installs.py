"""An install on a real server, from finding out what it lacks to the report: real SSH, real package managers."""

import asyncio

import pytest

from shared.adapters.patching.servers.assessments import ServerAssessments
from shared.application.limits import Limits
from shared.application.ports import Accepted, NotNow, Refused
from shared.domain.machine import Ineligible, MachineType
from shared.domain.run import Reason
from shared.domain.updates import UpdateState
from tests.builders import SERVER
from tests.integration.servers.patched import EVERYTHING, QuickClock, an_order, named, patched
from tests.servers.server import ThrowAwayServer

# What takes no end, fails, or wants to restart is left to the tests that are about it.
TROUBLE = ("slow*", "failing", "fails-*", "stuck", "greedy", "kernel*")


@pytest.mark.parametrize(
    ("server", "installed"),
    [
        pytest.param(
            "apt",
            {
                "webd": "2.4-2",
                "twice": "2.0",
                "torn": "2.0",
                "app": "2.0",
                "odd": "1:1.0+dfsg-1~deb12u1+b1",
                "both": "1.1",
            },
            id="apt",
        ),
        pytest.param(
            "dnf",
            {
                "grave.noarch": "1.0.1-1",
                "weighty.noarch": "2.0-1",
                "layered.noarch": "1.1-1",
                "deep.noarch": "1.9-1",
                "libfoo.noarch": "2.0-1",
                "held.noarch": "2.0-1",
            },
            id="dnf",
        ),
        pytest.param(
            "zypper",
            {
                "grave.noarch": "1.0.1-1",
                "weighty.noarch": "2.0-1",
                "layered.noarch": "1.2-1",
                "deep.noarch": "1.10-1",
                "libfoo.noarch": "2.0-1",
                "held.noarch": "2.0-1",
            },
            id="zypper",
        ),
    ],
    indirect=["server"],
)
async def test_security_updates_are_installed_and_found(
    server: ThrowAwayServer, installed: dict[str, str]
) -> None:
    order = an_order(masks_to_exclude=TROUBLE)
    async with patched(server) as there:
        state = await there.patching.inspect(SERVER, MachineType.SERVER)
        assert state
        assert (state.enabled, state.host_key_changed) == (True, None)
        await there.prepared(order)
        reply = await there.patching.install(order)
        assert reply == Accepted(
            operation=order.client_request_id, activity_id=order.client_request_id
        )
        report = await there.report()
        assert (report.status, report.error) == ("Succeeded", "")
        assert named(report, UpdateState.INSTALLED) == installed
        assert not named(report, UpdateState.FAILED)
        excluded = named(report, UpdateState.EXCLUDED)
        assert {"slow"} <= {name.removesuffix(".noarch") for name in excluded}
        assert named(report, UpdateState.NOT_SELECTED)


@pytest.mark.parametrize(
    ("server", "excluded"),
    [
        pytest.param("apt", ("app", "libfoo"), id="apt"),
        pytest.param("dnf", ("app.noarch", "libfoo.noarch"), id="dnf"),
        pytest.param("zypper", ("app.noarch", "libfoo.noarch"), id="zypper"),
    ],
    indirect=["server"],
)
async def test_what_needs_an_excluded_package_is_excluded_too(
    server: ThrowAwayServer, excluded: tuple[str, ...]
) -> None:
    order = an_order(classifications=EVERYTHING, masks_to_exclude=(*TROUBLE, "libfoo"))
    async with patched(server) as there:
        await there.prepared(order)
        await there.patching.install(order)
        report = await there.report()
        assert report.status == "Succeeded"
        assert set(excluded) <= set(named(report, UpdateState.EXCLUDED))
        assert not set(excluded) & set(named(report, UpdateState.INSTALLED))
        assert any(
            name.removesuffix(".noarch") == "grower" or name.startswith("grows")
            for name in named(report, UpdateState.INSTALLED)
        )


async def test_newest_version_is_installed_where_both_are_chosen(server: ThrowAwayServer) -> None:
    order = an_order(classifications=EVERYTHING, masks_to_exclude=TROUBLE)
    async with patched(server) as there:
        await there.prepared(order)
        await there.patching.install(order)
        report = await there.report()
        assert named(report, UpdateState.INSTALLED)["twice"] == "3.0"
        assert not named(report, UpdateState.NOT_SELECTED)


async def test_install_that_fails_says_which_update_and_why(server: ThrowAwayServer) -> None:
    order = an_order(classifications=(), masks_to_include=("failing", "tool"))
    async with patched(server) as there:
        await there.prepared(order)
        await there.patching.install(order)
        report = await there.report()
        assert report.status == "Failed"
        assert "failing" in report.error
        assert named(report, UpdateState.INSTALLED) == {"tool": "1.1"}
        assert named(report, UpdateState.FAILED) == {"failing": "2.0"}


async def test_server_that_lacks_nothing_succeeds(server: ThrowAwayServer) -> None:
    order = an_order(classifications=(), masks_to_include=("no-such-package",))
    async with patched(server) as there:
        await there.prepared(order)
        await there.patching.install(order)
        report = await there.report()
        assert (report.status, report.counts.installed) == ("Succeeded", 0)


async def test_next_run_finds_out_anew_what_is_lacking(server: ThrowAwayServer) -> None:
    first = an_order(classifications=(), masks_to_include=("tool",))
    async with patched(server) as there:
        await there.prepared(first)
        await there.patching.install(first)
        await there.report()
        second = an_order(classifications=(), masks_to_include=("tool", "webd"), request="second")
        await there.prepared(second)
        await there.patching.install(second)
        report = await there.report("second")
        assert named(report, UpdateState.INSTALLED) == {"webd": "2.4-2"}


async def test_user_without_the_sudoers_file_is_told_what_is_missing(
    server: ThrowAwayServer,
) -> None:
    (server.root / "etc/sudoers.d/muster").unlink()
    async with patched(server) as there:
        async with asyncio.timeout(60):
            while isinstance(told := await there.patching.prepare(an_order()), NotNow):
                pass
        assert isinstance(told, Ineligible)
        assert told.reason is Reason.PREREQUISITES_NOT_MET
        assert "sudoers" in told.message


async def test_system_that_muster_does_not_know_is_told_at_once(server: ThrowAwayServer) -> None:
    (server.root / "etc/os-release").write_text("ID=alpine\n")
    async with patched(server) as there:
        told = await there.patching.prepare(an_order())
        assert isinstance(told, Ineligible)
        assert told.reason is Reason.PREREQUISITES_NOT_MET
        assert isinstance(await there.patching.assess(an_order().machine), Refused)


async def test_assessment_by_hand_is_found_and_shown(server: ThrowAwayServer) -> None:
    key = SERVER.lower()
    async with patched(server) as there:
        assessments = ServerAssessments(there.sessions, QuickClock(), Limits())
        assert await assessments.latest([key]) == {}
        assert await there.patching.assess(an_order().machine) == Accepted()
        for _ in range(600):
            if found := await assessments.latest([key]):
                break
            await asyncio.sleep(0.1)
        assert found[key].status == "Succeeded"
        updates = {one.name: one for one in (await assessments.missing([key]))[key]}
        assert updates["webd"].classification == "Security"
        server.kill_sshd()
        await there.connections.close()
        assert await assessments.latest([key]) == {}
