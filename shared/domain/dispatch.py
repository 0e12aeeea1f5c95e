"""What a pass over a run's jobs changes, pure: the same rows at the same instant give the same plan.

A job is dispatched while there is room, again when nobody claimed it for a while or its claimant died, and ended when
its cut-off has passed or its run was cancelled. A `starting` job whose claimant died may have been started: it is
`uncertain`, and never asked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.machine import MachineType
from shared.domain.records import Cancellation, JobChange, JobGlance, move
from shared.domain.run import Outcome, Phase, Reason, Writer

_IN_FLIGHT = (Phase.DISPATCHED, Phase.CLAIMED, Phase.STARTING)
_STARTED = (Phase.STARTING, Phase.UNCERTAIN, Phase.STARTED)
_INSTALLED = (
    Outcome.SUCCEEDED,
    Outcome.COMPLETED_WITH_WARNINGS,
    Outcome.FAILED,
    Outcome.UNKNOWN,
)
_LAST_LOOK = timedelta(minutes=10)
_JUST_NOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRules:
    """What the plan depends on beside the rows: `cut_offs` are instants by type of machine."""

    now: datetime
    cut_offs: Mapping[MachineType, datetime]
    cancellation: Cancellation | None
    in_flight: int
    unclaimed: timedelta
    skew: timedelta


def plan(jobs: Sequence[JobGlance], rules: DispatchRules) -> list[JobChange]:
    """The changes to write, in the order of the jobs' keys."""
    room = rules.in_flight - sum(job.phase in _IN_FLIGHT for job in jobs)
    is_crowded = room <= 0 or any(
        job.dispatched_at and rules.now - job.dispatched_at <= _JUST_NOW for job in jobs
    )
    held = _CROWDED if is_crowded else _NOBODY_CAME
    changes = []
    for job in sorted(jobs, key=lambda job: job.key):
        change = _change(job, rules, room=room, held=held)
        if change is None:
            continue
        changes.append(change)
        if job.phase is Phase.QUEUED and change.columns["phase"] is Phase.DISPATCHED:
            room -= 1
    return changes


def _change(
    job: JobGlance, rules: DispatchRules, *, room: int, held: tuple[Reason, str]
) -> JobChange | None:
    match job.phase:
        case Phase.QUEUED | Phase.DISPATCHED if rules.cancellation:
            return _end(job, rules, Outcome.CANCELLED, *_cancelled(rules.cancellation))
        case Phase.QUEUED | Phase.DISPATCHED if rules.now > _deadline(job, rules):
            return _end(job, rules, Outcome.TIMED_OUT, *_held(job, held))
        case Phase.QUEUED if room > 0 and (job.not_before or rules.now) <= rules.now:
            return _dispatch(job, rules)
        case Phase.DISPATCHED if rules.now - (job.dispatched_at or rules.now) >= rules.unclaimed:
            return _dispatch(job, rules)
        case Phase.CLAIMED if _is_dead(job, rules):
            return _dispatch(job, rules)
        case Phase.STARTING if _is_dead(job, rules):
            return move(
                job,
                Phase.UNCERTAIN,
                by=Writer.RECONCILE_RUN,
                message="The worker died while it asked for the install: it may have been started.",
            )
    return None


def _dispatch(job: JobGlance, rules: DispatchRules) -> JobChange:
    return move(job, Phase.DISPATCHED, by=Writer.RECONCILE_RUN, dispatched_at=rules.now)


def _end(
    job: JobGlance, rules: DispatchRules, outcome: Outcome, reason: Reason, message: str
) -> JobChange:
    return move(
        job,
        outcome,
        by=Writer.RECONCILE_RUN,
        reason=reason,
        message=message,
        ended_at=rules.now,
    )


def _is_dead(job: JobGlance, rules: DispatchRules) -> bool:
    return job.claimed_until is not None and rules.now > job.claimed_until + rules.skew


def _deadline(job: JobGlance, rules: DispatchRules) -> datetime:
    """The cut-off; a job that waits for its machine gets a last look after it, to say who held it."""
    cut_off = rules.cut_offs[job.machine_type]
    return cut_off + _LAST_LOOK if job.held_by is Reason.BUSY else cut_off


def _cancelled(cancellation: Cancellation) -> tuple[Reason, str]:
    return cancellation.reason, f"The run was cancelled by {cancellation.by}."


_CROWDED = (
    Reason.MAX_CONCURRENCY,
    "Too many machines were ahead of it until the cut-off: make the window longer.",
)
_NOBODY_CAME = (
    Reason.OUTAGE,
    "No worker took the job before the cut-off: check that the app was running.",
)


def _held(job: JobGlance, held: tuple[Reason, str]) -> tuple[Reason, str]:
    """What held a job: what its worker said; else the crowd, if it never had its turn; else nobody came for it."""
    if job.held_by:
        return job.held_by, job.held_message
    return held if job.dispatched_at is None else _NOBODY_CAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A run's jobs, counted: by outcome, those without one, and those whose install was started."""

    outcomes: Mapping[Outcome, int]
    open_jobs: int
    installs_started: int


def tally(jobs: Iterable[JobGlance]) -> Tally:
    """Count jobs."""
    outcomes: dict[Outcome, int] = {}
    open_jobs = started = 0
    for job in jobs:
        started += job.phase in _STARTED or job.outcome in _INSTALLED
        if job.outcome is None:
            open_jobs += 1
        else:
            outcomes[job.outcome] = outcomes.get(job.outcome, 0) + 1
    return Tally(outcomes=outcomes, open_jobs=open_jobs, installs_started=started)
