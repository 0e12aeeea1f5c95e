"""One seed, from its plan to its verdict."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from localhost.campaign.journal import digest
from localhost.passing_time import MINUTE
from localhost.simulation import findings, occurrences
from localhost.simulation.chances import Chances
from localhost.simulation.findings import Told
from localhost.simulation.journal import Journal, Trace
from localhost.simulation.plan import CONFIGURATIONS, MACHINES, OCCURRENCES, Plan, draw, pauses
from localhost.simulation.process import Process
from localhost.simulation.timeline import Timeline, run_on
from localhost.simulation.world import LIMITS, World
from shared.application.invariants import (
    TICKS,
    Evidence,
    LoggedInstall,
    Violation,
    violations,
)
from shared.application.ports import Services
from shared.domain.records import Run, RunKind

_LATE_WORDS = timedelta(hours=25)
"""How long it goes on after the last schedule has expired, at least."""
_FIRST_PASSES = timedelta(minutes=10)
"""After a pause: a host starts, a timer's lock is taken over, a message of a dead host comes back."""
_LONGEST = timedelta(days=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a seed.

    `waits` are the times from occurrences to the first install of their runs, `digest` the hash of all that happened
    and of what is stored in the end, `trace` what happened, line by line.
    """

    seed: int
    configurations: int
    machines: int
    occurrences: int
    runs: int
    installs: int
    took: timedelta
    faults: Mapping[str, int]
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    waits: tuple[timedelta, ...]
    violations: tuple[str, ...]
    digest: str
    trace: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it: broken rules, or less of something than there has to be in each seed."""
        is_large = (
            self.configurations >= CONFIGURATIONS
            and self.machines >= MACHINES
            and self.occurrences >= OCCURRENCES
        )
        return self.violations if is_large else (*self.violations, "It is too small.")


def try_seed(seed: int) -> Verdict:
    """Run a seed; not to be called from within an event loop."""
    return _try(draw(seed), Journal)


def trace_seed(seed: int) -> Verdict:
    """The same, with every call in the trace."""
    return _try(draw(seed), Trace)


def _try(plan: Plan, journal: Callable[[Callable[[], datetime]], Journal]) -> Verdict:
    timeline = Timeline(plan.start - 2 * MINUTE)
    return run_on(timeline, _run(World(plan, timeline, journal(timeline.now))))


async def _run(world: World) -> Verdict:
    world.start()
    checker = _witness(world)
    calms_at = world.plan.end
    await _until(checker, calms_at)
    world.calm_down()
    latest, quiet_since = calms_at + _LONGEST, calms_at
    while world.timeline.now() < latest:
        if not (world.users.are_done and world.pace.is_quiet()):
            quiet_since = world.timeline.now()
        elif world.timeline.now() - quiet_since >= timedelta(hours=1):
            break
        await checker.sleep(10 * MINUTE)
    return await _judge(world, world.services(checker))


def _witness(world: World) -> Process:
    """A process without faults, whose calls take no time; it does nothing but look."""
    calm = Chances(world.chances.dice, {})
    return Process(
        "witness", world.timeline, calm, journal=Journal(world.timeline.now), skew=timedelta()
    )


async def _until(process: Process, instant: datetime) -> None:
    await process.sleep(instant - process.now())


async def _judge(world: World, services: Services) -> Verdict:
    runs = [run async for run in services.runs.list_within("/subscriptions")]
    told = await findings.all_told(services, world.journal, world.estate)
    broken = [text async for text in _broken(world, services, runs, told)]
    scheduled = [run for run in runs if run.kind is RunKind.SCHEDULED]
    return Verdict(
        seed=world.plan.seed,
        configurations=len(world.ledger.epochs),
        machines=len(world.plan.states),
        occurrences=len(scheduled),
        runs=len(runs),
        installs=len(world.estate.installs),
        took=world.timeline.now() - world.plan.start,
        faults=dict(world.chances.struck),
        outcomes=Counter(str(one.job.outcome) for one in told),
        statuses=Counter(str(run.status) for run in runs),
        waits=tuple(occurrences.waits(scheduled, _first_installs(told))),
        violations=tuple(broken),
        digest=digest(world.journal.lines, _records(runs, told)),
        trace=tuple(_lines(world.journal)),
    )


async def _broken(
    world: World, services: Services, runs: list[Run], told: list[Told]
) -> AsyncIterator[str]:
    journal, ledger, limits = world.journal, world.ledger, LIMITS
    for text in (
        *journal.broken,
        *[
            str(one)
            for one in await violations(services, _evidence(world))
            if not _is_excused(world, one, told)
        ],
        *findings.repeated(told),
        *findings.crowded(journal, told, unknown_holds=limits.correction),
        *findings.unstopped(journal, told, ledger, appeared=world.watch.inserted),
        *findings.untrue(told, journal, limits=limits, pauses=pauses(world.plan.troubles)),
        *await findings.doubled(services),
        *occurrences.lost(ledger, runs, until=world.plan.end),
        *occurrences.unfounded(ledger, runs),
        *occurrences.missed_in_vain(ledger, runs, world.evaluation.passes, journal=journal),
    ):
        yield text
    for run in world.pace.open_runs():
        yield f"{run.configuration_id.rpartition('/')[2]} {run.key} is still on the agenda."


def _is_excused(world: World, violation: Violation, told: list[Told]) -> bool:
    """Whether a job ended late because no pass came in time: it has to end with the first ones after the pause."""
    if "without having been Unknown" not in violation.message:
        return False
    for one in told:
        if violation.subject == f"{one.run.id.text} {one.job.machine_id}" and one.job.ended_at:
            last = one.run.ends_at + LIMITS.final_word
            return any(
                began <= last + TICKS and one.job.ended_at <= ended + _FIRST_PASSES
                for began, ended in pauses(world.plan.troubles)
                if ended >= last
            )
    return False


def _evidence(world: World) -> Evidence:
    installs = [
        LoggedInstall(machine_id=one.machine_id, at=one.at, client_request_id=one.client_request_id)
        for one in world.estate.installs
    ]
    return Evidence(installs=installs, acknowledged=sorted(world.ledger.ids.values()))


def _first_installs(told: list[Told]) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for one in told:
        if one.install:
            run = one.run.id.text
            first[run] = min(first.get(run, one.install.at), one.install.at)
    return first


def _records(runs: list[Run], told: list[Told]) -> list[str]:
    """The runs and jobs as they are stored, without what is random by nature."""
    lines = [f"{run.id.text} {run.status} {dict(run.counts)} {run.message}" for run in runs]
    for one in told:
        job = one.job
        words = (job.machine_id, job.outcome, job.reason, job.message, job.activity_id)
        lines.append(f"{words} {job.counts} {job.ended_at} {job.trace}")
    return lines


def _lines(journal: Journal) -> list[str]:
    return journal.steps if isinstance(journal, Trace) else journal.lines
