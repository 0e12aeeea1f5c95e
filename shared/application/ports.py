"""What the use cases need from the world, as protocols; adapters implement them, `Services` carries them.

Rules that hold for every port: instants are aware UTC datetimes; ids compare without case; a service that does not
answer as it should raises `UnavailableError`; a conditional write that another writer has overtaken raises
`StaleError` (from here, not from `shared.errors`: it never leaves the application) and has changed nothing. Every
conditional write is *confirmed*: who is told that it lost has lost, even where a client library repeated the request
by itself.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.application.limits import Limits
from shared.domain.machine import Machine, MachineState, MachineType, OsType
from shared.domain.records import Job, JobChange, JobGlance, Run, RunId
from shared.domain.report import InstallReport
from shared.domain.run import Phase
from shared.domain.scope import Scope
from shared.domain.updates import InstallPatches, UpdateRecord


class StaleError(Exception):
    """Another writer was first: the row changed, appeared or went since it was read."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """This instant, aware, in UTC."""

    async def sleep(self, delay: timedelta) -> None:
        """Let *delay* pass."""


# --- documents -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfiguration:
    """A maintenance configuration as it is kept.

    `document` is the body as it was sent. `window_since` is the instant before which its window has nothing due: its
    creation, or the last change of its `maintenanceWindow`. `revision` is new with every write; the agenda names the
    one it expects. `deleting` means that its deletion has been acknowledged or is under way: nothing starts any more.
    """

    id: str
    document: Mapping[str, Any]
    window_since: datetime
    revision: str
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    deleting: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssignment:
    """A configuration assignment as it is kept; `scope_id` is what it hangs on.

    A subscription or a group makes it a dynamic scope, a machine a static assignment.
    """

    id: str
    scope_id: str
    name: str
    configuration_id: str
    document: Mapping[str, Any]
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    etag: str = ""


class ConfigurationStore(Protocol):
    """The maintenance configurations."""

    async def get(self, configuration_id: str) -> StoredConfiguration | None: ...

    async def insert(self, configuration: StoredConfiguration) -> StoredConfiguration:
        """Raises `StaleError` when there is one already."""

    async def replace(self, configuration: StoredConfiguration) -> StoredConfiguration:
        """Write over the row that still has the record's ETag; raises `StaleError`."""

    async def delete(self, configuration: StoredConfiguration) -> None:
        """Remove the row that still has the record's ETag; nothing happens when it is gone. Raises `StaleError`."""

    def list(self, prefix: str) -> AsyncIterator[StoredConfiguration]:
        """Those under a subscription's or a resource group's id."""


class AssignmentStore(Protocol):
    """The configuration assignments, by scope and, through an index, by configuration."""

    async def get(self, scope_id: str, name: str) -> StoredAssignment | None: ...

    async def insert(self, assignment: StoredAssignment) -> StoredAssignment:
        """Index first, document second; raises `StaleError` when there is one already."""

    async def replace(
        self, assignment: StoredAssignment, previous: StoredAssignment
    ) -> StoredAssignment:
        """Write over *previous*, by its ETag, and move the index when the configuration differs."""

    async def delete(self, assignment: StoredAssignment) -> None:
        """Document first, index second; nothing happens when it is gone."""

    def list(self, scope_id: str) -> AsyncIterator[StoredAssignment]:
        """Those that hang on exactly this subscription, group or machine."""

    def list_within(self, prefix: str) -> AsyncIterator[StoredAssignment]:
        """Those that hang on this subscription or group, or on anything in it."""

    def list_of(self, configuration_id: str) -> AsyncIterator[StoredAssignment]:
        """Those that name this configuration; an index row without its document counts for nothing."""


# --- agenda --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaEntry:
    """When a configuration wants to be looked at again, and up to where its occurrences are recorded.

    `revision` is the one of the configuration that the writer of "look at me" was about to store.
    """

    configuration_id: str
    next_due: datetime
    handled_up_to: datetime | None = None
    revision: str = ""
    touched_at: datetime | None = None
    etag: str = ""


