"""Consent: one change of a VM's model, sent once, and followed for a while to its end.

Azure answers 200, 201 or 202; where it names an operation (`Azure-AsyncOperation`), only that says whether the change
was made. What has not ended in time is handed on as `Accepted` with the operation: nobody knows yet. Source: Compute
2024-07-01, `VirtualMachines_Update`. That hotpatching and the bypass exclude each other is Azure's rule; it answers 400
("Hotpatch updates require platform safety checks").
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from shared.adapters.arm import ArmClient, NoReply, NotSent, dig
from shared.adapters.patching.asking import declined, lost
from shared.adapters.patching.results import read_error
from shared.application.ports import Accepted, Clock, InstallReply, Refused
from shared.domain.machine import HOTPATCHING, Machine, OsType
from shared.errors import UnavailableError

FOLLOWED_FOR = timedelta(seconds=20)
"""A request of a hundred VMs, sixteen at a time, still ends before Azure Functions cuts it off at 230 s."""
_EVERY = timedelta(seconds=4)
_FAILED = ("Failed", "Canceled")


def profile_of(os_type: OsType | None) -> str:
    """The member of a VM's `osProfile` that holds its patch settings."""
    return "windowsConfiguration" if os_type is OsType.WINDOWS else "linuxConfiguration"


async def give_consent(
    arm: ArmClient, machine: Machine, *, api_version: str, clock: Clock
) -> InstallReply:
    """Change the VM's patch settings and nothing else of its model; what became of it, as far as it can be known."""
    reply = await arm.send(
        machine.id,
        _body(machine),
        api_version=api_version,
        request_id=str(uuid4()),
        method="PATCH",
    )
    match reply:
        case NotSent() | NoReply():
            return lost(reply)
    if reply.status in (400, 409) and _is_about_hotpatching(reply.problem):
        # As a plain 409 it would count as busy, and be tried again.
        return _refused(reply.problem)
    if reply.status not in (200, 201, 202):
        return declined(reply)
    operation = reply.headers.get("azure-asyncoperation", "")
    if operation:
        return await _end_of(arm, operation, clock)
    # A bare 202 says that the change is under way, and not where to ask after it.
    return Accepted(operation=machine.id if reply.status == 202 else "")


async def _end_of(arm: ArmClient, operation: str, clock: Clock) -> InstallReply:
    """Ask a few times: a clock that is moved by hand may stand still, so that they are counted."""
    until = clock.now() + FOLLOWED_FOR
    for _ in range(FOLLOWED_FOR // _EVERY):
        await clock.sleep(_EVERY)
        try:
            reply = await arm.follow(operation)
        except UnavailableError:
            break
        if reply is None or reply.status >= 400:
            break
        status = dig(reply.body, "status")
        if status == "Succeeded":
            return Accepted()
        if status in _FAILED:
            return _refused(read_error(dig(reply.body, "error")) or f"Azure says: {status}.")
        if clock.now() >= until:
            break
    return Accepted(operation=operation)


def _refused(problem: str) -> Refused:
    advice = f" {HOTPATCHING}" if _is_about_hotpatching(problem) else ""
    return Refused(message=f"{problem}{advice}")


def _is_about_hotpatching(problem: str) -> bool:
    return "hotpatch" in problem.lower()


def _body(machine: Machine) -> dict[str, Any]:
    settings = {
        "patchMode": "AutomaticByPlatform",
        "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": True},
    }
    profile = {profile_of(machine.os_type): {"patchSettings": settings}}
    return {"properties": {"osProfile": profile}}
