"""Where runs, their jobs, and what hangs on them are kept; and the queues that move them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.application.ports.documents import StoredAssignment
from shared.domain.records import Job, JobChange, JobGlance, Run, RunId
from shared.domain.run import Phase
from shared.domain.updates import UpdateRecord


class RunStore(Protocol):
    """The runs."""

    async def get(self, run_id: RunId) -> Run | None: ...

    async def insert(self, run: Run) -> Run:
        """Raises `StaleError` when the occurrence has its row already."""

    async def insert_closed(self, runs: Sequence[Run]) -> None:
        """Insert runs of one configuration that never open; those that exist stay as they are."""

    async def replace(self, run: Run) -> Run:
        """Write over the row that still has the record's ETag; raises `StaleError`."""

    async def remove(self, run: Run) -> None:
        """Remove the row that still has the record's ETag; nothing happens when it is gone. Raises `StaleError`."""

    async def insert_on_demand(self, run: Run, *, replaces: str) -> Run:
        """Insert a run together with its marker *active for this target* and, if it has one, its request.

        *replaces* is the key of the run that the marker names now and that is no longer active, or empty if there is
        no marker. Raises `StaleError` when any of the three exists or has moved.
        """

    async def active_on_demand(self, configuration_id: str, *, target: str) -> str:
        """The key of the latest on-demand run for *target* (a machine's id, or empty for all); or empty."""

    async def of_request(self, configuration_id: str, *, request_id: str) -> str:
        """The key of the run that this request started; or empty."""

    async def join_request(self, configuration_id: str, *, request_id: str, key: str) -> None:
        """Note that this request was answered with the run *key*; an earlier note stays."""

    def list(self, configuration_id: str, *, after: str = "") -> AsyncIterator[Run]:
        """All runs of one configuration with keys after *after*, oldest first."""

    def list_within(self, prefix: str) -> AsyncIterator[Run]:
        """All runs of the configurations in a subscription or a resource group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenScope:
    """A dynamic scope as its run froze it, and how far its resolution has come.

    `after` is the key of the last machine that has been looked at, `seen` and `matched` count machines so far.
    `problem` says why it can't be read; a scope that is `done` with a problem was never resolved.
    """

    key: str
    assignment: StoredAssignment
    after: str = ""
    seen: int = 0
    matched: int = 0
    done: bool = False
    problem: str = ""
    etag: str = ""


class JobStore(Protocol):
    """The jobs of runs, and beside them the frozen scopes."""

    async def get(self, run_id: RunId, key: str) -> Job | None: ...

    async def insert(self, run_id: RunId, jobs: Sequence[Job]) -> int:
        """Insert those that are not there yet; the answer is how many were new."""

    async def remove(self, run_id: RunId, etags: Mapping[str, str]) -> None:
        """Remove rows of an unfinished freeze, jobs and scopes alike, by key, where the ETag still is that one."""

    async def change(self, run_id: RunId, change: JobChange) -> str:
        """Merge columns by ETag; the answer is the new ETag. Raises `StaleError`."""

    async def change_many(self, run_id: RunId, changes: Sequence[JobChange]) -> list[JobChange]:
        """Merge as many as can be; the answer is those that another writer did not overtake."""

    def glance(self, run_id: RunId) -> AsyncIterator[JobGlance]:
        """Every job of a run, a few columns each."""

    def list(
        self, run_id: RunId, *, phase: Phase | None = None, outcome: str = "", after: str = ""
    ) -> AsyncIterator[Job]:
        """Whole jobs in the order of their keys, after a key, of one phase or one outcome."""

    async def put_scope(self, run_id: RunId, scope: FrozenScope) -> FrozenScope:
        """Store how far a scope has come, by its ETag if it has one; raises `StaleError`."""

    def scopes(self, run_id: RunId) -> AsyncIterator[FrozenScope]: ...


class UpdateStore(Protocol):
    """Per-update results of a job."""

    async def put(self, run_id: RunId, job_key: str, updates: Sequence[UpdateRecord]) -> None:
        """Replace what is stored for the job; the same call twice leaves the same rows."""

    async def list(self, run_id: RunId, job_key: str) -> list[UpdateRecord]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLock:
    """Who may patch a machine: one job of one run. There is no time limit."""

    machine_key: str
    run_id: RunId
    job_key: str
    taken_at: datetime
    etag: str = ""


class MachineLocks(Protocol):
    """One lock for each machine."""

    async def get(self, machine_key: str) -> MachineLock | None: ...

    async def take(self, lock: MachineLock, *, over: MachineLock | None) -> MachineLock:
        """Take a free lock, or one *over* its present holder by ETag; raises `StaleError`."""


class Outbox(Protocol):
    """The two queues."""

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        """Put `{"v": 1, "run": ...}` into the queue `runs`."""

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        """Put `{"v": 1, "run": ..., "machine": ...}` into the queue `jobs`."""


class Poisoned(Protocol):
    """Messages that could not be worked on, kept for a person to look at."""

    async def keep(self, queue: str, body: str, *, reason: str, at: datetime) -> None: ...
