"""What a service reports of one install, and the outcome that a job takes from it.

A job never claims more than was reported: `InProgress` and `Unknown` are no final words, and a warning in the report
is a warning in the outcome. Source of the words: Compute 2024-07-01, `VirtualMachineInstallPatchesResult`.

An install whose request was lost is known by its machine, by who started it, and by when.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.records import Job, UpdateCounts
from shared.domain.run import Outcome, Reason
from shared.domain.updates import UpdateRecord

_EARLY = timedelta(minutes=1)
_LATE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallReport:
    """What a service says about one install.

    `status` is Azure's own word: InProgress, Succeeded, CompletedWithWarnings, Failed or Unknown; the first and the
    last are not final. `updates` is None where the reporter does not know them.
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

    @property
    def is_final(self) -> bool:
        """Whether the word is final."""
        return self.status in {"Succeeded", "CompletedWithWarnings", "Failed"}


def may_be_of(report: InstallReport, job: Job) -> bool:
    """Whether this may be the install that *job* asked for without hearing of it, seen among its machine's installs."""
    if job.starting_at is None or report.started_by != "User":
        return False
    return job.starting_at - _EARLY <= report.started_at <= job.starting_at + _LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How a job ends: `reason` is None for a plain success; `message` says it in a sentence."""

    outcome: Outcome
    reason: Reason | None
    message: str


def conclude(report: InstallReport, *, duration_was_capped: bool, ends_at: datetime) -> Conclusion:
    """The outcome that a final report means.

    *duration_was_capped* says that the machine was given less time than its window had left; *ends_at* is the
    window's end.
    """
    done = f"{report.counts.installed} updates installed"
    if report.status == "Failed":
        return Conclusion(
            outcome=Outcome.FAILED,
            reason=Reason.INSTALL_FAILED,
            message=f"The install failed after {done}: {report.error or 'no reason was given'}.",
        )
    warning = _warning(report, duration_was_capped=duration_was_capped, ends_at=ends_at)
    if warning is None:
        return Conclusion(outcome=Outcome.SUCCEEDED, reason=None, message=f"{done}.")
    reason, why = warning
    return Conclusion(
        outcome=Outcome.COMPLETED_WITH_WARNINGS, reason=reason, message=f"{done}, but {why}"
    )


def _warning(
    report: InstallReport, *, duration_was_capped: bool, ends_at: datetime
) -> tuple[Reason, str] | None:
    if report.counts.failed:
        return Reason.INSTALL_FAILED, (
            f"{report.counts.failed} failed: see the job's updates and the machine's own log."
        )
    if report.reboot_status == "Failed":
        return Reason.REBOOT_FAILED, "the reboot failed: look at the machine."
    if report.reboot_status in {"Required", "Started"}:
        return Reason.REBOOT_PENDING, "a reboot is pending: restart the machine."
    if report.window_exceeded and duration_was_capped:
        return Reason.DURATION_CAPPED, (
            "the longest duration that the service takes was used up before the window ended: "
            "the rest waits for the next window."
        )
    if report.window_exceeded or report.modified_at > ends_at:
        return Reason.WINDOW_EXCEEDED, "the window was too short: make it longer."
    if report.status == "CompletedWithWarnings":
        return (
            Reason.INSTALL_FAILED,
            f"the machine warns: {report.error or 'it did not say of what'}.",
        )
    return None
