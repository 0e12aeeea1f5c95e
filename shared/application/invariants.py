"""The checker: from what is stored and from the machines' own log alone, which of the eight invariants is broken.

1 each due occurrence has exactly one run row; 2 at most one install for a run and machine; 3 no install outside its
window less the cut-off; 4 every machine of a run ends in one outcome with a reason, in time; 5 an outcome changes
only from `Unknown`, and leaves a trace; 6 counts equal the rows that they count; 7 what was acknowledged is there; 8
the same rows at the same instant give the same plan.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.application.callers import LOCAL
from shared.application.documents import parse_configuration
from shared.application.history import get_run
from shared.application.ports import Services, StoredConfiguration
from shared.application.reconcile_run import dispatch_rules
from shared.application.start_job import client_request_id
from shared.domain.dispatch import plan, tally
from shared.domain.records import Job, JobGlance, Run, RunKind, run_key
from shared.domain.run import Outcome, Phase, RunStatus
from shared.domain.updates import UpdateState

TICKS = timedelta(minutes=3)
"""Two passes and a little: what a rule's time may be late by."""
_INSTALLED = (Outcome.SUCCEEDED, Outcome.COMPLETED_WITH_WARNINGS)
_NOT_INSTALLED = (Outcome.SKIPPED, Outcome.TIMED_OUT, Outcome.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A broken invariant, by its number, and what breaks it."""

    invariant: int
    subject: str
    message: str

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.subject}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInstall:
    """An install that a machine's own log shows as accepted."""

    machine_id: str
    at: datetime
    client_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the checker is told beside the storage.

    `acknowledged` are ids of configurations, assignments and runs that the API confirmed and that nobody has deleted;
    `before` are the outcomes that an earlier look saw, by run and job.
    """

    installs: Sequence[LoggedInstall] = ()
    acknowledged: Sequence[str] = ()
    before: Mapping[tuple[str, str], Job] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    configurations: list[StoredConfiguration]
    assignment_ids: set[str]
    runs: list[Run]
    jobs: dict[str, list[Job]]


async def outcomes(services: Services) -> dict[tuple[str, str], Job]:
    """Every ended job, by the run's id in lower case and the job's key: the `before` of a later check."""
    stored = await _read(services)
    return {
        (run, job.key): job
        for run, jobs in stored.jobs.items()
        for job in jobs
        if job.outcome is not None
    }


async def violations(services: Services, evidence: Evidence) -> list[Violation]:
    """All broken invariants; an empty list means that all hold."""
    stored, now = await _read(services), services.clock.now()
    by_request = Counter(install.client_request_id for install in evidence.installs)
    found = [one async for one in _occurrences(services, stored, now)]
    found += _known_installs(stored, evidence)
    for run in stored.runs:
        jobs = stored.jobs[run.id.text.lower()]
        found += _installs(services, run, jobs, evidence)
        found += _endings(services, run, jobs, by_request, now)
        found += _traces(services, run, jobs, evidence)
        found += [one async for one in _counts(services, run, jobs)]
        found += [one async for one in _update_counts(services, run, jobs)]
        found += [one async for one in _plans(services, run)]
    found += _acknowledged(stored, evidence.acknowledged)
    return found


async def _read(services: Services) -> _Stored:
    everything = "/subscriptions"
    configurations = [one async for one in services.configurations.list(everything)]
    runs = [one async for one in services.runs.list_within(everything)]
    jobs = {run.id.text.lower(): [job async for job in services.jobs.list(run.id)] for run in runs}
    assignments = {one.id.lower() async for one in services.assignments.list_within(everything)}
    return _Stored(configurations=configurations, assignment_ids=assignments, runs=runs, jobs=jobs)


# --- 1: occurrences and runs ---------------------------------------------------------------------


async def _occurrences(
    services: Services, stored: _Stored, now: datetime
) -> AsyncIterator[Violation]:
    rows = Counter((run.configuration_id.lower(), run.key) for run in stored.runs)
    for one in stored.configurations:
        window = parse_configuration(one.id, one.document).window
        entry = await services.agenda.get(one.id)
        handled = (entry and entry.handled(one.window_since)) or one.window_since
        for at in window.between(
            one.window_since - timedelta.resolution, max(handled, now - TICKS)
        ):
            if rows[one.id.lower(), run_key(at)] != 1:
                yield Violation(invariant=1, subject=one.id, message=f"{at} has no run row.")
    for run in stored.runs:
        for message in _run_faults(run):
            yield Violation(invariant=1, subject=run.id.text, message=message)


def _run_faults(run: Run) -> Iterator[str]:
    if run.kind is RunKind.SCHEDULED:
        window = parse_configuration(run.configuration_id, run.document).window
        if not window.is_occurrence(run.starts_at):
            yield "it ran, but its schedule has no such occurrence."
    if run.status in (RunStatus.MISSED, RunStatus.CANCELLED) and not (
        run.reason or run.cancellation
    ):
        yield f"it is {run.status} without a reason."


# --- 2 and 3: installs ---------------------------------------------------------------------------


def _known_installs(stored: _Stored, evidence: Evidence) -> Iterator[Violation]:
    known = {
        client_request_id(run.id, job.key)
        for run in stored.runs
        for job in stored.jobs[run.id.text.lower()]
    }
    for install in evidence.installs:
        if install.client_request_id not in known:
            yield Violation(
                invariant=2, subject=install.machine_id, message=f"no job asked for {install.at}."
            )


def _installs(
    services: Services, run: Run, jobs: Iterable[Job], evidence: Evidence
) -> Iterator[Violation]:
    by_request: dict[str, list[LoggedInstall]] = {}
    for install in evidence.installs:
        by_request.setdefault(install.client_request_id, []).append(install)
    for job in jobs:
        own = by_request.get(client_request_id(run.id, job.key), [])
        subject = f"{run.id.text} {job.machine_id}"
        if len(own) > 1:
            yield Violation(invariant=2, subject=subject, message=f"{len(own)} installs.")
        cut_off = services.limits.cut_off(run.ends_at, job.machine_type)
        for install in own:
            if not run.starts_at <= install.at <= cut_off:
                message = f"installed at {install.at}, outside {run.starts_at} to {cut_off}."
                yield Violation(invariant=3, subject=subject, message=message)


# --- 4: endings ----------------------------------------------------------------------------------


def _endings(
    services: Services, run: Run, jobs: Iterable[Job], installs: Mapping[str, int], now: datetime
) -> Iterator[Violation]:
    last = run.ends_at + services.limits.final_word + TICKS
    if run.status.is_open and now > last:
        yield Violation(invariant=4, subject=run.id.text, message=f"still open after {last}.")
    for job in jobs:
        for message in _job_faults(run, job, installs[client_request_id(run.id, job.key)]):
            subject = f"{run.id.text} {job.machine_id}"
            yield Violation(invariant=4, subject=subject, message=message)


def _job_faults(run: Run, job: Job, installs: int) -> Iterator[str]:
    if (job.phase is Phase.ENDED) != (job.outcome is not None):
        yield f"phase {job.phase} with outcome {job.outcome}."
    if job.outcome is None:
        if not run.status.is_open:
            yield f"still {job.phase} in a closed run."
        return
    if not job.message or (job.outcome is not Outcome.SUCCEEDED and job.reason is None):
        yield f"{job.outcome} without a reason."
    if job.outcome in _INSTALLED and not installs:
        yield f"{job.outcome}, but nothing was installed."
    if job.outcome in _NOT_INSTALLED and installs:
        yield f"{job.outcome}, but it was installed."


# --- 5: traces -----------------------------------------------------------------------------------


def _traces(
    services: Services, run: Run, jobs: Iterable[Job], evidence: Evidence
) -> Iterator[Violation]:
    last = run.ends_at + services.limits.final_word + TICKS
    for job in jobs:
        subject = f"{run.id.text} {job.machine_id}"
        before = evidence.before.get((run.id.text.lower(), job.key))
        if before and before.outcome is not job.outcome:
            if before.outcome is not Outcome.UNKNOWN:
                message = f"{before.outcome} became {job.outcome}."
                yield Violation(invariant=5, subject=subject, message=message)
            elif len(job.trace) <= len(before.trace):
                yield Violation(invariant=5, subject=subject, message="corrected without a trace.")
        is_late = job.ended_at is not None and job.ended_at > last
        if is_late and job.outcome is not Outcome.UNKNOWN and not job.trace:
            message = f"ended at {job.ended_at} without having been Unknown."
            yield Violation(invariant=5, subject=subject, message=message)


# --- 6: counts -----------------------------------------------------------------------------------


async def _counts(services: Services, run: Run, jobs: Sequence[Job]) -> AsyncIterator[Violation]:
    """What a run is shown with, against its rows."""
    shown = await get_run(services, run.id, caller=LOCAL)
    rows = Counter(job.outcome or "open" for job in jobs)
    counted = Counter[str](open=shown.open_jobs) + Counter(shown.counts)
    if counted != rows:
        message = f"it counts {dict(counted)}, its rows {dict(rows)}."
        yield Violation(invariant=6, subject=run.id.text, message=message)


async def _update_counts(
    services: Services, run: Run, jobs: Iterable[Job]
) -> AsyncIterator[Violation]:
    if run.status.is_open:
        return
    for job in jobs:
        updates = Counter(one.state for one in await services.updates.list(run.id, job.key))
        shown = {
            UpdateState.INSTALLED: job.counts.installed,
            UpdateState.FAILED: job.counts.failed,
            UpdateState.PENDING: job.counts.pending,
            UpdateState.EXCLUDED: job.counts.excluded,
            UpdateState.NOT_SELECTED: job.counts.not_selected,
        }
        if any(updates[state] != count for state, count in shown.items()):
            message = f"it counts {shown}, its updates {dict(updates)}."
            yield Violation(invariant=6, subject=f"{run.id.text} {job.machine_id}", message=message)


# --- 7 and 8 -------------------------------------------------------------------------------------


def _acknowledged(stored: _Stored, acknowledged: Iterable[str]) -> Iterator[Violation]:
    there = {one.id.lower() for one in stored.configurations} | stored.assignment_ids
    there |= {run.id.text.lower() for run in stored.runs}
    for resource_id in acknowledged:
        if resource_id.lower() not in there:
            yield Violation(
                invariant=7, subject=resource_id, message="acknowledged, but not there."
            )


async def _plans(services: Services, run: Run) -> AsyncIterator[Violation]:
    if not run.status.is_open:
        return
    jobs = [job async for job in services.jobs.glance(run.id)]
    rules = dispatch_rules(run, services.limits, services.clock.now())
    if depends_on_order(lambda rows: (plan(rows, rules), tally(rows)), jobs):
        yield Violation(invariant=8, subject=run.id.text, message="two plans from the same rows.")


def depends_on_order(
    decide: Callable[[Sequence[JobGlance]], object], jobs: list[JobGlance]
) -> bool:
    """Whether *decide* concludes something else from the same jobs in another order."""
    return decide(jobs) != decide(jobs[::-1])
