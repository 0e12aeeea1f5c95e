"""What a service reports of one install, and the outcome that a job takes from it.

A job never claims more than was reported: `InProgress` and `Unknown` are no final words, and a warning in the report
is a warning in the outcome. Source of the words: Compute 2024-07-01, `VirtualMachineInstallPatchesResult`.

An install whose request was lost is known by its machine, by who started it, and by when. The machine's lock keeps
the product's other jobs off, so what was installed before the request went out is somebody else's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.records import Job, UpdateCounts
from shared.domain.run import Outcome, Reason
from shared.domain.updates import UpdateRecord, UpdateState

_SKEW = timedelta(seconds=30)
"""How far the clock that the report was written by may be behind ours."""
_LATE = timedelta(minutes=10)
_CAPPED = (
    "the longest duration that the service takes was used up before the window ended: "
    "the rest waits for the next window"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallReport:
    """What a service says about one install.

    `status` is Azure's own word: InProgress, Succeeded, CompletedWithWarnings, Failed or Unknown; the first and the
    last are not final. `updates` is None where the reporter does not know them. `operation` is what is to be asked next
    after this install; empty where that is what was asked this time. `note` says in a sentence what an install that
    goes on is at, where that is known.
    """

    machine_id: str
    activity_id: str
    status: str
    started_at: datetime
    modified_at: datetime
    started_by: str = "User"
    counts: UpdateCounts = field(default_factory=UpdateCounts)
    reboot_status: str = ""
    window_exceeded: bool = False
    error: str = ""
    updates: tuple[UpdateRecord, ...] | None = None
    operation: str = ""
    note: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the word is final."""
        return self.status in {"Succeeded", "CompletedWithWarnings", "Failed"}


def may_be_of(report: InstallReport, job: Job) -> bool:
    """Whether this may be the install that *job* asked for without hearing of it, seen among its machine's installs.

    It began at the job's `starting_at` or later, but for the clocks' skew, and at most ten minutes later; it is not the
    install that held the machine before.
    """
    if job.starting_at is None or report.started_by != "User":
        return False
    if job.preceded_by and job.preceded_by.lower() == report.activity_id.lower():
        return False
    return job.starting_at - _SKEW <= report.started_at <= job.starting_at + _LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How a job ends: `reason` is None for a plain success; `message` says all that applies in a sentence.

    `counts` are those of the updates that are known one by one.
    """

    outcome: Outcome
    reason: Reason | None
    message: str
    counts: UpdateCounts = field(default_factory=UpdateCounts)


def conclude(
    report: InstallReport,
    updates: Iterable[UpdateRecord],
    *,
    duration_was_capped: bool,
    ends_at: datetime,
) -> Conclusion:
    """The outcome that a final report and the updates in it mean.

    *duration_was_capped* says that the machine was given less time than its window had left; *ends_at* is the
    window's end. Where the report counts other updates than it shows, those shown are believed, and the message says
    so; one that shows none at all is believed.
    """
    shown, told = counts_of(updates), report.counts
    believed = replace(report, counts=shown) if shown.total else report
    found = _conclude(believed, duration_was_capped=duration_was_capped, ends_at=ends_at)
    if shown == told:
        return replace(found, counts=shown)
    other = (
        f"The report itself counted {told.installed} installed, {told.failed} failed and {told.pending} pending of "
        f"{told.total}, and showed {shown.total}"
    )
    return replace(found, counts=shown, message=f"{found.message} {other}.")


def counts_of(updates: Iterable[UpdateRecord]) -> UpdateCounts:
    """How many of them are in which state."""
    states = Counter(update.state for update in updates)
    return UpdateCounts(
        installed=states[UpdateState.INSTALLED],
        failed=states[UpdateState.FAILED],
        pending=states[UpdateState.PENDING],
        excluded=states[UpdateState.EXCLUDED],
        not_selected=states[UpdateState.NOT_SELECTED],
    )


def _conclude(report: InstallReport, *, duration_was_capped: bool, ends_at: datetime) -> Conclusion:
    done = f"{report.counts.installed} updates installed"
    warnings = _warnings(report, duration_was_capped=duration_was_capped, ends_at=ends_at)
    clauses = [clause for _, clause in warnings]
    if report.status == "Failed":
        how_far = f" after {done}" if report.counts.total else ", and did not say how far it got"
        failure = f"The install failed{how_far}: {_error(report) or 'no reason was given'}"
        return Conclusion(
            outcome=Outcome.FAILED,
            reason=Reason.INSTALL_FAILED,
            message=f"{'; '.join([failure, *clauses])}.",
        )
    if not warnings:
        return Conclusion(outcome=Outcome.SUCCEEDED, reason=None, message=f"{done}.")
    return Conclusion(
        outcome=Outcome.COMPLETED_WITH_WARNINGS,
        reason=warnings[0][0],
        message=f"{done}, but {'; '.join(clauses)}.",
    )


def _warnings(
    report: InstallReport, *, duration_was_capped: bool, ends_at: datetime
) -> list[tuple[Reason, str]]:
    """All that a person has to look at, the gravest first, each as a clause."""
    found = []
    if report.counts.failed:
        clause = f"{report.counts.failed} failed: see the job's updates and the machine's own log"
        found.append((Reason.INSTALL_FAILED, clause))
    if report.reboot_status == "Failed":
        found.append((Reason.REBOOT_FAILED, "the reboot failed: look at the machine"))
    if report.reboot_status in {"Required", "Started"}:
        found.append((Reason.REBOOT_PENDING, "a reboot is pending: restart the machine"))
    if report.window_exceeded and duration_was_capped:
        found.append((Reason.DURATION_CAPPED, _CAPPED))
    elif report.window_exceeded or report.modified_at > ends_at:
        found.append((Reason.WINDOW_EXCEEDED, "the window was too short: make it longer"))
    if report.status == "CompletedWithWarnings" and (report.error or not found):
        clause = f"the machine warns: {_error(report) or 'it did not say of what'}"
        found.append((Reason.INSTALL_FAILED, clause))
    return found


def _error(report: InstallReport) -> str:
    """What the machine says, without a full stop: more may follow in the sentence."""
    return report.error.rstrip(". ")
