"""A throw-away server as the product patches it: registered, reached over real SSH, its package manager a real one."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.patching.servers.patching import ServerPatching
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connections import SshConnections
from shared.adapters.storage.stores import stores
from shared.application.limits import Limits
from shared.application.ports import InstallOrder, NotNow, ServerStore, StoredServer
from shared.application.servers import registered
from shared.domain.install_patches import InstallPatches, LinuxParameters, RebootSetting
from shared.domain.machine import MachineType, OsType
from shared.domain.records import Job, job_key
from shared.domain.report import InstallReport
from shared.domain.updates import Classification, UpdateState
from shared.errors import UnavailableError
from tests.builders import SERVER, SUBSCRIPTION, a_server
from tests.servers.reaching import OneKey
from tests.servers.server import ThrowAwayServer

REQUEST = "3f0c1a52-0d9e-5c1e-9c0a-7a4b7d1f2e66"
SECURITY = (Classification.CRITICAL, Classification.SECURITY)
EVERYTHING = (*SECURITY, Classification.OTHER)
_REQUEST = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATIENCE = timedelta(minutes=4)


class QuickClock:
    """The real time, in which waiting is short."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds() / 20)


def document_of(server: ThrowAwayServer, **properties: Any) -> dict[str, Any]:
    """What a throw-away server is registered with."""
    reached = {"host": server.host, "port": server.port, "hostKey": server.host_key}
    return a_server(**(reached | properties))


def an_order(
    *,
    left: timedelta = timedelta(hours=3),
    reboot: RebootSetting = RebootSetting.NEVER,
    request: str = REQUEST,
    **choice: Any,
) -> InstallOrder:
    """An order of the registered server; *choice* are parameters of `LinuxParameters`."""
    parameters = LinuxParameters(**({"classifications": SECURITY} | choice))
    server = registered(StoredServer(document=a_server(), **_STAMPS))
    return InstallOrder(
        machine=server.machine,
        os_type=OsType.LINUX,
        install_patches=InstallPatches(reboot_setting=reboot, linux=parameters),
        maximum_duration=left,
        client_request_id=request,
    )


_STAMPS: dict[str, Any] = {
    "id": SERVER,
    "created_at": datetime(2026, 6, 1, tzinfo=UTC),
    "created_by": "ann",
    "modified_at": datetime(2026, 6, 1, tzinfo=UTC),
    "modified_by": "ann",
}
JOB = Job(
    key=job_key(SERVER),
    machine_id=SERVER,
    machine_type=MachineType.SERVER,
    subscription=SUBSCRIPTION,
    operation=REQUEST,
    activity_id=REQUEST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """A registered throw-away server, and what patches it."""

    server: ThrowAwayServer
    patching: ServerPatching
    store: ServerStore
    connections: SshConnections
    sessions: ServerSessions

    async def prepared(self, order: InstallOrder) -> None:
        """Ask until the server knows what it lacks."""
        until = datetime.now(UTC) + _PATIENCE
        while ready := await self.patching.prepare(order):
            assert isinstance(ready, NotNow), ready
            assert datetime.now(UTC) < until, ready

    async def report(self, request: str = REQUEST) -> InstallReport:
        """What the server says of the install at last."""
        until = datetime.now(UTC) + _PATIENCE
        while True:
            try:
                told = await self.patching.ask_after(replace(JOB, operation=request))
            except UnavailableError:
                told = None  # it restarts
            if told and told.is_final:
                return told
            assert datetime.now(UTC) < until, told
            await asyncio.sleep(0.1)

    def installs(self) -> list[str]:
        """The installs that there are on the server."""
        return installs_on(self.server)


def installs_on(server: ThrowAwayServer) -> list[str]:
    """The directories of installs, which bear the ids of their requests."""
    there = (server.root / "home/muster/.muster").glob("*")
    return sorted(one.name for one in there if _REQUEST.fullmatch(one.name))


@asynccontextmanager
async def patched(
    server: ThrowAwayServer, *, limits: Limits | None = None, **properties: Any
) -> AsyncIterator[Patched]:
    """The server in a registry of its own; *properties* replace members of its document."""
    store = stores(MemoryRows())["servers"]
    await store.insert(StoredServer(document=document_of(server, **properties), **_STAMPS))
    clock = QuickClock()
    async with SshConnections(OneKey(server.private_key)) as connections:
        sessions = ServerSessions(store, connections, clock)
        patching = ServerPatching(sessions, clock, limits or Limits())
        yield Patched(
            server=server,
            patching=patching,
            store=store,
            connections=connections,
            sessions=sessions,
        )


def named(report: InstallReport, state: UpdateState) -> dict[str, str | None]:
    """The updates of a report in one state: version by name."""
    return {one.name: one.version for one in report.updates or () if one.state is state}
