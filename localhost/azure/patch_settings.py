"""The body of `PATCH virtualMachines`, as far as it exists here: the patch settings of the VM's own system.

Source: `VirtualMachineUpdate` (Compute 2024-07-01); that hotpatching and the bypass exclude each other is Azure's rule.
"""

from collections.abc import Mapping
from typing import Any

from localhost.azure.errors import invalid_parameter
from localhost.azure.fleet import Machine
from localhost.azure.updates import Os

PATCH_MODES = {
    Os.WINDOWS: ("Manual", "AutomaticByOS", "AutomaticByPlatform"),
    Os.LINUX: ("ImageDefault", "AutomaticByPlatform"),
}
_BY_PLATFORM = "AutomaticByPlatform"


def changed_settings(body: object, *, machine: Machine) -> dict[str, Any]:
    """The fields of `Machine` that the body changes; raises `ArmError` (400) that names what is wrong."""
    own = f"{machine.os.lower()}Configuration"
    profile = _member(_member(body, "properties"), "osProfile")
    foreign = [name for name in profile if name != own]
    if foreign:
        raise invalid_parameter(f"'osProfile.{foreign[0]}' can't be changed on this VM.")
    settings = _member(_member(profile, own), "patchSettings")
    mode = settings.get("patchMode", machine.patch_mode)
    if mode is not None and mode not in PATCH_MODES[machine.os]:
        raise invalid_parameter(f"'patchMode' is one of {', '.join(PATCH_MODES[machine.os])}.")
    by_platform = settings.get("automaticByPlatformSettings") or {}
    bypass = by_platform.get("bypassPlatformSafetyChecksOnUserSchedule", machine.bypass_checks)
    hotpatching = settings.get("enableHotpatching", machine.hotpatching)
    if bypass and mode != _BY_PLATFORM:
        raise invalid_parameter(f"'automaticByPlatformSettings' needs patchMode {_BY_PLATFORM}.")
    if bypass and hotpatching:
        raise invalid_parameter("Hotpatch updates require platform safety checks.")
    return {"patch_mode": mode, "bypass_checks": bypass, "hotpatching": hotpatching}


def _member(document: object, name: str) -> Mapping[str, Any]:
    found = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        raise invalid_parameter(f"'{name}' is required and is an object.")
    return found
