"""The checker: from what is stored and from the machines' own log alone, which of the eight invariants is broken.

1 each due occurrence has exactly one run row; 2 at most one install for a run and machine; 3 no install outside its
window less the cut-off; 4 every machine of a run ends in one outcome with a reason, in time; 5 an outcome changes
only from `Unknown`, and leaves a trace; 6 counts equal the rows that they count; 7 what was acknowledged is there; 8
the same rows at the same instant give the same plan.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from shared.application.callers import LOCAL
from shared.application.evidence import TICKS, Evidence, LoggedInstall, Stored, read_stored
from shared.application.history import get_run
from shared.application.match_installs import by_request, match_installs
from shared.application.match_occurrences import match_occurrences
from shared.application.ports import Services
from shared.application.reconcile_run import dispatch_rules
from shared.application.start_job import client_request_id
from shared.application.verdict import Kind, Verdict, Violation
from shared.domain.dispatch import plan, tally
from shared.domain.records import Job, JobGlance, Run
from shared.domain.run import Outcome, Phase
from shared.domain.updates import UpdateState

__all__ = [
    "TICKS",
    "Evidence",
    "LoggedInstall",
    "Violation",
    "depends_on_order",
    "examine",
    "outcomes",
    "violations",
]

_Fault = tuple[Kind, str]
_INSTALLED = (Outcome.SUCCEEDED, Outcome.COMPLETED_WITH_WARNINGS)
_NOT_INSTALLED = (Outcome.SKIPPED, Outcome.TIMED_OUT, Outcome.CANCELLED)


async def outcomes(services: Services) -> dict[tuple[str, str], Job]:
    """Every ended job, by the run's id in lower case and the job's key: the `before` of a later check."""
    stored = await read_stored(services)
    return {
        (run, job.key): job
        for run, jobs in stored.jobs.items()
        for job in jobs
        if job.outcome is not None
    }


async def violations(services: Services, evidence: Evidence) -> list[Violation]:
    """All broken invariants; an empty list means that all hold."""
    return (await examine(services, evidence)).violations


async def examine(services: Services, evidence: Evidence) -> Verdict:
    """What of each invariant is in order, and all that breaks one."""
    stored, now = await read_stored(services), services.clock.now()
    verdict = await match_occurrences(services, stored, now=now)
    verdict.add(match_installs(services, stored, evidence))
    installs = Counter({key: len(some) for key, some in by_request(evidence.installs).items()})
    for run in stored.runs:
        jobs = stored.jobs_of(run)
        verdict.judge(4, run.id.text, _run_endings(services, run, now))
        for job in jobs:
            subject = f"{run.id.text} {job.machine_id}"
            known = installs[client_request_id(run.id, job.key)]
            verdict.judge(4, subject, _job_endings(run, job, known, evidence))
            verdict.judge(5, subject, _traces(services, run, job, evidence))
        await _count(services, verdict, run=run, jobs=jobs)
        await _plan(services, verdict, run)
    _acknowledged(verdict, stored, evidence.acknowledged)
    return verdict


# --- 4: endings ----------------------------------------------------------------------------------


def _run_endings(services: Services, run: Run, now: datetime) -> Iterator[_Fault]:
    last = run.ends_at + services.limits.final_word + TICKS
    if run.status.is_open and now > last:
        yield Kind.INCOMPLETE, f"still open after {last}."


def _job_endings(run: Run, job: Job, installs: int, evidence: Evidence) -> Iterator[_Fault]:
    if (job.phase is Phase.ENDED) != (job.outcome is not None):
        yield Kind.WRONG, f"phase {job.phase} with outcome {job.outcome}."
    if job.outcome is None:
        if not run.status.is_open:
            yield Kind.INCOMPLETE, f"still {job.phase} in a closed run."
        return
    if not job.message or (job.outcome is not Outcome.SUCCEEDED and job.reason is None):
        yield Kind.WRONG, f"{job.outcome} without a reason."
    if job.outcome in _INSTALLED and not installs and evidence.covers(job):
        yield Kind.MISSED, f"{job.outcome}, but nothing was installed."
    if job.outcome in _NOT_INSTALLED and installs:
        yield Kind.EXTRA, f"{job.outcome}, but it was installed."


# --- 5: traces -----------------------------------------------------------------------------------


def _traces(services: Services, run: Run, job: Job, evidence: Evidence) -> Iterator[_Fault]:
    last = run.ends_at + services.limits.final_word + TICKS
    before = evidence.before.get((run.id.text.lower(), job.key))
    if before and before.outcome is not job.outcome:
        if before.outcome is not Outcome.UNKNOWN:
            yield Kind.WRONG, f"{before.outcome} became {job.outcome}."
        elif len(job.trace) <= len(before.trace):
            yield Kind.WRONG, "corrected without a trace."
    is_late = job.ended_at is not None and job.ended_at > last
    if is_late and job.outcome is not Outcome.UNKNOWN and not job.trace:
        yield Kind.WRONG, f"ended at {job.ended_at} without having been Unknown."


# --- 6: counts -----------------------------------------------------------------------------------


async def _count(services: Services, verdict: Verdict, *, run: Run, jobs: Sequence[Job]) -> None:
    """What a run is shown with, against its rows; and what a job of a closed run is, against its updates."""
    shown = await get_run(services, run.id, caller=LOCAL)
    rows = Counter(job.outcome or "open" for job in jobs)
    counted = Counter[str](open=shown.open_jobs) + Counter(shown.counts)
    fault = (Kind.WRONG, f"it counts {dict(counted)}, its rows {dict(rows)}.")
    verdict.judge(6, run.id.text, [] if counted == rows else [fault])
    if run.status.is_open:
        return
    for job in jobs:
        updates = Counter(one.state for one in await services.updates.list(run.id, job.key))
        verdict.judge(6, f"{run.id.text} {job.machine_id}", _update_counts(job, updates))


def _update_counts(job: Job, updates: Counter[UpdateState]) -> Iterator[_Fault]:
    shown = {
        UpdateState.INSTALLED: job.counts.installed,
        UpdateState.FAILED: job.counts.failed,
        UpdateState.PENDING: job.counts.pending,
        UpdateState.EXCLUDED: job.counts.excluded,
        UpdateState.NOT_SELECTED: job.counts.not_selected,
    }
    if any(updates[state] != count for state, count in shown.items()):
        yield Kind.WRONG, f"it counts {shown}, its updates {dict(updates)}."


# --- 7 and 8 -------------------------------------------------------------------------------------


def _acknowledged(verdict: Verdict, stored: Stored, acknowledged: Iterable[str]) -> None:
    there = {one.id.lower() for one in stored.configurations} | stored.assignment_ids
    there |= {run.id.text.lower() for run in stored.runs}
    for resource_id in acknowledged:
        is_there = resource_id.lower() in there
        fault = (Kind.MISSED, "acknowledged, but not there.")
        verdict.judge(7, resource_id, [] if is_there else [fault])


async def _plan(services: Services, verdict: Verdict, run: Run) -> None:
    if not run.status.is_open:
        return
    jobs = [job async for job in services.jobs.glance(run.id)]
    rules = dispatch_rules(run, services.limits, services.clock.now())
    differs = depends_on_order(lambda rows: (plan(rows, rules), tally(rows)), jobs)
    fault = (Kind.WRONG, "two plans from the same rows.")
    verdict.judge(8, run.id.text, [fault] if differs else [])


def depends_on_order(
    decide: Callable[[Sequence[JobGlance]], object], jobs: list[JobGlance]
) -> bool:
    """Whether *decide* concludes something else from the same jobs in another order."""
    return decide(jobs) != decide(jobs[::-1])
