"""The JSON of machines and of operations' results, in the shapes that Azure sends.

Sources: Compute 2024-07-01, HybridCompute 2024-07-10 and recorded replies of both. Compute lists every update in its
result, Arc only counts them; per-update rows of Arc machines are found in Resource Graph.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from localhost.azure.fleet import Kind, Machine
from localhost.azure.operations import Assessment, Change, Install, Operation, under_way
from localhost.azure.updates import CLASSIFICATIONS, NEVER_REBOOTS, Os, PatchState, Update

Document = dict[str, Any]

_SERVICE = {Os.WINDOWS: "WU", Os.LINUX: "APT"}
# Recorded of Compute, and what tells a client that there was no error.
_NO_ERROR: dict[Os, Document] = {
    Os.WINDOWS: {"code": "Success", "message": "0 error/s reported", "details": []},
    Os.LINUX: {"code": "0", "message": "0 error/s reported.", "details": []},
}
_COUNTS = {
    "excludedPatchCount": PatchState.EXCLUDED,
    "notSelectedPatchCount": PatchState.NOT_SELECTED,
    "pendingPatchCount": PatchState.PENDING,
    "installedPatchCount": PatchState.INSTALLED,
    "failedPatchCount": PatchState.FAILED,
}


def timestamp(instant: datetime | None) -> str | None:
    """ISO 8601 with Z and seven digits, as Azure writes it."""
    if instant is None:
        return None
    # Not by strftime, which costs more than all else in a row of Resource Graph.
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}0Z"


def machine_document(machine: Machine) -> Document:
    """The resource itself, as a GET without `$expand` gives it."""
    tags = {} if machine.tags is None else {"tags": dict(machine.tags)}
    return {
        "id": machine.id,
        "name": machine.name,
        "type": str(machine.kind),
        "location": machine.location,
        **tags,
        "properties": _properties(machine),
    }


def instance_view(machine: Machine) -> Document:
    """A VM's `properties.instanceView`, of which the power state matters."""
    power = "running" if machine.reachable else "deallocated"
    return {
        "statuses": [
            {"code": "ProvisioningState/succeeded", "level": "Info"},
            {
                "code": f"PowerState/{power}",
                "level": "Info",
                "displayStatus": f"VM {power}",
            },
        ]
    }


def _properties(machine: Machine) -> Document:
    profile = {"computerName": machine.name[:15], **_patch_settings(machine)}
    if machine.kind is Kind.ARC:
        return {
            "provisioningState": "Succeeded",
            "status": "Connected" if machine.reachable else "Disconnected",
            "osType": machine.os.lower(),
            "osName": machine.os.lower(),
            "osProfile": profile,
        }
    return {
        "provisioningState": "Succeeded",
        "storageProfile": {"osDisk": {"osType": str(machine.os), "createOption": "FromImage"}},
        "osProfile": profile,
    }


def _patch_settings(machine: Machine) -> Document:
    settings: Document = {"assessmentMode": "ImageDefault"}
    if machine.patch_mode is not None:
        settings["patchMode"] = machine.patch_mode
    if machine.hotpatching:
        settings["enableHotpatching"] = True
    if machine.bypass_checks is not None:
        settings["automaticByPlatformSettings"] = {
            "bypassPlatformSafetyChecksOnUserSchedule": machine.bypass_checks
        }
    return {f"{machine.os.lower()}Configuration": {"patchSettings": settings}}


def result(operation: Operation, now: datetime) -> Document:
    """What the operation's Location gives at *now*, in its provider's shape."""
    vm = operation.machine.kind is Kind.VM
    match operation:
        case Install():
            return _vm_install(operation) if vm else arc_install(operation, now)
        case Assessment():
            return _vm_assessment(operation) if vm else arc_assessment(operation)
        case Change():
            return machine_document(replace(operation.machine, **operation.settings))


def failure(operation: Operation) -> Document | None:
    """The error of an operation that has failed itself, as opposed to the updates of an install; None for others.

    The codes are inferred: no such reply is recorded.
    """
    match operation:
        case Install(stopped_at=datetime()):
            message = f"The VM '{operation.machine.name}' was deallocated during the operation."
            return {"code": "OperationNotAllowed", "message": message}
        case Change(fails=True):
            message = "An internal execution error occurred. Please retry later."
            return {"code": "InternalExecutionError", "message": message}
    return None


def _vm_install(install: Install) -> Document:
    return {
        "status": install.status,
        "installationActivityId": install.activity_id,
        "rebootStatus": install.reboot_status,
        "maintenanceWindowExceeded": install.window_exceeded,
        **_patch_counts(install.counts),
        "patches": [
            {
                **_patch(update),
                "installationState": str(install.states[update.patch_id]),
                **_severity(update),
            }
            for update in install.machine.missing
        ],
        "startDateTime": timestamp(install.started_at),
        "error": _error(install),
    }


