"""Restarts after installs on a real server; only the restart itself and the boot id are simulated."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.application.limits import Limits
from shared.application.ports import InstallOrder
from shared.domain.install_patches import RebootSetting
from shared.domain.report import InstallReport
from shared.domain.updates import UpdateState
from shared.errors import UnavailableError
from tests.integration.servers.patched import JOB, Patched, an_order, named, patched
from tests.servers.server import ThrowAwayServer

KERNEL: dict[str, Any] = {"classifications": (), "masks_to_include": ("kernel*",)}
NOTHING: dict[str, Any] = {"classifications": (), "masks_to_include": ("no-such-package",)}


async def installed(there: Patched, order: InstallOrder) -> InstallReport:
    await there.prepared(order)
    await there.patching.install(order)
    return await there.report()


async def is_away(there: Patched) -> bool:
    try:
        told = await there.patching.ask_after(JOB)
    except UnavailableError:
        return True
    assert told is None or not told.is_final
    return False


@pytest.mark.parametrize("server", ["apt", "dnf", "zypper"], indirect=True)
async def test_required_restart_is_made_and_proved_by_the_boot_id(server: ThrowAwayServer) -> None:
    before = server.boot_id
    async with patched(server) as there:
        report = await installed(there, an_order(reboot=RebootSetting.IF_REQUIRED, **KERNEL))
        assert server.boot_id != before
        assert (report.status, report.reboot_status) == ("Succeeded", "Completed")
        assert list(named(report, UpdateState.INSTALLED)) in (["kernelish"], ["kernel.noarch"])


@pytest.mark.parametrize("server", ["apt", "dnf", "zypper"], indirect=True)
async def test_restart_that_nobody_wants_stays_pending(server: ThrowAwayServer) -> None:
    before = server.boot_id
    async with patched(server) as there:
        report = await installed(there, an_order(reboot=RebootSetting.NEVER, **KERNEL))
        assert server.boot_id == before
        assert (report.status, report.reboot_status) == ("Succeeded", "Required")


async def test_restart_that_the_window_has_no_time_for_stays_pending(
    server: ThrowAwayServer,
) -> None:
    before = server.boot_id
    order = an_order(reboot=RebootSetting.IF_REQUIRED, **KERNEL)
    async with patched(server, limits=Limits(reboot_reserve=timedelta(hours=3))) as there:
        report = await installed(there, order)
        assert (server.boot_id, report.reboot_status) == (before, "Required")


async def test_server_always_restarts_once_though_it_lacks_nothing(server: ThrowAwayServer) -> None:
    before = server.boot_id
    async with patched(server) as there:
        report = await installed(there, an_order(reboot=RebootSetting.ALWAYS, **NOTHING))
        after = server.boot_id
        assert after != before
        assert (report.status, report.reboot_status) == ("Succeeded", "Completed")
        assert not named(report, UpdateState.INSTALLED)
        await there.report()
        assert server.boot_id == after


async def test_restart_that_does_not_come_about_has_failed_after_a_while(
    server: ThrowAwayServer,
) -> None:
    server.set_reboots("held")
    order = an_order(reboot=RebootSetting.IF_REQUIRED, **KERNEL)
    async with patched(server) as there:
        await there.prepared(order)
        await there.patching.install(order)
        told = None
        while told is None or not told.note:
            told = await there.patching.ask_after(JOB)
            assert told is None or not told.is_final
        assert told.note.startswith("It was told to restart at ")
    async with patched(server, limits=Limits(reboot_reserve=timedelta(0))) as impatient:
        report = await impatient.report()
        assert (report.status, report.reboot_status) == ("Succeeded", "Failed")


async def test_restart_that_is_refused_has_failed(server: ThrowAwayServer) -> None:
    server.set_reboots("fails")
    async with patched(server) as there:
        order = an_order(reboot=RebootSetting.IF_REQUIRED, **KERNEL)
        await there.prepared(order)
        await there.patching.install(order)
    async with patched(server, limits=Limits(reboot_reserve=timedelta(0))) as impatient:
        assert (await impatient.report()).reboot_status == "Failed"


async def test_server_that_does_not_come_back_says_nothing_until_it_does(
    server: ThrowAwayServer,
) -> None:
    server.set_reboots("off")
    async with patched(server) as there:
        order = an_order(reboot=RebootSetting.IF_REQUIRED, **KERNEL)
        await there.prepared(order)
        await there.patching.install(order)
        for _ in range(1000):
            if await is_away(there):
                break
            await asyncio.sleep(0.05)
        server.reboot()
        report = await there.report()
        assert (report.status, report.reboot_status) == ("Succeeded", "Completed")
