"""What a server says of an install, as a report: pure.

1. An update counts as installed when the second assessment found its version, whatever the package manager said.
2. What an install that ended has not installed failed; what one that never began or was interrupted has not installed
   is pending. Where nothing is missing, what the package manager complained about is a warning.
3. A restart counts when the boot id has changed. One that was asked for and has not come about in time has failed;
   while the server does not answer, nobody knows, and nothing is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.adapters.package_managers.manager import INSTALL
from shared.adapters.patching.servers.detached import whole
from shared.adapters.patching.servers.orders import REBOOT, Note
from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.snapshots import Snapshot, State
from shared.domain.records import Job
from shared.domain.report import InstallReport, counts_of
from shared.domain.updates import UpdateRecord, UpdateState

_INTERRUPTED = "the install was interrupted: the server restarted, or somebody ended it"
_TOO_LATE = "the cut-off came before the package manager could begin: it was locked, or had to be mended first"
_NEVER_BEGUN = (
    "the install did not begin, or was cut off at once: the server restarted, was full, or too late"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An install that is over, and what was found afterwards; `found` may come from a look at a later time."""

    snapshot: Snapshot
    note: Note
    found: Mapping[str, Output]


def going_on(job: Job, snapshot: Snapshot, *, now: datetime, note: str = "") -> InstallReport:
    """The report of an install that has not ended."""
    return InstallReport(
        machine_id=job.machine_id,
        activity_id=job.activity_id,
        status="InProgress",
        started_at=_ago(now, snapshot.began_ago),
        modified_at=now,
        note=note,
    )


def restart_note(snapshot: Snapshot, *, now: datetime, patience: timedelta) -> str:
    """What to say while a restart is waited for; empty when none is, or no longer."""
    reboot = snapshot.reboot
    if reboot is None or reboot.is_done or reboot.ago >= patience:
        return ""
    return f"It was told to restart at {_ago(now, reboot.ago):%H:%M} UTC."


def final(job: Job, ended: Ended, *, now: datetime) -> InstallReport:
    """The report of an install that is over; raises `UnreadableError` where what was found can't be understood."""
    updates = _updates(ended)
    missing = [
        one.name for one in updates if one.state in (UpdateState.FAILED, UpdateState.PENDING)
    ]
    error = _error(ended, missing)
    return InstallReport(
        machine_id=job.machine_id,
        activity_id=job.activity_id,
        status=_status(error, missing),
        started_at=_ago(now, ended.snapshot.began_ago),
        modified_at=_ago(now, ended.snapshot.ended_ago),
        counts=counts_of(updates),
        reboot_status=_reboot_status(ended),
        error=error,
        updates=updates,
    )


def _updates(ended: Ended) -> tuple[UpdateRecord, ...]:
    manager = ended.note.manager
    looked = {step.name for step in manager.inspect()}
    found = {name: output for name, output in ended.found.items() if name in looked}
    installed = manager.installed(whole(found))
    missing = UpdateState.FAILED if _has_run(ended) else UpdateState.PENDING
    states = [
        UpdateState.INSTALLED if one.version in installed.get(one.name, ()) else missing
        for one in ended.note.selected
    ]
    return ended.note.seen(states)


def _has_run(ended: Ended) -> bool:
    """Whether the package manager did its work to the end, well or not."""
    output = ended.snapshot.outputs.get(INSTALL)
    if output is None or ended.snapshot.state is not State.ENDED:
        return False
    said, manager = output.stdout + output.stderr, ended.note.manager
    was_locked = any(text in said for text in manager.locked)
    return output.code == 0 or not was_locked or any(text in said for text in manager.began)


def _status(error: str, missing: Sequence[str]) -> str:
    if missing:
        return "Failed"
    return "CompletedWithWarnings" if error else "Succeeded"


def _error(ended: Ended, missing: Sequence[str]) -> str:
    if ended.snapshot.state is State.INTERRUPTED:
        has_begun = ended.snapshot.began_ago is not None or ended.snapshot.outputs
        return _INTERRUPTED if has_begun else _NEVER_BEGUN
    if ended.note.selected and INSTALL not in ended.snapshot.outputs:
        return _TOO_LATE
    if problem := ended.note.manager.problem(ended.snapshot.outputs):
        return problem
    if not missing:
        return ""
    return f"the package manager reported no error, but these are not installed: {', '.join(missing[:5])}"


def _reboot_status(ended: Ended) -> str:
    """Azure's words: Completed, Failed, Required, or NotNeeded."""
    reboot = ended.snapshot.reboot
    if reboot is not None:
        return "Completed" if reboot.is_done else "Failed"
    outputs = {**ended.snapshot.outputs, **ended.found}
    if REBOOT in outputs and outputs[REBOOT].code != 0:
        return "Failed"
    needed = ended.note.manager.reboot_needed
    output = outputs.get(needed.step)
    return "Required" if output and output.code in needed.codes else "NotNeeded"


def _ago(now: datetime, ago: timedelta | None) -> datetime:
    return now - (ago or timedelta(0))