def _patch(update: Update) -> Document:
    return {
        "patchId": update.patch_id,
        "name": update.name,
        **_number(update),
        "classifications": [update.classification],
    }


def _published(update: Update) -> Document:
    published_at = timestamp(update.published_at)
    return {"publishedDate": published_at} if published_at else {}


def _severity(update: Update) -> Document:
    """What is recorded of Windows' security updates, though no definition has it."""
    urgent = update.kb and update.classification in ("Critical", "Security")
    return {"msrcSeverity": "Important"} if urgent else {}


def _number(update: Update) -> Document:
    """What tells one update from another: a KB on Windows, a version on Linux."""
    return {"kbId": update.kb} if update.kb else {"version": update.version}


def _patch_counts(counts: Mapping[PatchState, int]) -> Document:
    """How many updates are in each state, under Azure's names."""
    return {name: counts.get(state, 0) for name, state in _COUNTS.items()}


def _error(install: Install) -> Document:
    failed = install.counts[PatchState.FAILED]
    if install.status != "Failed":
        return _NO_ERROR[install.machine.os]
    reasons = {
        f"{failed} update/s failed": failed > 0,
        "the maintenance window was exceeded": install.window_exceeded,
        "the machine did not come back from its reboot": install.reboot_status == "Failed",
        "the machine was stopped": install.stopped_at is not None,
    }
    texts = [text for text, holds in reasons.items() if holds]
    return {
        "code": "PackageOperationFailure",
        "message": f"{len(texts)} error/s reported: {'; '.join(texts)}",
        "details": [],
    }


def arc_install(install: Install, now: datetime) -> Document:
    """Arc's result, which is also what a row of `patchinstallationresults` holds; InProgress until it ended.

    `errorDetails` are there only where there is an error.
    """
    running = under_way(install, now)
    failed = not running and install.status == "Failed"
    return {
        "installationActivityId": install.activity_id,
        "startDateTime": timestamp(install.started_at),
        "lastModifiedDateTime": timestamp(install.started_at if running else install.ended_at),
        "startedBy": "User",
        "patchServiceUsed": _SERVICE[install.machine.os],
        "osType": str(install.machine.os),
        "status": "InProgress" if running else install.status,
        "rebootStatus": "NotNeeded" if running else install.reboot_status,
        "maintenanceWindowExceeded": not running and install.window_exceeded,
        **_patch_counts({} if running else install.counts),
        **({"errorDetails": _error(install)} if failed else {}),
    }


def _vm_assessment(assessment: Assessment) -> Document:
    updates = assessment.machine.missing
    urgent = sum(update.classification in ("Critical", "Security") for update in updates)
    return {
        "status": "Succeeded",
        "assessmentActivityId": assessment.activity_id,
        "rebootPending": False,
        "criticalAndSecurityPatchCount": urgent,
        "otherPatchCount": len(updates) - urgent,
        "startDateTime": timestamp(assessment.started_at),
        "availablePatches": [
            {
                **_patch(update),
                "rebootBehavior": update.reboot,
                "activityId": assessment.activity_id,
                **_published(update),
                "lastModifiedDateTime": timestamp(assessment.ended_at),
                "assessmentState": "Available",
            }
            for update in updates
        ],
        "error": _NO_ERROR[assessment.machine.os],
    }


def arc_assessment(assessment: Assessment) -> Document:
    """Arc's result, which is also what a row of `patchassessmentresults` holds."""
    machine = assessment.machine
    counts = Counter(update.classification for update in machine.missing)
    names = CLASSIFICATIONS[machine.os]
    return {
        "assessmentActivityId": assessment.activity_id,
        "startDateTime": timestamp(assessment.started_at),
        "lastModifiedDateTime": timestamp(assessment.ended_at),
        "startedBy": "User",
        "patchServiceUsed": _SERVICE[machine.os],
        "osType": str(machine.os),
        "status": "Succeeded",
        "rebootPending": False,
        "availablePatchCountByClassification": {
            _count_name(name): counts.get(name, 0) for name in names
        },
    }


def _count_name(classification: str) -> str:
    # The one place where Azure writes `updateRollup`, not `updateRollUp`.
    name = classification[0].lower() + classification[1:]
    return name.replace("RollUp", "Rollup")


def software_patch(update: Update, *, at: datetime | None, state: PatchState | None) -> Document:
    """The properties of a `softwarePatches` row; *state* is None in an assessment."""
    installation = {} if state is None else {"installationState": str(state)}
    return {
        "patchName": update.name,
        **_number(update),
        "classifications": [update.classification],
        "rebootBehavior": update.reboot,
        "rebootRequired": update.reboot != NEVER_REBOOTS,
        "publishedDateTime": timestamp(update.published_at),
        "lastModifiedDateTime": timestamp(at),
        **installation,
    }
