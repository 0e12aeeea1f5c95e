"""What a machine was found to lack when it was last assessed, and which of it a configuration would install."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.install_patches import InstallPatches, RebootSetting
from shared.domain.machine import MachineState, MachineType, OsType
from shared.domain.selection import Selection, select
from shared.domain.updates import Classification, Update

_NO_REBOOT = "NeverReboots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The latest assessment of one machine.

    `status` is Azure's own word (Succeeded, Failed, InProgress, ...), `reboot_pending` None where it was not said.
    """

    machine_id: str
    assessed_at: datetime
    status: str
    os_type: OsType | None = None
    reboot_pending: bool | None = None
    error: str = ""
    updates: tuple[Update, ...] = ()


def is_outdated(assessment: Assessment | None, *, age: timedelta, now: datetime) -> bool:
    """Whether a machine's latest assessment is missing or older than *age*; with an *age* of zero none ever is."""
    if not age:
        return False
    return assessment is None or now - assessment.assessed_at > age


def is_assessable(state: MachineState) -> bool:
    """Whether a request for an assessment can reach the machine: VMs run, Arc servers are connected, others enabled."""
    return bool(state.running or state.connected or state.enabled)


def selected_by(
    assessment: Assessment, install_patches: InstallPatches | None, *, machine_type: MachineType
) -> Selection:
    """Which of the missing updates would be installed on a machine of this type; of an unknown system, none."""
    if assessment.os_type is None:
        return Selection(not_selected=assessment.updates)
    if machine_type is not MachineType.SERVER:
        install_patches = as_azure_reads(install_patches)
    return select(assessment.updates, install_patches, os_type=assessment.os_type)


def as_azure_reads(install_patches: InstallPatches | None) -> InstallPatches | None:
    """What Azure's agents make of the choice: the Linux one takes `Security` for `Critical` and `Security`."""
    linux = install_patches.linux if install_patches else None
    if install_patches is None or linux is None or not is_widened(install_patches):
        return install_patches
    wider = (Classification.CRITICAL, *linux.classifications)
    return replace(install_patches, linux=replace(linux, classifications=wider))


def is_widened(install_patches: InstallPatches | None) -> bool:
    """Whether Azure's Linux agent installs critical updates too, which were not chosen."""
    if install_patches is None or install_patches.linux is None:
        return False
    chosen = install_patches.linux.classifications
    return Classification.SECURITY in chosen and Classification.CRITICAL not in chosen


def may_reboot(selection: Selection, setting: RebootSetting) -> bool:
    """Whether installing these updates may reboot the machine; a behaviour that is not known may."""
    if setting is RebootSetting.ALWAYS:
        return bool(selection.selected)
    return setting is RebootSetting.IF_REQUIRED and any(
        update.reboot_behavior != _NO_REBOOT for update in selection.selected
    )
