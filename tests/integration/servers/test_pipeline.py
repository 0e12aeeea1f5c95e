"""The whole app over twenty real servers and Azure's machines in one run: from the timer to the table."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from localhost.azure.faults import Faults
from localhost.check.machine_log import MachineLog
from localhost.check.server_log import MOVED_CLOCK, of_servers
from shared import bootstrap
from shared.application.evidence import read_stored
from shared.application.invariants import Evidence, LoggedInstall, violations
from shared.application.ports import Services
from tests.builders import WINDOW_OPENS, a_configuration, a_scope
from tests.integration.app import App, running
from tests.integration.servers.conftest import filled
from tests.integration.servers.patched import document_of, installs_on
from tests.servers.os_releases import Family
from tests.servers.repositories import deb
from tests.servers.server import ThrowAwayServer

MINUTE = timedelta(minutes=1)
FAMILIES: Sequence[Family] = ("apt",) * 12 + ("dnf",) * 4 + ("zypper",) * 4
EXCLUDED = ["slow*", "failing", "fails-*", "stuck", "greedy"]
INSTALLED = {
    "apt": {"webd", "twice", "torn", "app", "odd", "both", "kernelish"},
    "dnf": {"grave", "weighty", "layered", "deep", "libfoo", "held", "kernel"},
    "zypper": {"grave", "weighty", "layered", "deep", "libfoo", "held", "kernel"},
}


@pytest.fixture
async def estate(debs: deb.Repositories) -> AsyncIterator[list[ThrowAwayServer]]:
    """Twenty servers of three families."""
    with ExitStack() as stack:
        yield [stack.enter_context(filled(family, debs, *sorted(APT))) for family in FAMILIES]


APT = {*INSTALLED["apt"], "libfoo", "rival", "tool", "slow", "failing"}


async def registered(app: App, servers: Sequence[ThrowAwayServer]) -> list[str]:
    """The ids of the servers, in their order."""
    group = app.configuration_id.split("/providers/")[0]
    ids = []
    for number, server in enumerate(servers):
        server_id = f"{group}/providers/Muster.OnPremises/servers/db-{number:02}"
        status, _ = await app.call("PUT", server_id, document_of(server))
        assert status == 201
        ids.append(server_id)
    return ids


async def configured(app: App) -> None:
    document = a_configuration()
    linux = document["properties"]["installPatches"]["linuxParameters"]
    linux["packageNameMasksToExclude"] = EXCLUDED
    await app.call("PUT", app.configuration_id, document)
    subscription = app.configuration_id.split("/resourceGroups")[0]
    scope = f"{subscription}/providers/Microsoft.Maintenance/configurationAssignments/all"
    await app.call("PUT", scope, a_scope({}, app.configuration_id))


def named(updates: list[dict[str, str]], state: str) -> set[str]:
    """The updates in a state, without their architecture."""
    found = (one["name"] for one in updates if one["installationState"] == state)
    return {name.removesuffix(".noarch") for name in found}


def logged(app: App) -> list[LoggedInstall]:
    """What Azure's own log shows."""
    return [
        LoggedInstall(
            machine_id=call.machine or "",
            at=call.at,
            client_request_id=call.client_request_id or "",
        )
        for call in app.azure.calls.installs()
    ]


class Witness:
    """Sees installs where they are: the first instant at which a server has one's directory."""

    def __init__(self, app: App, servers: dict[str, ThrowAwayServer]) -> None:
        self._app = app
        self._servers = servers
        self.installs: dict[tuple[str, str], LoggedInstall] = {}

    def look(self) -> None:
        now = self._app.clock.now()
        for machine_id, server in self._servers.items():
            for one in installs_on(server):
                logged = LoggedInstall(machine_id=machine_id, at=now, client_request_id=one)
                self.installs.setdefault((machine_id, one), logged)


async def finished(app: App, witness: Witness) -> dict[str, Any]:
    """Minute by minute, each of them long enough for the servers to do something, until the run is closed."""
    path = app.run_path(WINDOW_OPENS)
    for _ in range(240):
        await app.host.advance_to(app.clock.now() + MINUTE)
        witness.look()
        _, run = await app.call("GET", path)
        if run["properties"]["status"] not in ("Pending", "InProgress"):
            assert isinstance(run, dict)
            return run
        await asyncio.sleep(0.5)
    raise AssertionError(run)


async def told_by_servers(services: Services) -> MachineLog:
    """What the servers say themselves; the drill's minutes are shorter than theirs."""
    sessions = bootstrap.server_sessions(bootstrap.settings(), services.servers, services.clock)
    async with sessions as opened:
        stored = await read_stored(services)
        log = await of_servers(services, stored, sessions=opened, apart=MOVED_CLOCK)
    assert log
    return log


async def test_one_run_patches_servers_and_azures_machines(
    fresh_azurite: str, estate: list[ThrowAwayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KEY_DB", estate[0].private_key)
    async with running(fresh_azurite, machines=30, faults=Faults()) as app:
        ids = await registered(app, estate)
        await configured(app)
        witness = Witness(app, dict(zip(ids, estate, strict=True)))
        boots = [server.boot_id for server in estate]
        await app.skip_to(WINDOW_OPENS)
        run = await finished(app, witness)
        _, page = await app.call("GET", f"{run['id']}/jobs?$top=100")
        jobs = {one["properties"]["resourceId"]: one for one in page["value"]}
        assert set(ids) < set(jobs)
        for server_id, server, family in zip(ids, estate, FAMILIES, strict=True):
            told = jobs[server_id]["properties"]
            assert told["outcome"] == "Succeeded", (server_id, told)
            _, updates = await app.call("GET", f"{jobs[server_id]['id']}/updates")
            assert named(updates["value"], "Installed") == INSTALLED[family]
            assert "slow" in named(updates["value"], "Excluded")
            assert server.boot_id != boots[ids.index(server_id)]
        assert len(witness.installs) == len(ids)
        services = await bootstrap.services()
        evidence = Evidence(installs=[*witness.installs.values(), *logged(app)])
        assert await violations(services, evidence) == []
        told = await told_by_servers(services)
        assert {one.machine_id for one in told.installs} == set(ids)
        assert "20 servers on premises, 20 installs" in told.source
        both = MachineLog(source="", installs=logged(app), covers=lambda _: False).beside(told)
        assert await violations(services, both.evidence()) == []
