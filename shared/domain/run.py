"""Runs and jobs: their states as literal tables, and what a run's status follows from.

A *run* is one occurrence of one configuration, or one on-demand start of it. A *job* is one machine in one run. A
change of state that the tables below do not hold raises `IllegalTransitionError` and changes nothing; each transition
has exactly one writer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import IllegalTransitionError


class Reason(StrEnum):
    """Why something is as it is: stable codes; the sentence beside them says what to do."""

    PREREQUISITES_NOT_MET = "PrerequisitesNotMet"
    NOT_RUNNING = "NotRunning"
    NOT_CONNECTED = "NotConnected"
    MACHINE_GONE = "MachineGone"
    DISABLED = "Disabled"
    HOST_KEY_CHANGED = "HostKeyChanged"
    BUSY = "Busy"
    NOTHING_SELECTED = "NothingSelected"
    UNSUPPORTED_CLASSIFICATIONS = "UnsupportedClassifications"
    NOT_READABLE = "NotReadable"
    CUT_OFF = "CutOff"
    PATCH_BUDGET = "PatchBudget"
    MAX_CONCURRENCY = "MaxConcurrency"
    OUTAGE = "Outage"
    DURATION_CAPPED = "DurationCapped"
    WINDOW_EXCEEDED = "WindowExceeded"
    REBOOT_PENDING = "RebootPending"
    REBOOT_FAILED = "RebootFailed"
    INSTALL_FAILED = "InstallFailed"
    REFUSED = "Refused"
    NO_FINAL_WORD = "NoFinalWord"
    CANCELLED_BY_CALLER = "CancelledByCaller"
    CONFIGURATION_GONE = "ConfigurationGone"


class Phase(StrEnum):
    """Where a job stands; `ended` has an outcome, the others have none."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    CLAIMED = "claimed"
    STARTING = "starting"
    UNCERTAIN = "uncertain"
    STARTED = "started"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a job ended."""

    SUCCEEDED = "Succeeded"
    COMPLETED_WITH_WARNINGS = "CompletedWithWarnings"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


class RunStatus(StrEnum):
    """How a run stands; the first two are open, the others closed for good."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    MISSED = "Missed"
    CANCELLED = "Cancelled"
    FAILED = "Failed"
    COMPLETED_WITH_WARNINGS = "CompletedWithWarnings"
    COMPLETED = "Completed"

    @property
    def is_open(self) -> bool:
        """Whether the run still has something to do."""
        return self in (RunStatus.PENDING, RunStatus.IN_PROGRESS)


class Writer(StrEnum):
    """The passes that may write a job's phase."""

    RECONCILE_RUN = "reconcile_run"
    START_JOB = "start_job"
    COLLECT_RESULTS = "collect_results"


Target = Phase | Outcome


def _to(*targets: Target) -> frozenset[Target]:
    return frozenset(targets)


_NEVER_STARTED = _to(Outcome.TIMED_OUT, Outcome.CANCELLED, Outcome.SKIPPED)
_REPORTED = _to(Outcome.SUCCEEDED, Outcome.COMPLETED_WITH_WARNINGS, Outcome.FAILED)

JOB_TRANSITIONS: Mapping[Target, Mapping[Writer, frozenset[Target]]] = {
    Phase.QUEUED: {Writer.RECONCILE_RUN: _to(Phase.DISPATCHED) | _NEVER_STARTED},
    Phase.DISPATCHED: {
        Writer.RECONCILE_RUN: _to(Phase.DISPATCHED) | _NEVER_STARTED,
        Writer.START_JOB: _to(Phase.CLAIMED),
    },
    Phase.CLAIMED: {
        Writer.START_JOB: _to(Phase.STARTING, Phase.QUEUED) | _NEVER_STARTED,
        Writer.RECONCILE_RUN: _to(Phase.DISPATCHED),
    },
    Phase.STARTING: {
        Writer.START_JOB: _to(Phase.STARTED, Phase.QUEUED, Phase.UNCERTAIN, Outcome.FAILED),
        Writer.RECONCILE_RUN: _to(Phase.UNCERTAIN),
    },
    Phase.UNCERTAIN: {
        Writer.COLLECT_RESULTS: _to(Phase.STARTED, Outcome.UNKNOWN) | _REPORTED,
    },
    Phase.STARTED: {Writer.COLLECT_RESULTS: _to(Outcome.UNKNOWN) | _REPORTED},
    Outcome.UNKNOWN: {Writer.COLLECT_RESULTS: _REPORTED},
}


def check_transition(current: Target, target: Target, *, by: Writer) -> None:
    """Raise `IllegalTransitionError` unless *by* may move a job from *current* to *target*."""
    if target not in JOB_TRANSITIONS.get(current, {}).get(by, frozenset()):
        raise IllegalTransitionError(f"{by} may not move a job from {current} to {target}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run's status follows from, beside its jobs' outcomes."""

    cancelled: bool = False
    missed: bool = False
    unresolved_scopes: int = 0
    installs_started: int = 0


def run_status(outcomes: Mapping[Outcome, int], *, open_jobs: int, facts: RunFacts) -> RunStatus:
    """The status that follows from a run's jobs, in the order of the rule.

    A run cancelled before its first install is `Cancelled`; a scope that could not be resolved makes it `Failed`.
    """
    if facts.missed:
        return RunStatus.MISSED
    if open_jobs:
        return RunStatus.IN_PROGRESS if facts.installs_started else RunStatus.PENDING
    if facts.cancelled and not facts.installs_started:
        return RunStatus.CANCELLED
    if outcomes.get(Outcome.FAILED) or facts.unresolved_scopes:
        return RunStatus.FAILED
    if any(count for outcome, count in outcomes.items() if outcome is not Outcome.SUCCEEDED):
        return RunStatus.COMPLETED_WITH_WARNINGS
    return RunStatus.COMPLETED
