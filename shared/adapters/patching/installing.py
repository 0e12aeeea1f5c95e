"""How an install is asked for, and what its reply proves; the same for Compute and Hybrid Compute.

The request is sent once, and an acceptance that does not name the operation is `Uncertain`; the rest as in `asking`.
"""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.adapters.arm import ArmClient, ArmReply, NoReply, NotSent
from shared.adapters.patching.asking import declined, lost
from shared.application.ports import (
    Accepted,
    InstallOrder,
    InstallReply,
    Refused,
    Uncertain,
)
from shared.domain.install_patches import (
    InstallPatches,
    LinuxParameters,
    WindowsParameters,
    selects_nothing,
)
from shared.domain.machine import OsType
from shared.domain.updates import Classification

_ACTIVITY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


async def ask_once(
    arm: ArmClient, order: InstallOrder, *, api_version: str, operation_header: str
) -> InstallReply:
    """Send the order, once; *operation_header* is the header (lower case) with the URL to ask after it."""
    if selects_nothing(order.install_patches, order.os_type):
        # Azure's agents take a request without any choice as "everything".
        return Refused(message=f"Nothing is selected for {order.os_type} machines.")
    reply = await arm.send(
        f"{order.machine.id}/installPatches",
        install_body(order),
        api_version=api_version,
        request_id=order.client_request_id,
    )
    match reply:
        case NotSent() | NoReply():
            return lost(reply)
    return judge(reply, operation_header=operation_header)


def judge(reply: ArmReply, *, operation_header: str) -> InstallReply:
    """What a reply proves; an acceptance says what is left of Azure's budgets, a refusal how long to wait."""
    if reply.status not in (200, 202):
        return declined(reply)
    judged = _accepted(reply, operation_header)
    return (
        replace(judged, budget_left=_budget_left(reply)) if isinstance(judged, Accepted) else judged
    )


def _budget_left(reply: ArmReply) -> str:
    """Azure's own notation, with the writes added to it."""
    writes = reply.headers.get("x-ms-ratelimit-remaining-subscription-writes")
    parts = (reply.headers.get("x-ms-ratelimit-remaining-resource"), writes and f"writes;{writes}")
    return ",".join(filter(None, parts))


def _accepted(reply: ArmReply, operation_header: str) -> InstallReply:
    operation = reply.headers.get(operation_header, "")
    activity_id = operation.partition("?")[0].rpartition("/")[2]
    if not _ACTIVITY_ID.fullmatch(activity_id):
        # It runs, but under no name that we know: it has to be found by machine and time.
        return Uncertain(message=f"Azure answered {reply.status} without naming the operation.")
    return Accepted(operation=operation, activity_id=activity_id)


def install_body(order: InstallOrder) -> dict[str, Any]:
    """The request's body, with the parameters of the machine's system only.

    `maintenanceRunId` is never in it: Azure would take the install for its own auto-patching.
    """
    name = "windowsParameters" if order.os_type is OsType.WINDOWS else "linuxParameters"
    return {
        "maximumDuration": iso_duration(order.maximum_duration),
        "rebootSetting": str(order.install_patches.reboot_setting),
        name: _parameters(order.install_patches, order.os_type),
    }


def iso_duration(duration: timedelta) -> str:
    """ISO 8601 in whole minutes, rounded down so as never to exceed the window: `PT3H55M`."""
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    parts = (f"{hours}H" if hours else "", f"{minutes}M" if minutes or not hours else "")
    return "PT" + "".join(parts)


def _parameters(install_patches: InstallPatches, os_type: OsType) -> dict[str, Any]:
    match install_patches.parameters(os_type):
        case WindowsParameters() as windows:
            members: dict[str, Any] = {
                "classificationsToInclude": _spelled(windows.classifications),
                "kbNumbersToInclude": list(windows.kbs_to_include),
                "kbNumbersToExclude": list(windows.kbs_to_exclude),
                "excludeKbsRequiringReboot": windows.exclude_kbs_requiring_reboot,
            }
        case LinuxParameters() as linux:
            members = {
                "classificationsToInclude": _spelled(linux.classifications),
                "packageNameMasksToInclude": list(linux.masks_to_include),
                "packageNameMasksToExclude": _names(linux.masks_to_exclude),
            }
        case None:
            members = {}
    # To Azure's agents an empty list is a missing one, so none is sent. "Everything" is the full list of
    # classifications; without any, an inclusion is the whole choice, and there is one: `ask_once` has seen to that.
    return {name: value for name, value in members.items() if value}


def _names(masks: tuple[str, ...]) -> list[str]:
    """The masks without their versions, which an exclusion ignores; each once.

    An inclusion keeps its version, as `name=version`: the specification calls the format `name_version`, but Azure's
    Linux agent (LinuxPatchExtension, `PackageFilter`) splits at the `=`, and would take the rest for a name.
    """
    return list(dict.fromkeys(mask.partition("=")[0] for mask in masks))


def _spelled(classifications: tuple[Classification, ...]) -> list[str]:
    """As `installPatches` spells them, which is not as maintenance configurations do."""
    return [
        "UpdateRollUp" if kind is Classification.UPDATE_ROLLUP else str(kind)
        for kind in classifications
    ]
