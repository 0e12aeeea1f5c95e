"""The two records of the history, a run and its jobs, and the keys that make them unique.

Keys are deterministic: a run's key is its start, a job's key is its machine. Whoever inserts a row twice fails, and
that is the lock. A record is changed by merging a `JobChange`, or by replacing the whole run under its ETag.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self

from shared.domain.machine import MachineType, OsType
from shared.domain.run import Outcome, Phase, Reason, RunStatus, Target, Writer, check_transition
from shared.errors import InvalidRequestError

RUN_SEGMENT = "/providers/Microsoft.Maintenance/applyUpdates/"
_KEY_FORMAT = "%Y%m%d%H%M%S"


def run_key(starts_at: datetime) -> str:
    """`yyyyMMddHHmmss` of the start, UTC: the name of a run on the wire and its row's key."""
    return f"{starts_at.astimezone(UTC):{_KEY_FORMAT}}".rjust(14, "0")


def parse_run_key(key: str) -> datetime:
    """The start that a run's key names; `InvalidRequestError` when it names none."""
    try:
        if len(key) != 14 or not (key.isascii() and key.isdigit()):
            raise ValueError(key)
        year, month, day = int(key[:4]), int(key[4:6]), int(key[6:8])
        hour, minute, second = int(key[8:10]), int(key[10:12]), int(key[12:])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise InvalidRequestError(
            f"'{key[:50]}' is not a run: a run is named by its start in UTC, as yyyyMMddHHmmss."
        ) from error


def job_key(machine_id: str) -> str:
    """The row key of a machine's job in any run: a hash of its id, which may be too long for a key."""
    return hashlib.sha256(machine_id.rstrip("/").lower().encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunId:
    """One run of one configuration: `<configuration id>/providers/Microsoft.Maintenance/applyUpdates/<key>`."""

    configuration_id: str
    key: str

    @property
    def text(self) -> str:
        """The id as users and messages carry it."""
        return f"{self.configuration_id}{RUN_SEGMENT}{self.key}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split a run's id; `InvalidRequestError` when it is none."""
        at = text.lower().rfind(RUN_SEGMENT.lower())
        if at <= 0:
            raise InvalidRequestError(f"'{text[:200]}' is not the id of a run.", target="run")
        key = text[at + len(RUN_SEGMENT) :]
        parse_run_key(key)
        return cls(configuration_id=text[:at], key=key)


class RunKind(StrEnum):
    """What started a run."""

    SCHEDULED = "Scheduled"
    ON_DEMAND = "OnDemand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Who stopped a run, when, and why."""

    at: datetime
    by: str
    reason: Reason = Reason.CANCELLED_BY_CALLER


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One occurrence of one configuration, or one on-demand start of it.

    `document` is the configuration as it was stored when the run was inserted. `target` is the id of the only machine
    of an on-demand run, or empty for all. `counts` counts jobs by outcome, `open_jobs` those that have none.
    """

    configuration_id: str
    key: str
    kind: RunKind
    starts_at: datetime
    duration: timedelta
    created_at: datetime
    created_by: str
    document: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.PENDING
    reason: Reason | None = None
    message: str = ""
    target: str = ""
    request_id: str = ""
    frozen_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    cancellation: Cancellation | None = None
    unresolved_scopes: int = 0
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    open_jobs: int = 0
    lease: str = ""
    leased_until: datetime | None = None
    etag: str = ""

    @property
    def id(self) -> RunId:
        """What the run is found by."""
        return RunId(configuration_id=self.configuration_id, key=self.key)

    @property
    def ends_at(self) -> datetime:
        """The end of its window."""
        return self.starts_at + self.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCounts:
    """How many updates of a machine ended in which state."""

    installed: int = 0
    failed: int = 0
    pending: int = 0
    excluded: int = 0
    not_selected: int = 0

    @property
    def total(self) -> int:
        """Updates in any state."""
        return self.installed + self.failed + self.pending + self.excluded + self.not_selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One machine in one run.

    `claim` and `claimed_until` hold in the phases `claimed` and `starting`. `held_by` says what kept a `queued` job
    from starting, `held_message` names the other run. `operation` is what the service gave to ask after the install,
    `activity_id` the id under which it reports, `preceded_by` that of the install which held the machine before,
    `budget_left` what the service said was left of its limits (`domain.budget.read_left`). `trace` lists what a later
    word replaced.
    """

    key: str
    machine_id: str
    machine_type: MachineType
    subscription: str
    location: str = ""
    os_type: OsType | None = None
    matched_by: str = ""
    phase: Phase = Phase.QUEUED
    not_before: datetime | None = None
    dispatched_at: datetime | None = None
    claim: str = ""
    claimed_until: datetime | None = None
    held_by: Reason | None = None
    held_message: str = ""
    starting_at: datetime | None = None
    maximum_duration: timedelta | None = None
    operation: str = ""
    activity_id: str = ""
    budget_left: str = ""
    adopted: bool = False
    preceded_by: str = ""
    outcome: Outcome | None = None
    reason: Reason | None = None
    message: str = ""
    ended_at: datetime | None = None
    counts: UpdateCounts = field(default_factory=UpdateCounts)
    trace: tuple[str, ...] = ()
    etag: str = ""

    @property
    def state(self) -> Target:
        """What the transition table is asked with: the outcome once there is one, else the phase."""
        return self.outcome or self.phase


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGlance:
    """The few columns of a job that a pass over a whole run needs; the names are those of `Job`."""

    key: str
    machine_id: str
    machine_type: MachineType
    phase: Phase
    subscription: str = ""
    location: str = ""
    outcome: Outcome | None = None
    not_before: datetime | None = None
    dispatched_at: datetime | None = None
    claimed_until: datetime | None = None
    held_by: Reason | None = None
    held_message: str = ""
    starting_at: datetime | None = None
    budget_left: str = ""
    etag: str = ""

    @property
    def state(self) -> Target:
        """As `Job.state`."""
        return self.outcome or self.phase


class HasState(Protocol):
    """A job, or a glance at one."""

    @property
    def key(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def state(self) -> Target: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """Columns to merge into the job row `key`, provided that it still has `etag`."""

    key: str
    etag: str
    columns: Mapping[str, Any]


def move(job: HasState, target: Target, *, by: Writer, **columns: Any) -> JobChange:
    """The change that takes *job* to *target*; `IllegalTransitionError` if *by* may not write that.

    *columns* are further fields of `Job` that change with it.
    """
    check_transition(job.state, target, by=by)
    if isinstance(target, Outcome):
        columns |= {"phase": Phase.ENDED, "outcome": target}
    else:
        columns |= {"phase": target}
    return JobChange(key=job.key, etag=job.etag, columns=columns)
