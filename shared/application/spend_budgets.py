"""Planning a run's dispatch within Azure's budgets: nothing is dispatched that no token was reserved for.

What the workers were told is in the job rows, and corrects the estimate once a pass: no worker writes a budget. A pass
that dies after reserving has wasted tokens, which are refilled, and none has been counted on twice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.application.concurrency import gather_bounded
from shared.application.ports import Services, StaleError
from shared.domain.budget import (
    Bucket,
    Budget,
    Demand,
    Place,
    Seen,
    Tokens,
    allowance,
    blocked,
    corrected,
    cost,
    read_left,
    reserve,
    throttled_by,
)
from shared.domain.dispatch import (
    DispatchRules,
    is_in_flight,
    place_of,
    plan,
    room,
    spent,
    takes_tokens,
    turn,
    waits,
)
from shared.domain.machine import MachineType
from shared.domain.records import JobChange, JobGlance, RunId
from shared.domain.run import Phase, Reason

_NEWS = timedelta(minutes=2)
"""How long what a worker was told is passed on: a pass comes each minute."""


async def plan_within_budgets(
    services: Services, run_id: RunId, jobs: Mapping[str, JobGlance], rules: DispatchRules
) -> list[JobChange]:
    """The plan, and the tokens that it takes are reserved."""
    rows = list(jobs.values())
    wishes = _wishes(rows, rules)
    if not wishes:
        return plan(rows, rules)
    # Short, for hundreds of runs may claim of one place.
    run = hashlib.sha256(run_id.text.lower().encode()).hexdigest()[:16]
    budgets = _Budgets(services, run, wishes, rules.now)
    allowed = await budgets.allowances()
    changes = plan(rows, rules.within(allowed))
    taken = spent(jobs, changes)
    granted = await budgets.reserve(taken)
    if all(granted[place] == tokens for place, tokens in taken.items()):
        return changes
    # Another pass was faster: what it left is enough for a smaller plan.
    return plan(rows, rules.within(granted))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What one run's jobs want of a place, and what their workers were told there."""

    demand: Demand
    seen: Seen | None
    blocked_until: Mapping[Bucket, datetime]


def _wishes(jobs: Sequence[JobGlance], rules: DispatchRules) -> dict[Place, _Wish]:
    """By place, where jobs wait for tokens, or were told something that the others have to know."""
    by_place: dict[Place, list[JobGlance]] = {}
    most = room(jobs, rules)
    for job in sorted(jobs, key=turn):
        if job.machine_type is not MachineType.SERVER and takes_tokens(job):
            by_place.setdefault(place_of(job), []).append(job)
    return {
        place: _wish(some, rules, most)
        for place, some in by_place.items()
        if any(waits(job, rules) or _was_told(job, rules) for job in some)
    }


def _was_told(job: JobGlance, rules: DispatchRules) -> bool:
    is_new = job.starting_at is not None and rules.now - job.starting_at <= _NEWS
    return is_new and bool(job.budget_left or job.held_by is Reason.PATCH_BUDGET)


def _wish(jobs: Sequence[JobGlance], rules: DispatchRules, most: int) -> _Wish:
    """*jobs* are those of one place by their turns, of which *most* may go now, whatever the budgets allow."""
    demand = Demand(
        waiting=cost([job.machine_type for job in jobs if waits(job, rules)][:most]),
        reserved=cost(job.machine_type for job in jobs if is_in_flight(job)),
    )
    return _Wish(demand=demand, seen=_latest_word(jobs), blocked_until=_waits(jobs))


def _waits(jobs: Sequence[JobGlance]) -> dict[Bucket, datetime]:
    """Until when Azure has asked to wait, by the buckets that it spoke of."""
    waits: dict[Bucket, datetime] = {}
    for job in jobs:
        if job.phase is Phase.QUEUED and job.held_by is Reason.PATCH_BUDGET and job.not_before:
            for bucket in throttled_by(job.machine_type):
                waits[bucket] = max(job.not_before, waits.get(bucket, job.not_before))
    return waits


def _latest_word(jobs: Sequence[JobGlance]) -> Seen | None:
    """What Azure said last; of several words at one instant the lowest, which came last."""
    words = [
        (job.starting_at, job.budget_left) for job in jobs if job.starting_at and job.budget_left
    ]
    if not words:
        return None
    latest = max(at for at, _ in words)
    left: dict[Bucket, int] = {}
    for word in (read_left(text) for at, text in words if at == latest):
        left |= {bucket: min(count, left.get(bucket, count)) for bucket, count in word.items()}
    return Seen(left=left, at=latest)


class _Budgets:
    """The budgets of the places where one run has waiting jobs, during one pass."""

    def __init__(
        self, services: Services, run: str, wishes: Mapping[Place, _Wish], now: datetime
    ) -> None:
        self._services = services
        self._run = run
        self._wishes = wishes
        self._now = now
        self._budgets: dict[Place, Budget] = {}

    async def allowances(self) -> dict[Place, Tokens]:
        """What the run may take now, by place."""
        found = await self._services.budgets.of(self._wishes)
        self._budgets = {place: self._corrected(budget) for place, budget in found.items()}
        return {place: self._allowance(budget) for place, budget in self._budgets.items()}

    async def reserve(self, taken: Mapping[Place, Tokens]) -> dict[Place, Tokens]:
        """Take these tokens, or as many of them as another pass has left; the answer is what was taken."""
        granted = await gather_bounded(
            (self._reserve(place, taken.get(place, {})) for place in self._wishes),
            self._services.limits.parallel,
        )
        return dict(zip(self._wishes, granted, strict=True))

    async def _reserve(self, place: Place, taken: Tokens) -> Tokens:
        budget, demand = self._budgets[place], self._wishes[place].demand
        while True:
            spent_budget = reserve(budget, self._run, demand, taken=taken, now=self._now)
            try:
                await self._services.budgets.put(spent_budget)
            except StaleError:
                budget = self._corrected((await self._services.budgets.of([place]))[place])
                allowed = self._allowance(budget)
                taken = {bucket: min(n, allowed[bucket]) for bucket, n in taken.items()}
            else:
                return taken

    def _corrected(self, budget: Budget) -> Budget:
        wish = self._wishes[budget.place]
        return corrected(
            blocked(budget, wish.blocked_until),
            self._run,
            seen=wish.seen,
            reserved=wish.demand.reserved,
            now=self._now,
        )

    def _allowance(self, budget: Budget) -> Tokens:
        demand = self._wishes[budget.place].demand
        return allowance(budget, self._run, demand, now=self._now)
