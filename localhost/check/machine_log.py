"""The machines' own log, from wherever it is: the local Azure's log of calls, or Resource Graph's reports.

1. The local Azure says what it accepted, and under which request id. What it accepted before its log began is unknown.
2. Azure itself keeps reports for 30 days, shows them late, and tells whose an install is by its activity id alone. What
   reports say is the machine's time; of the request's own time there is what the job noted before it asked.
3. Servers on premises keep theirs themselves: `server_log` asks them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp

from localhost.azure.calls import Call
from localhost.evidence import logged, read_call, read_calls
from shared.application.evidence import Evidence, LoggedInstall, Stored
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport

_KEPT_FOR = timedelta(days=29)
_SHOWN_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLog:
    """What a log shows: `source` in words, and which jobs it `covers`."""

    source: str
    installs: Sequence[LoggedInstall]
    covers: Callable[[Job], bool]

    def beside(self, other: "MachineLog | None") -> "MachineLog":
        """Both of them, of different machines."""
        if other is None:
            return self
        return MachineLog(
            source=f"{self.source}; {other.source}",
            installs=[*self.installs, *other.installs],
            covers=lambda job: self.covers(job) or other.covers(job),
        )

    def evidence(self) -> Evidence:
        """For the checker."""
        return Evidence(installs=self.installs, covers=self.covers)


def of_file(file: Path) -> MachineLog:
    """From the file that the local Azure of `serve` writes."""
    if not file.exists():
        return MachineLog(
            source="none of Azure's machines, whose installs are not checked",
            installs=(),
            covers=_nothing,
        )
    with file.open(encoding="utf-8") as lines:
        calls = read_calls(lines)
    return of_calls(calls, source=str(file))


async def of_local_azure(address: str) -> MachineLog | None:
    """From a running local Azure; None where *address* is another service."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{address.rstrip('/')}/_local/calls") as reply,
    ):
        if reply.status != HTTPStatus.OK:
            return None
        calls = [read_call(one) for one in await reply.json()]
    return of_calls(calls, source=f"the local Azure at {address}")


def of_calls(calls: Sequence[Call], *, source: str) -> MachineLog:
    """The installs among calls; it covers what was asked for since the first of them."""
    installs, since = logged(calls), min((call.at for call in calls), default=None)
    shown = (
        f"{source}, {len(installs)} installs since {since:%Y-%m-%d %H:%M} UTC" if since else source
    )
    return MachineLog(source=shown, installs=installs, covers=_asked_since(since))


async def of_reports(services: Services, stored: Stored) -> MachineLog:
    """From Resource Graph: the installs that bear the activity id of a stored job."""
    now = services.clock.now()
    jobs = {
        job.activity_id.lower(): (client_request_id(run.id, job.key), job)
        for run in stored.runs
        for job in stored.jobs_of(run)
        if job.activity_id
    }
    installs, others = list[LoggedInstall](), 0
    limit = services.limits.report_page
    async for page in services.reports.changed_since(now - _KEPT_FOR, limit=limit):
        for report in page:
            request, job = jobs.get(report.activity_id.lower(), ("", None))
            others += job is None
            if job:
                installs.append(_reported(report, job, request))
    return MachineLog(
        source=f"Resource Graph's reports of 29 days, {len(installs)} of jobs and {others} of others",
        installs=installs,
        covers=_shown_at(now),
    )


def _reported(report: InstallReport, job: Job, request: str) -> LoggedInstall:
    at = job.starting_at or report.started_at
    return LoggedInstall(machine_id=report.machine_id, at=at, client_request_id=request)


def _nothing(_: Job) -> bool:
    return False


def _asked_since(since: datetime | None) -> Callable[[Job], bool]:
    def covers(job: Job) -> bool:
        if since is None or job.machine_type is MachineType.SERVER or job.starting_at is None:
            return False
        return job.starting_at >= since

    return covers


def _shown_at(now: datetime) -> Callable[[Job], bool]:
    def covers(job: Job) -> bool:
        if job.machine_type is MachineType.SERVER or job.starting_at is None:
            return False
        # One whose reply was lost has no activity id until it is adopted.
        return bool(job.activity_id) and _SHOWN_AFTER < now - job.starting_at < _KEPT_FOR

    return covers
