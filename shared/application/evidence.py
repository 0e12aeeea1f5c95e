"""What the checker looks at: everything that is stored, and what it is told beside that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.application.ports import Services, StoredConfiguration
from shared.domain.records import Job, Run

TICKS = timedelta(minutes=3)
"""Two passes and a little: what a rule's time may be late by."""
_EVERYTHING = "/subscriptions"


def _all(_: Job) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInstall:
    """An install that a machine's own log shows as accepted."""

    machine_id: str
    at: datetime
    client_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the checker is told beside the storage.

    `covers` says of which jobs the log would have the installs: of the others it is no proof that they have none.
    `acknowledged` are ids of configurations, assignments and runs that the API confirmed and that nobody has deleted;
    `before` are the outcomes that an earlier look saw, by run and job.
    """

    installs: Sequence[LoggedInstall] = ()
    covers: Callable[[Job], bool] = _all
    acknowledged: Sequence[str] = ()
    before: Mapping[tuple[str, str], Job] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """All that is stored, by one look at it; `jobs` are by the run's id in lower case."""

    configurations: list[StoredConfiguration]
    assignment_ids: set[str]
    runs: list[Run]
    jobs: dict[str, list[Job]]

    def jobs_of(self, run: Run) -> list[Job]:
        """The jobs of a run."""
        return self.jobs[run.id.text.lower()]


async def read_stored(services: Services) -> Stored:
    """Read everything."""
    configurations = [one async for one in services.configurations.list(_EVERYTHING)]
    runs = [one async for one in services.runs.list_within(_EVERYTHING)]
    jobs = {run.id.text.lower(): [job async for job in services.jobs.list(run.id)] for run in runs}
    assignments = {one.id.lower() async for one in services.assignments.list_within(_EVERYTHING)}
    return Stored(configurations=configurations, assignment_ids=assignments, runs=runs, jobs=jobs)
