"""The log of servers on premises: each keeps a folder for each install and is asked for it over SSH; nothing changes.

1. Asked are registered servers that are enabled and whose host key is known, if a run whose folders must still be there
   has a job of them.
2. A folder bears the id of its install's request. Only those of a server's own jobs are its installs: others may have
   come with an image or a home folder that was copied.
3. What was asked for before the oldest of a server's installs is unknown: the server may have been set up anew.
4. An install counts as of when it was asked for, unless the server says that it was minutes from then: its clock, ours
   and the app's are never quite the same.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localhost.check.machine_log import MachineLog
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.detached import ages
from shared.application.concurrency import gather_bounded
from shared.application.evidence import LoggedInstall, Stored
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run
from shared.errors import UnavailableError

_KEPT_FOR = timedelta(days=29)
_THERE_AFTER = timedelta(minutes=5)
_WITHIN = timedelta(seconds=90)
_MOST_NAMED = 5

CLOCKS_APART = timedelta(minutes=3)
"""How far a server's clock and the app's may be apart, what a request takes included."""
MOVED_CLOCK = timedelta.max
"""The same where the app's time was moved: what servers say of theirs tells nothing."""


@dataclass(slots=True, kw_only=True)
class _Jobs:
    """One server's jobs by request: when each was to begin at the soonest, and when some asked for an install."""

    machine_id: str
    soonest: dict[str, datetime] = field(default_factory=dict)
    asked: dict[str, datetime] = field(default_factory=dict)

    def add(self, run: Run, job: Job) -> None:
        request = client_request_id(run.id, job.key)
        self.soonest[request] = job.starting_at or run.starts_at
        if job.starting_at:
            self.asked[request] = job.starting_at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What one server shows: its `installs`, the oldest of them asked for at `since`; or `why` it was not asked."""

    installs: Sequence[LoggedInstall] = ()
    since: datetime | None = None
    why: str = ""


async def of_servers(
    services: Services,
    stored: Stored,
    *,
    sessions: ServerSessions,
    apart: timedelta = CLOCKS_APART,
) -> MachineLog | None:
    """What the servers of stored jobs show, whose clocks may be *apart* from the app's; None where there is none."""
    now = services.clock.now()
    servers = _servers(stored, since=now - _KEPT_FOR)
    if not servers:
        return None

    async def show(jobs: _Jobs) -> _Shown:
        try:
            begun = await _begun(services, sessions, jobs.machine_id)
        except (UnavailableError, TimeoutError) as error:
            return _Shown(why=str(error) or "it took too long")
        return _shown(jobs, begun, apart=apart)

    found = await gather_bounded(map(show, servers.values()), services.limits.connections)
    shown = dict(zip(servers, found, strict=True))

    def covers(job: Job) -> bool:
        one = shown.get(job.machine_id.lower())
        if one is None or one.since is None or job.starting_at is None:
            return False
        return one.since <= job.starting_at < now - _THERE_AFTER

    return MachineLog(
        source=_source(shown),
        installs=[install for one in found for install in one.installs],
        covers=covers,
    )


def _servers(stored: Stored, *, since: datetime) -> Mapping[str, _Jobs]:
    """The servers of the runs since then, by their keys."""
    servers: dict[str, _Jobs] = {}
    for run in stored.runs:
        for job in stored.jobs_of(run):
            if job.machine_type is MachineType.SERVER and run.starts_at > since:
                own = servers.setdefault(job.machine_id.lower(), _Jobs(machine_id=job.machine_id))
                own.add(run, job)
    return servers


async def _begun(
    services: Services, sessions: ServerSessions, machine_id: str
) -> Mapping[str, datetime | None]:
    """When each task that is kept on a server began; None where nobody knows."""
    server = await sessions.find(machine_id)
    if server is None:
        raise UnavailableError("it is not registered any more")
    if not server.enabled:
        raise UnavailableError("it is disabled")
    async with asyncio.timeout(_WITHIN.total_seconds()), sessions.to_known(server) as connection:
        found = await ages(connection)
        now = services.clock.now()
    return {key: None if age is None else now - age for key, age in found.items()}


def _shown(jobs: _Jobs, begun: Mapping[str, datetime | None], *, apart: timedelta) -> _Shown:
    there = jobs.soonest.keys() & begun.keys()
    installs = [
        LoggedInstall(
            machine_id=jobs.machine_id,
            at=_at(jobs.soonest[request], begun[request], apart=apart),
            client_request_id=request,
        )
        for request in sorted(there)
    ]
    asked = [at for request, at in jobs.asked.items() if request in there]
    return _Shown(installs=installs, since=min(asked, default=None))


def _at(asked_at: datetime, begun: datetime | None, *, apart: timedelta) -> datetime:
    return begun if begun and abs(begun - asked_at) > apart else asked_at


def _source(shown: Mapping[str, _Shown]) -> str:
    not_asked = {machine: one.why for machine, one in shown.items() if one.why}
    installs = sum(len(one.installs) for one in shown.values())
    source = f"{len(shown) - len(not_asked)} servers on premises, {installs} installs of 29 days"
    named = [
        f"{machine.rpartition('/')[2]} ({why})"
        for machine, why in sorted(not_asked.items())[:_MOST_NAMED]
    ]
    more = [f"{len(not_asked) - _MOST_NAMED} more"] if len(not_asked) > _MOST_NAMED else []
    return f"{source}; not asked: {', '.join([*named, *more])}" if not_asked else source
