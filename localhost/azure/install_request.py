"""The body of `installPatches`, read as strictly as Azure reads it.

Source: `VirtualMachineInstallPatchesParameters` (Compute 2024-07-01) and `MachineInstallPatchesParameters`
(HybridCompute 2024-07-10), and for Linux the combination that the extension in the guest refuses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from localhost.azure.errors import invalid_parameter
from localhost.azure.fleet import Kind, Machine
from localhost.azure.updates import CLASSIFICATIONS, Os, Selection

REBOOT_SETTINGS = ("IfRequired", "Never", "Always")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")
_BLOCKS = {Os.WINDOWS: "windowsParameters", Os.LINUX: "linuxParameters"}
_LISTS = {
    Os.WINDOWS: ("kbNumbersToInclude", "kbNumbersToExclude"),
    Os.LINUX: ("packageNameMasksToInclude", "packageNameMasksToExclude"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRequest:
    """What to install, whether to reboot, and in what time; no `maximum_duration` means as long as it takes."""

    selection: Selection
    reboot_setting: str
    maximum_duration: timedelta | None = None


def parse_install_request(body: object, *, machine: Machine) -> InstallRequest:
    """Read the body for *machine*; raises `ArmError` (400) that names what is wrong."""
    if not isinstance(body, Mapping):
        raise invalid_parameter("The request body is required and is a JSON object.")
    if body.get("rebootSetting") not in REBOOT_SETTINGS:
        raise invalid_parameter(f"'rebootSetting' is required: {', '.join(REBOOT_SETTINGS)}.")
    if machine.kind is Kind.ARC and body.get("maximumDuration") is None:
        raise invalid_parameter("'maximumDuration' is required.")
    return InstallRequest(
        selection=_selection(body.get(_BLOCKS[machine.os]) or {}, machine.os),
        reboot_setting=str(body["rebootSetting"]),
        maximum_duration=_duration(body.get("maximumDuration")),
    )


def _selection(block: object, os: Os) -> Selection:
    if not isinstance(block, Mapping):
        raise invalid_parameter(f"'{_BLOCKS[os]}' is an object.")
    include, exclude = (_strings(block, name) for name in _LISTS[os])
    rebooting = block.get("excludeKbsRequiringReboot")
    if rebooting not in (None, True, False):
        raise invalid_parameter("'excludeKbsRequiringReboot' is true or false.")
    if os is Os.WINDOWS:
        include, exclude = _bare_kbs(include), _bare_kbs(exclude)
    return Selection(
        os=os,
        classifications=_classifications(block, os),
        include=include,
        exclude=exclude,
        exclude_rebooting=os is Os.WINDOWS and rebooting is True,
    )


def _classifications(block: Mapping[str, object], os: Os) -> frozenset[str]:
    chosen = frozenset(_strings(block, "classificationsToInclude"))
    if unknown := chosen - set(CLASSIFICATIONS[os]):
        raise invalid_parameter(f"Unknown classifications for {os}: {', '.join(sorted(unknown))}.")
    if os is Os.LINUX and {"Other", "Critical"} <= chosen and "Security" not in chosen:
        raise invalid_parameter(
            "The classifications 'Other' and 'Critical' without 'Security' are not supported: "
            "select them again."
        )
    return chosen


def _strings(block: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = block.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_parameter(f"'{name}' is a list of strings.")
    return tuple(value)


def _bare_kbs(numbers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(number.upper().removeprefix("KB") for number in numbers)


def _duration(text: object) -> timedelta | None:
    if text is None:
        return None
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise invalid_parameter("'maximumDuration' is an ISO 8601 duration such as PT3H55M.")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
