"""What a pass over a run's jobs changes, pure: the same rows at the same instant give the same plan.

A job is dispatched while there is room: in the queue, under the run's own limit, and in Azure's budget for its place;
a job that one of the last two holds says so. Those that had no turn yet come first, then those whose turn is longest
ago: a machine that stays busy takes nobody's place. A job is dispatched again when nobody claimed it for a while or its
claimant died, and ended when its cut-off has passed or its run was cancelled. A `starting` job whose claimant died may
have been started: it is `uncertain`, and never asked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.domain.budget import Bucket, Place, Tokens, cost
from shared.domain.configuration import MaxConcurrency
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
_NEVER = datetime.min.replace(tzinfo=UTC)
_LAST_LOOK = timedelta(minutes=10)
_JUST_NOW = timedelta(minutes=5)
_MAY_STILL_SHOW = timedelta(minutes=30)
_LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRules:
    """What the plan depends on beside the rows.

    `cut_offs` are instants by type of machine, `heard_until` is how far the reports of installs could be read.
    `allowances` are what may be taken of each place's budget; a place that is not in it has no limit.
    """

    now: datetime
    cut_offs: Mapping[MachineType, datetime]
    cancellation: Cancellation | None
    in_flight: int
    unclaimed: timedelta
    skew: timedelta
    max_concurrency: MaxConcurrency | None = None
    heard_until: datetime | None = None
    allowances: Mapping[Place, Tokens] = field(default_factory=dict)

    def within(self, allowances: Mapping[Place, Tokens]) -> "DispatchRules":
        """The same rules, with these allowances."""
        return replace(self, allowances=allowances)


def plan(jobs: Sequence[JobGlance], rules: DispatchRules) -> list[JobChange]:
    """The changes to write, in the order of the jobs' turns."""
    room = _Room(jobs, rules)
    changes = (_change(job, rules, room) for job in sorted(jobs, key=turn))
    return [change for change in changes if change]


def turn(job: JobGlance) -> tuple[datetime, str]:
    """What jobs are sorted by: those that had no turn yet, then those whose turn is longest ago."""
    return job.dispatched_at or _NEVER, job.key


def waits(job: JobGlance, rules: DispatchRules) -> bool:
    """Whether a job could be dispatched now, if there were room."""
    is_due = (job.not_before or rules.now) <= rules.now
    return job.phase is Phase.QUEUED and is_due and not _is_over(job, rules)


def is_in_flight(job: JobGlance) -> bool:
    """Whether a job is on its way: sent to the workers, and its request not answered yet."""
    return job.phase in _IN_FLIGHT


def takes_tokens(job: JobGlance) -> bool:
    """Whether a dispatch takes of a budget.

    One that finds its machine in another run's hands, minute after minute, sends nothing; one that Azure itself found
    busy was sent.
    """
    return job.held_by is not Reason.BUSY or job.starting_at is not None


def spent(jobs: Mapping[str, JobGlance], changes: Iterable[JobChange]) -> dict[Place, Tokens]:
    """What the changes take of each place's budget, *jobs* by key being as they were before.

    A place of which nothing is taken is left out: servers on premises may be the only machines there.
    """
    types: dict[Place, list[MachineType]] = {}
    for change in changes:
        job = jobs[change.key]
        if _is_first_dispatch(job, change) and takes_tokens(job):
            types.setdefault(place_of(job), []).append(job.machine_type)
    return {place: tokens for place, some in types.items() if (tokens := cost(some))}


def place_of(job: JobGlance) -> Place:
    """Where a job's machine is, as budgets see it."""
    return Place.of(job.subscription, job.location)


def room(jobs: Sequence[JobGlance], rules: DispatchRules) -> int:
    """How many jobs may be dispatched now, whatever the budgets allow."""
    return max(0, _Room(jobs, rules).left)


