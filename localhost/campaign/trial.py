"""One seed, from its plan to its verdict."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from localhost.campaign import findings, restraint
from localhost.campaign.drive import Driven, drive
from localhost.campaign.journal import digest
from localhost.campaign.plan import START, Plan, draw
from localhost.campaign.virtual_time import run_leaping
from localhost.campaign.world import World, world
from localhost.evidence import broken_invariants
from shared.application.ports import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a seed: `faults` by kind, `outcomes` of its jobs, `throttled` by limits and not by a fault.

    `trace` is everything that happened, line by line; `digest` the hash of it and of what is stored at the end.
    """

    seed: int
    machines: int
    runs: int
    installs: int
    deaths: int
    faults: Mapping[str, int]
    outcomes: Mapping[str, int]
    throttled: int
    took: timedelta
    violations: tuple[str, ...]
    digest: str
    trace: tuple[str, ...]


def try_seed(seed: int) -> Verdict:
    """Run a seed; not to be called from within an event loop."""
    return run_leaping(_try(draw(seed)))


async def _try(plan: Plan) -> Verdict:
    async with world(plan) as here:
        driven = await drive(here, plan)
        return await _judge(here, plan, driven)


async def _judge(here: World, plan: Plan, driven: Driven) -> Verdict:
    services, calls = here.services, here.azure.calls
    asked = await findings.asked_for(services, calls.all())
    violations = await _violations(here, driven, asked)
    trace = tuple(here.journal.lines())
    return Verdict(
        seed=plan.seed,
        machines=plan.machines,
        runs=len({one.run.id for one in asked}),
        installs=len(calls.installs()),
        deaths=here.rows.deaths,
        faults=Counter(kind for kind, _, _ in here.faults.struck),
        outcomes=Counter(str(one.job.outcome) for one in asked),
        throttled=len(calls.throttled()),
        took=here.clock.now() - START,
        violations=tuple(violations),
        digest=digest(trace, await _records(services)),
        trace=trace,
    )


async def _violations(here: World, driven: Driven, asked: list[findings.Asked]) -> list[str]:
    services, calls, limits = here.services, here.azure.calls, here.services.limits
    broken = await broken_invariants(
        services,
        calls.installs(),
        acknowledged=sorted(driven.acknowledged.ids),
        before=driven.before,
    )
    return [
        *driven.raised,
        *map(str, broken),
        *findings.repeated(asked),
        *findings.crowded(here.journal.entries, asked, unknown_holds=limits.correction),
        *findings.unstopped(asked, driven.acknowledged),
        *await findings.doubled(services),
        *findings.untrue(asked, here.azure, limits=limits),
        *restraint.overfull(here.journal.entries, asked, here.azure),
        *restraint.heedless(here.journal.entries, asked, here.azure.refusals),
    ]


async def _records(services: Services) -> list[str]:
    """The runs and jobs as they are stored, without what is random by nature: claims, leases, ports."""
    lines = []
    async for run in services.runs.list_within("/subscriptions"):
        lines.append(f"{run.id.text} {run.status} {dict(run.counts)} {run.message}")
        async for job in services.jobs.list(run.id):
            words = (job.machine_id, job.outcome, job.reason, job.message, job.activity_id)
            lines.append(f"{words} {job.counts} {job.ended_at} {job.trace}")
    return lines
