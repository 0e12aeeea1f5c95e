"""What is known of a machine: the facts that scopes match on, and whether it may be patched now.

Source of the prerequisites: semantics of Azure Update Manager's *Customer Managed Schedules*
(learn.microsoft.com/azure/update-manager/prerequsite-for-schedule-patching).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.run import Reason

HOTPATCHING = (
    "The VM has hotpatching, which can't go together with Customer Managed Schedules: "
    "switch enableHotpatching off first, or leave the VM to Azure."
)


class MachineType(StrEnum):
    """The resource types that can be patched, in Azure's spelling."""

    AZURE_VM = "Microsoft.Compute/virtualMachines"
    ARC_SERVER = "Microsoft.HybridCompute/machines"
    SERVER = "Muster.OnPremises/servers"

    @classmethod
    def _missing_(cls, value: object) -> "MachineType | None":
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)


class OsType(StrEnum):
    """The two families of operating systems; read without case."""

    WINDOWS = "Windows"
    LINUX = "Linux"

    @classmethod
    def _missing_(cls, value: object) -> "OsType | None":
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine as an inventory shows it; `id` in the inventory's own spelling."""

    id: str
    type: MachineType
    subscription: str
    resource_group: str
    location: str
    os_type: OsType | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What rows about the machine are found by."""
        return self.id.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """A machine at the moment when its job starts; what does not apply to its type is None.

    `running` is a VM's power state, `connected` an Arc server's status, `patch_mode`, `bypass_checks` and `hotpatching`
    a VM's patch settings (`patchMode`, `bypassPlatformSafetyChecksOnUserSchedule`, `enableHotpatching`), `enabled` and
    `host_key_changed` a server's on premises: whether it may be patched, whether it showed another key than its own.
    """

    machine: Machine
    running: bool | None = None
    connected: bool | None = None
    patch_mode: str | None = None
    bypass_checks: bool | None = None
    hotpatching: bool | None = None
    enabled: bool | None = None
    host_key_changed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ineligible:
    """Why a machine may not be patched now, and a sentence that says what to do."""

    reason: Reason
    message: str


def ineligible(state: MachineState) -> Ineligible | None:
    """Check the prerequisites of a machine's type; None when it may be patched.

    Only a VM with `AutomaticByPlatform` and the bypass switched on has consented to a user's schedule.
    """
    match state.machine.type:
        case MachineType.AZURE_VM:
            return _vm_ineligible(state)
        case MachineType.ARC_SERVER if not state.connected:
            return Ineligible(
                reason=Reason.NOT_CONNECTED,
                message="The Arc agent is not connected: check the azcmagent service on the server.",
            )
        case MachineType.SERVER:
            return _server_ineligible(state)
    return None


def has_consented(state: MachineState) -> bool:
    """Whether a user's schedule may patch the machine, as far as consent goes: only VMs have to give it."""
    if state.machine.type is not MachineType.AZURE_VM:
        return True
    return state.patch_mode == "AutomaticByPlatform" and state.bypass_checks is True


def consent_refusal(state: MachineState) -> str | None:
    """Why a VM can't be given consent; None when it can.

    Azure refuses hotpatching together with the bypass ("Hotpatch updates require platform safety checks").
    """
    if state.machine.os_type is None:
        return "Azure does not say which operating system the VM has: start it once."
    if state.hotpatching:
        return HOTPATCHING
    return None


def _server_ineligible(state: MachineState) -> Ineligible | None:
    if not state.enabled:
        return Ineligible(
            reason=Reason.DISABLED, message="The server is disabled in the registry: enable it."
        )
    if state.host_key_changed:
        return Ineligible(
            reason=Reason.HOST_KEY_CHANGED,
            message="The server shows another host key than the one that is registered: find out why, and register "
            "the new key only if the server is yours.",
        )
    return None


def _vm_ineligible(state: MachineState) -> Ineligible | None:
    if not has_consented(state):
        return Ineligible(
            reason=Reason.PREREQUISITES_NOT_MET,
            message="The VM has not consented to schedules: set its patch orchestration to Customer "
            "Managed Schedules (patchMode AutomaticByPlatform with "
            "bypassPlatformSafetyChecksOnUserSchedule true).",
        )
    if not state.running:
        return Ineligible(
            reason=Reason.NOT_RUNNING, message="The VM is not running: start it before its window."
        )
    return None
