"""What Azure says about an install, read into the application's words.

The results of Compute, of Hybrid Compute and of Resource Graph differ in which members they have, not in what a member
means; one that is missing says nothing. Source: `VirtualMachineInstallPatchesResult` (Compute 2024-07-01),
`MachineInstallPatchesResult` (HybridCompute 2024-07-10) and, for Resource Graph, the page "Access Azure Update Manager
operations data" (learn.microsoft.com/azure/update-manager/query-logs).
"""

from datetime import UTC, datetime
from typing import Any

from shared.adapters.arm import dig
from shared.domain.machine import OsType
from shared.domain.records import UpdateCounts
from shared.domain.report import InstallReport
from shared.domain.updates import Update, UpdateRecord, UpdateState, classification_of

_STATUSES = ("InProgress", "Succeeded", "CompletedWithWarnings", "Failed", "Unknown")
# The codes of an error that there was not.
_NO_ERROR = ("0", "success")


def read_report(
    result: Any, *, machine_id: str, activity_id: str, started_at: datetime, modified_at: datetime
) -> InstallReport:
    """The report in *result*; the two instants are for one that does not tell its own."""
    patches = dig(result, "patches")
    return InstallReport(
        machine_id=machine_id,
        activity_id=_text(result, "installationActivityId") or activity_id,
        status=read_status(dig(result, "status")),
        started_at=read_instant(dig(result, "startDateTime")) or started_at,
        modified_at=read_instant(dig(result, "lastModifiedDateTime")) or modified_at,
        # Adoption rests on this word: who does not say it is not taken for a user's.
        started_by=_text(result, "startedBy"),
        counts=UpdateCounts(
            installed=_count(result, "installedPatchCount"),
            failed=_count(result, "failedPatchCount"),
            pending=_count(result, "pendingPatchCount"),
            excluded=_count(result, "excludedPatchCount"),
            not_selected=_count(result, "notSelectedPatchCount"),
        ),
        reboot_status=_text(result, "rebootStatus"),
        window_exceeded=dig(result, "maintenanceWindowExceeded") is True,
        error=read_error(dig(result, "error") or dig(result, "errorDetails")),
        updates=tuple(map(read_update, patches)) if isinstance(patches, list) else None,
    )


def read_update(patch: Any) -> UpdateRecord:
    """One update, of a result's `patches` or of a row; a state that is not known counts as pending."""
    kb, version = _text(patch, "kbId") or _text(patch, "kbid"), _text(patch, "version")
    # Only Linux updates have a version, only Windows updates a KB; some of those have neither.
    os_type = OsType.LINUX if version and not kb else OsType.WINDOWS
    kinds = dig(patch, "classifications")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    return UpdateRecord(
        name=_text(patch, "patchName") or _text(patch, "name"),
        kb=kb or None,
        version=version or None,
        classification=classification_of(str(kind or ""), os_type),
        state=_state(_text(patch, "installationState")),
    )


def read_missing(patch: Any) -> Update:
    """One update of an assessment's rows, in the machine's own words."""
    kinds = dig(patch, "classifications")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    return Update(
        name=_text(patch, "patchName") or _text(patch, "name"),
        kb=_text(patch, "kbId") or None,
        version=_text(patch, "version") or None,
        classification=str(kind or ""),
        reboot_behavior=_text(patch, "rebootBehavior") or None,
    )


def read_status(word: Any) -> str:
    """Azure's word for how an install stands; `Unknown` for one that it does not have."""
    return word if word in _STATUSES else "Unknown"


def read_error(error: Any) -> str:
    """Code and message of an error, or nothing where it says that there was none."""
    if isinstance(error, str):
        return error
    code, message = _text(error, "code"), _text(error, "message")
    return "" if code.lower() in _NO_ERROR else ": ".join(filter(None, (code, message)))


def read_instant(text: Any) -> datetime | None:
    """An instant in ISO 8601, with up to seven decimals; UTC where it names no zone, None where it is none."""
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _text(document: Any, name: str) -> str:
    value = dig(document, name)
    return "" if value is None else str(value)


def _count(document: Any, name: str) -> int:
    value = dig(document, name)
    return value if isinstance(value, int) else 0


def _state(word: str) -> UpdateState:
    try:
        return UpdateState(word)
    except ValueError:
        return UpdateState.PENDING
