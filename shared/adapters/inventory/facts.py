"""Facts of machines that Azure writes in more than one way."""

from shared.adapters.arm import dig
from shared.domain.machine import Machine, MachineState, OsType

RUNNING = "PowerState/running"
CONNECTED = "Connected"


def read_os_type(text: object) -> OsType | None:
    """The system that Azure names, in any case; None for one that is not known."""
    try:
        return OsType(str(text))
    except ValueError:
        return None


def read_tags(tags: object) -> dict[str, str]:
    """A machine's tags; Azure writes none at all as null."""
    if not isinstance(tags, dict):
        return {}
    return {str(name): str(value) for name, value in tags.items()}


def read_vm_state(machine: Machine, *, settings: object, power: object) -> MachineState:
    """A VM, from the `patchSettings` of its system and the code of its power state."""
    bypass = dig(
        settings, "automaticByPlatformSettings", "bypassPlatformSafetyChecksOnUserSchedule"
    )
    return MachineState(
        machine=machine,
        running=power == RUNNING,
        patch_mode=dig(settings, "patchMode"),
        bypass_checks=bypass is True,
        hotpatching=dig(settings, "enableHotpatching") is True,
    )


def read_arc_state(machine: Machine, *, status: object) -> MachineState:
    """An Arc-enabled server, from its agent's status."""
    return MachineState(machine=machine, connected=status == CONNECTED)
