"""The machines' own log beside what is stored: installs with jobs, one to one, and times with windows.

Invariant 2: at most one install for a run and machine, and none that no job asked for. Invariant 3: no install outside
its window less the cut-off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.application.evidence import Evidence, LoggedInstall, Stored
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.application.verdict import Kind, Verdict
from shared.domain.records import Job, Run
from shared.domain.run import Phase

_Fault = tuple[Kind, str]


def by_request(installs: Iterable[LoggedInstall]) -> Mapping[str, Sequence[LoggedInstall]]:
    """The installs of each request id."""
    found: dict[str, list[LoggedInstall]] = {}
    for install in installs:
        found.setdefault(install.client_request_id, []).append(install)
    return found


def match_installs(services: Services, stored: Stored, evidence: Evidence) -> Verdict:
    """Each install with the job that asked for it, and with that one's window."""
    verdict, left = Verdict(), dict(by_request(evidence.installs))
    for run in stored.runs:
        for job in stored.jobs_of(run):
            own = left.pop(client_request_id(run.id, job.key), ())
            subject = f"{run.id.text} {job.machine_id}"
            faults = list(_faults(job, own, evidence))
            if own or faults:
                verdict.judge(2, subject, faults)
            for install in own:
                verdict.judge(3, subject, _times(services, run, job, install))
    for install in (one for some in left.values() for one in some):
        fault = (Kind.EXTRA, f"no job asked for {install.at}.")
        verdict.judge(2, install.machine_id, [fault])
    return verdict


def _faults(job: Job, own: Sequence[LoggedInstall], evidence: Evidence) -> Iterator[_Fault]:
    if len(own) > 1:
        yield Kind.EXTRA, f"{len(own)} installs."
    if job.phase is Phase.STARTED and not own and evidence.covers(job):
        yield Kind.MISSED, "it is said to have started, but its machine knows of no install."
    for install in own:
        if install.machine_id.lower() != job.machine_id.lower():
            yield Kind.WRONG, f"it was {install.machine_id} that was installed on."


def _times(services: Services, run: Run, job: Job, install: LoggedInstall) -> Iterator[_Fault]:
    cut_off = services.limits.cut_off(run.ends_at, job.machine_type)
    if not run.starts_at <= install.at <= cut_off:
        yield Kind.WRONG, f"installed at {install.at}, outside {run.starts_at} to {cut_off}."