class Agenda(Protocol):
    """What is to be looked at: configurations by their next due instant, and the runs that are open."""

    async def look_at(self, configuration_id: str, *, revision: str, now: datetime) -> None:
        """Set *next due* to now, before the configuration is written; `handled_up_to` stays."""

    async def get(self, configuration_id: str) -> AgendaEntry | None: ...

    def due(self, now: datetime) -> AsyncIterator[AgendaEntry]:
        """The entries whose next due instant is not after *now*."""

    async def settle(self, entry: AgendaEntry) -> AgendaEntry:
        """Store *next due* and *handled up to* by the entry's ETag; raises `StaleError`."""

    async def forget(self, entry: AgendaEntry) -> None:
        """Remove the entry by its ETag; raises `StaleError` when somebody asked to look again."""

    async def open_run(self, run_id: RunId, *, now: datetime) -> None:
        """Written before the run row, so that no open run is ever without it."""

    async def close_run(self, run_id: RunId) -> None: ...

    def open_runs(self) -> AsyncIterator[tuple[RunId, datetime]]:
        """The open runs and when each was opened; an entry may be there whose run row never came."""

    async def keep_for_correction(self, run_id: RunId, *, until: datetime) -> None:
        """A closed run with `Unknown` jobs: a later word may still correct them."""

    def for_correction(self) -> AsyncIterator[tuple[RunId, datetime]]: ...

    async def end_correction(self, run_id: RunId) -> None: ...

    async def watermark(self) -> datetime | None:
        """Up to where the reports of installs have been read."""

    async def set_watermark(self, instant: datetime) -> None: ...


# --- history -------------------------------------------------------------------------------------


class RunStore(Protocol):
    """The runs."""

    async def get(self, run_id: RunId) -> Run | None: ...

    async def insert(self, run: Run) -> Run:
        """Raises `StaleError` when the occurrence has its row already."""

    async def insert_closed(self, runs: Sequence[Run]) -> None:
        """Insert runs of one configuration that never open; those that exist stay as they are."""

    async def replace(self, run: Run) -> Run:
        """Write over the row that still has the record's ETag; raises `StaleError`."""

    async def insert_on_demand(self, run: Run, *, replaces: str) -> Run:
        """Insert a run together with its marker *active for this target* and, if it has one, its request.

        *replaces* is the key of the closed run that the marker names now, or empty if there is no marker. Raises
        `StaleError` when any of the three exists or has moved.
        """

    async def active_on_demand(self, configuration_id: str, *, target: str) -> str:
        """The key of the latest on-demand run for *target* (a machine's id, or empty for all); or empty."""

    async def of_request(self, configuration_id: str, *, request_id: str) -> str:
        """The key of the run that this request started; or empty."""

    async def join_request(self, configuration_id: str, *, request_id: str, key: str) -> None:
        """Note that this request was answered with the run *key*; an earlier note stays."""

    def list(self, configuration_id: str) -> AsyncIterator[Run]:
        """All runs of one configuration, oldest first."""

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


# --- machines ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryPage:
    """Machines in the order of their keys; `last` is the key to go on after, or None at the end."""

    machines: tuple[Machine, ...]
    last: str | None


class Inventory(Protocol):
    """Which machines there are."""

    async def is_readable(self, subscription: str) -> bool:
        """Whether this app can see the subscription at all."""

    async def page(self, scope: Scope, *, after: str, limit: int) -> InventoryPage:
        """At most *limit* machines of a scope, keys greater than *after*.

        It may hold machines that the scope does not match: the query narrows, `domain.scope.matches` decides.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOrder:
    """What a machine is asked to do; `client_request_id` travels with the request."""

    machine: Machine
    os_type: OsType
    install_patches: InstallPatches
    maximum_duration: timedelta
    client_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The install was accepted: *operation* is to be asked after, *activity_id* is what it reports under."""

    operation: str
    activity_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Proof that nothing was started, and that asking again would change nothing (a 4xx but 408, 409, 429)."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """Proof that nothing was started, but it may be later.

    `cause` is `unreachable` (no connection was made), `throttled` (429), `busy` (409) or `late` (the cut-off passed
    before the request was sent); `again_in` is how long to wait.
    """

    message: str
    cause: str
    again_in: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """A time-out, a reset, 408 or 5xx: the install may have been started. Never ask again."""

    message: str


InstallReply = Accepted | Refused | NotNow | Uncertain


class Patching(Protocol):
    """Looks at machines, installs on them, and asks after installs, one machine at a time."""

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """The machine as it is now; None when it is gone."""

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once, never again by itself; every failure is one of the replies, none an exception."""

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What the service says of `job.operation`; None when it does not know."""


class InstallReports(Protocol):
    """Reports of installs in bulk, over all subscriptions that the app can see."""

    def changed_since(self, instant: datetime, *, limit: int) -> AsyncIterator[list[InstallReport]]:
        """Pages of at most *limit* installs whose report changed at or after *instant*, without their updates."""

    async def updates_of(
        self, activity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        """The updates of these installs, by activity id in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Every port, and the limits: what a use case is handed."""

    clock: Clock
    limits: Limits
    configurations: ConfigurationStore
    assignments: AssignmentStore
    agenda: Agenda
    runs: RunStore
    jobs: JobStore
    updates: UpdateStore
    locks: MachineLocks
    outbox: Outbox
    poisoned: Poisoned
    inventory: Inventory
    patching: Patching
    reports: InstallReports