class _Room:
    """What is left while a plan is made."""

    def __init__(self, jobs: Sequence[JobGlance], rules: DispatchRules) -> None:
        in_flight = sum(is_in_flight(job) for job in jobs)
        patched = sum(_may_be_patched(job, rules) for job in jobs)
        limit = rules.max_concurrency.of(len(jobs)) if rules.max_concurrency else None
        self._in_queue = rules.in_flight - in_flight
        self._in_run = None if limit is None else limit - patched
        self._tokens: dict[Place, dict[Bucket, int]] = {
            place: dict(tokens) for place, tokens in rules.allowances.items()
        }
        just_now = rules.now - _JUST_NOW
        is_crowded = self._in_queue <= 0 or any(
            job.dispatched_at and job.dispatched_at >= just_now for job in jobs
        )
        self.held = _CROWDED if is_crowded else _NOBODY_CAME

    @property
    def left(self) -> int:
        """Jobs that may still be dispatched, budgets aside."""
        return self._in_queue if self._in_run is None else min(self._in_queue, self._in_run)

    def take(self, job: JobGlance) -> tuple[Reason, str] | None:
        """Take the room that a job needs; or what holds it, and then nothing is taken."""
        if self._in_run is not None and self._in_run <= 0:
            return _LIMITED
        tokens = self._tokens.get(place_of(job))
        needs = cost([job.machine_type]) if tokens is not None and takes_tokens(job) else {}
        if tokens is not None and any(tokens.get(bucket, 0) < 1 for bucket in needs):
            return _OVER_BUDGET
        if self._in_queue <= 0:
            return _CROWDED
        self._in_queue -= 1
        if self._in_run is not None:
            self._in_run -= 1
        if tokens is not None:
            tokens.update((bucket, tokens[bucket] - 1) for bucket in needs)
        return None


def _change(job: JobGlance, rules: DispatchRules, room: _Room) -> JobChange | None:
    match job.phase:
        case Phase.QUEUED | Phase.DISPATCHED if rules.cancellation:
            return _end(job, rules, Outcome.CANCELLED, *_cancelled(rules.cancellation))
        case Phase.QUEUED | Phase.DISPATCHED if rules.now > _deadline(job, rules):
            return _time_out(job, rules, room.held)
        case Phase.QUEUED if waits(job, rules):
            held = room.take(job)
            return _hold(job, held, rules.now) if held else _dispatch(job, rules)
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


def _hold(job: JobGlance, held: tuple[Reason, str], now: datetime) -> JobChange | None:
    """Note once what keeps a job in the queue; a full queue is not noted, for it empties every minute."""
    if held is _CROWDED or job.held_by is held[0] or _was_busy_since(job, now - _LATELY):
        return None
    columns = {"held_by": held[0], "held_message": held[1]}
    return JobChange(key=job.key, etag=job.etag, columns=columns)


def _is_first_dispatch(job: JobGlance, change: JobChange) -> bool:
    return job.phase is Phase.QUEUED and change.columns.get("phase") is Phase.DISPATCHED


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


def _may_be_patched(job: JobGlance, rules: DispatchRules) -> bool:
    """Whether a job counts against the run's own limit.

    One whose request was lost does, until the reports of half an hour could be read and did not show it.
    """
    if job.phase is Phase.UNCERTAIN and job.starting_at and rules.heard_until:
        return rules.heard_until - job.starting_at <= _MAY_STILL_SHOW
    return job.phase in (*_IN_FLIGHT, *_STARTED)


def _is_over(job: JobGlance, rules: DispatchRules) -> bool:
    return rules.cancellation is not None or rules.now > _deadline(job, rules)


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
_LIMITED = (
    Reason.MAX_CONCURRENCY,
    "As many machines as Muster.MaxConcurrency allows were being patched: raise it, or make the window longer.",
)
_OVER_BUDGET = (
    Reason.PATCH_BUDGET,
    "Azure's budget of patch requests for its subscription and region is used up for now: make the window longer.",
)
_NOBODY_CAME = (
    Reason.OUTAGE,
    "No worker took the job before the cut-off: check that the app was running.",
)


def _was_busy_since(job: JobGlance, instant: datetime) -> bool:
    """Whether a worker found the machine in other hands; `not_before` is a little later than when it looked."""
    return job.held_by is Reason.BUSY and job.not_before is not None and job.not_before >= instant


def _time_out(job: JobGlance, rules: DispatchRules, held: tuple[Reason, str]) -> JobChange:
    """End a job whose time is over, and say what held it.

    A machine that was in other hands lately was skipped. Else it is that nobody came for the job; or what its worker or
    a pass said; or the crowd, if it never had its turn.
    """
    if _was_busy_since(job, rules.cut_offs[job.machine_type] - _LATELY):
        return _end(job, rules, Outcome.SKIPPED, Reason.BUSY, job.held_message)
    sent_at = job.dispatched_at if job.phase is Phase.DISPATCHED else None
    if sent_at and rules.now - sent_at >= rules.unclaimed:
        return _end(job, rules, Outcome.TIMED_OUT, *_NOBODY_CAME)
    if job.held_by and job.held_by is not Reason.BUSY:
        return _end(job, rules, Outcome.TIMED_OUT, job.held_by, job.held_message)
    why = held if job.dispatched_at is None else _NOBODY_CAME
    return _end(job, rules, Outcome.TIMED_OUT, *why)


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
