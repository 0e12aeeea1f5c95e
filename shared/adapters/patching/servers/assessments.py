"""The port `AssessmentReports` for servers on premises, and for them together with Azure's machines.

A server is asked itself, where its latest assessment lies. One that does not answer in time shows none: what storage
holds of it serves.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.adapters.package_managers.manager import PackageManager, UnreadableError
from shared.adapters.patching.servers.assessing import find_host
from shared.adapters.patching.servers.detached import look_at, whole
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.snapshots import Snapshot, State
from shared.application.concurrency import gather_bounded
from shared.application.limits import Limits
from shared.application.ports import AssessmentReports, Clock
from shared.domain.assessment import Assessment
from shared.domain.machine import Ineligible, MachineType, OsType
from shared.domain.updates import Update
from shared.errors import UnavailableError

_WITHIN = timedelta(seconds=20)
_OF_SERVERS = f"/providers/{MachineType.SERVER}/".lower()


class ServerAssessments:
    """The assessments that servers keep themselves; ids are keys, in lower case."""

    def __init__(self, sessions: ServerSessions, clock: Clock, limits: Limits) -> None:
        self._sessions = sessions
        self._clock = clock
        self._limits = limits

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        """Those that there are."""
        found = await gather_bounded(
            (self._read(key) for key in machine_keys), self._limits.connections
        )
        return {key: one for key, one in zip(machine_keys, found, strict=True) if one}

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        """The updates of these servers' latest assessments."""
        latest = await self.latest(machine_keys)
        return {key: one.updates for key, one in latest.items() if one.updates}

    async def _read(self, key: str) -> Assessment | None:
        try:
            async with (
                asyncio.timeout(_WITHIN.total_seconds()),
                self._sessions.open(key) as connection,
            ):
                host = await find_host(connection)
                if isinstance(host, Ineligible):
                    return None
                snapshot = await look_at(connection, host.assess_key)
            if snapshot.state is not State.ENDED or snapshot.ended_ago is None:
                return None
            return self._assessment(key, snapshot, host.manager, snapshot.ended_ago)
        except (UnavailableError, TimeoutError, ArithmeticError, RecursionError, ValueError):
            return None

    def _assessment(
        self, key: str, snapshot: Snapshot, manager: PackageManager, ended_ago: timedelta
    ) -> Assessment:
        updates: tuple[Update, ...] = ()
        error = ""
        try:
            updates = manager.updates(whole(snapshot.outputs))
        except UnreadableError as problem:
            error = problem.message
        return Assessment(
            machine_id=key,
            assessed_at=self._clock.now() - ended_ago,
            status="Failed" if error else "Succeeded",
            os_type=OsType.LINUX,
            error=error,
            updates=updates,
        )


class CombinedAssessments:
    """Azure's machines by Azure, servers on premises by themselves."""

    def __init__(self, azure: AssessmentReports, servers: AssessmentReports) -> None:
        self._azure = azure
        self._servers = servers

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        """Those that there are; Azure's may come without their updates."""
        servers, others = _split(machine_keys)
        own = await self._servers.latest(servers)
        return {**own, **(await self._azure.latest(others))} if others else own

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        """The updates of these machines' latest assessments."""
        servers, others = _split(machine_keys)
        own = await self._servers.missing(servers)
        return {**own, **(await self._azure.missing(others))} if others else own


def _split(machine_keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of servers on premises, and all others."""
    servers = [key for key in machine_keys if _OF_SERVERS in key]
    return servers, [key for key in machine_keys if _OF_SERVERS not in key]
