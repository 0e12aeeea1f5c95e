"""The log of servers on premises: each keeps a folder for each install and is asked for it over SSH; nothing changes.

1. Asked are registered servers that are enabled and whose host key is known, if a job has asked them for an install
   whose folder must still be there.
2. A folder bears the id of its install's request. Only those of a server's own jobs are its installs: others may have
   come with an image or a home folder that was copied.
3. What was asked for before the oldest of a server's installs is unknown: the server may have been set up anew.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from localhost.check.machine_log import MachineLog
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.detached import ages
from shared.application.concurrency import gather_bounded
from shared.application.evidence import LoggedInstall, read_stored
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.records import Job
from shared.errors import UnavailableError

_KEPT_FOR = timedelta(days=29)
_THERE_AFTER = timedelta(minutes=5)
_WITHIN = timedelta(seconds=90)
_MOST_NAMED = 5

_Asked = Mapping[str, datetime]
"""When each install was asked for, by its request's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What one server shows: its `installs`, the oldest of them asked for at `since`; or `why` it was not asked."""

    installs: Sequence[LoggedInstall] = ()
    since: datetime | None = None
    why: str = ""


async def of_servers(
    services: Services, sessions: ServerSessions, *, keeps_real_time: bool = True
) -> MachineLog | None:
    """What the servers show; None where no job has asked any of them for an install.

    Where Muster's clock does not keep real time, an install counts as of when it was asked for.
    """
    now = services.clock.now()
    asked = await _asked(services, since=now - _KEPT_FOR)
    if not asked:
        return None

    async def show(machine_id: str, own: _Asked) -> _Shown:
        try:
            begun = await _begun(services, sessions, machine_id)
        except (UnavailableError, TimeoutError) as error:
            return _Shown(why=str(error) or "it took too long")
        there = own.keys() & begun.keys()
        times = begun if keeps_real_time else own
        installs = [
            LoggedInstall(machine_id=machine_id, at=times[one] or own[one], client_request_id=one)
            for one in sorted(there)
        ]
        since = min((own[one] for one in there), default=None)
        return _Shown(installs=installs, since=since)

    found = await gather_bounded(
        (show(machine_id, own) for machine_id, own in asked.items()), services.limits.connections
    )
    shown = dict(zip(asked, found, strict=True))
    since = {machine.lower(): one.since for machine, one in shown.items() if one.since}

    def covers(job: Job) -> bool:
        first = since.get(job.machine_id.lower())
        if job.machine_type is not MachineType.SERVER or first is None or job.starting_at is None:
            return False
        return first <= job.starting_at < now - _THERE_AFTER

    return MachineLog(
        source=_source(shown),
        installs=[install for one in found for install in one.installs],
        covers=covers,
    )


async def _asked(services: Services, *, since: datetime) -> Mapping[str, _Asked]:
    """What jobs have asked servers for, by the machine's id."""
    stored = await read_stored(services)
    asked: dict[str, dict[str, datetime]] = {}
    for run in stored.runs:
        for job in stored.jobs_of(run):
            is_servers = job.machine_type is MachineType.SERVER
            if is_servers and job.starting_at and job.starting_at > since:
                own = asked.setdefault(job.machine_id, {})
                own[client_request_id(run.id, job.key)] = job.starting_at
    return asked


async def _begun(
    services: Services, sessions: ServerSessions, machine_id: str
) -> Mapping[str, datetime | None]:
    """When each task that is kept on a server began; None where nobody knows."""
    server = await sessions.find(machine_id)
    if server is None:
        raise UnavailableError("it is not registered any more")
    if not server.enabled:
        raise UnavailableError("it is disabled")
    if server.host_key is None:
        # To ask it would pin the key that it shows.
        raise UnavailableError("its host key is not known")
    async with asyncio.timeout(_WITHIN.total_seconds()):
        async with sessions.open(machine_id) as connection:
            now = services.clock.now()
            found = await ages(connection)
    return {key: None if age is None else now - age for key, age in found.items()}


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
