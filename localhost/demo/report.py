"""What Table Storage holds when the demo is over, read back through the stores: run, jobs, a machine's updates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.application.invariants import Violation
from shared.application.ports import Services
from shared.domain.records import Job, Run, RunId
from shared.domain.run import Outcome, Reason
from shared.domain.updates import UpdateRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is not in the tables: real time, what the simulated Azure's own log says, the checker's verdict."""

    took: timedelta
    installs: int
    lost_replies: int
    repeated: int
    broken: tuple[Violation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason that jobs ended with: how many, and one of them as an example."""

    outcome: Outcome
    reason: Reason
    count: int
    example: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run with all its jobs, and the updates of the most telling one (None: no job has any)."""

    run: Run
    jobs: tuple[Job, ...]
    example: Job | None
    updates: tuple[UpdateRecord, ...]
    findings: Findings

    @property
    def holds(self) -> bool:
        """Whether the run has closed and no invariant is broken."""
        return not self.run.status.is_open and not self.findings.broken

    @property
    def outcomes(self) -> list[tuple[Outcome, int]]:
        """Jobs by outcome, in the order of the enumeration; outcomes that nobody has are left out."""
        counts = Counter(job.outcome for job in self.jobs)
        return [(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]]

    @property
    def reasons(self) -> list[Why]:
        """Why jobs ended as they did, plain successes aside; the most frequent first within an outcome."""
        groups: dict[tuple[Outcome, Reason], list[Job]] = {}
        for job in self.jobs:
            if job.outcome and job.reason:
                groups.setdefault((job.outcome, job.reason), []).append(job)
        found = [
            Why(outcome=outcome, reason=reason, count=len(jobs), example=jobs[0])
            for (outcome, reason), jobs in groups.items()
        ]
        order = list(Outcome)
        return sorted(found, key=lambda why: (order.index(why.outcome), -why.count, why.reason))


async def read_report(services: Services, run_id: RunId, findings: Findings) -> Report:
    """Read everything anew; KeyError when the run is not stored."""
    run = await services.runs.get(run_id)
    if run is None:
        raise KeyError(run_id.text)
    jobs = tuple([job async for job in services.jobs.list(run_id)])
    example = _most_telling(jobs)
    updates = await services.updates.list(run_id, example.key) if example else []
    return Report(run=run, jobs=jobs, example=example, updates=tuple(updates), findings=findings)


def _most_telling(jobs: Sequence[Job]) -> Job | None:
    """The job whose updates show the most different states, and of those the most exclusions."""
    with_updates = [job for job in jobs if any(_states(job))]
    return max(
        with_updates,
        key=lambda job: (sum(map(bool, _states(job))), job.counts.excluded, job.machine_id),
        default=None,
    )


def _states(job: Job) -> tuple[int, ...]:
    counts = job.counts
    return (
        counts.installed,
        counts.failed,
        counts.pending,
        counts.excluded,
        counts.not_selected,
    )
