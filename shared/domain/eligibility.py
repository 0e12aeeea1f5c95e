"""Whether a machine gets anything out of a configuration: its prerequisites, and what is chosen for its system."""

from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.install_patches import azure_unsupported, selects_nothing
from shared.domain.machine import Ineligible, MachineState, MachineType, ineligible
from shared.domain.run import Reason

GONE = Ineligible(
    reason=Reason.MACHINE_GONE,
    message="The machine no longer exists: remove its assignment, or check the inventory.",
)


def refusal(
    state: MachineState | None, configuration: MaintenanceConfiguration
) -> Ineligible | None:
    """Why a machine is skipped, if it is; *state* is None for one that is gone."""
    if state is None:
        return GONE
    if found := ineligible(state):
        return found
    os_type = state.machine.os_type
    if os_type is None or selects_nothing(configuration.effective, os_type):
        return Ineligible(
            reason=Reason.NOTHING_SELECTED,
            message=f"The configuration selects nothing for {os_type or 'an unknown system'}: "
            "choose classifications or name updates for it.",
        )
    if state.machine.type is MachineType.SERVER:
        return None
    unsupported = azure_unsupported(configuration.effective, os_type)
    if unsupported is None:
        return None
    return Ineligible(reason=Reason.UNSUPPORTED_CLASSIFICATIONS, message=unsupported)
