"""The update that a machine can expect: one while its last assessment shows some that its configurations select."""

from dataclasses import dataclass
from datetime import datetime

from shared.application.callers import Caller, Role, require
from shared.application.documents import parse_configuration
from shared.application.find_machine import configurations_matching, find_machine, is_machine
from shared.application.ports import Services
from shared.application.read_assessments import latest_assessments
from shared.domain.assessment import Assessment, may_reboot, selected_by
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.machine import MachineType


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUpdate:
    """What the next window brings to a machine, and whether it may reboot then."""

    machine_id: str
    not_before: datetime
    may_reboot: bool


async def pending_update(
    services: Services, machine_id: str, *, caller: Caller
) -> PendingUpdate | None:
    """The next one; None when no configuration selects anything, or no window of those that do ever opens.

    A resource of another type can expect nothing. Raises `NotFoundError` for want of the machine, and
    `UnavailableError`.
    """
    require(caller, Role.READER)
    if not is_machine(machine_id):
        return None
    machine = (await find_machine(services, machine_id)).machine
    assessment = (await latest_assessments(services, [machine.key])).get(machine.key)
    if assessment is None or not assessment.updates:
        return None
    now = services.clock.now()
    found = [
        pending
        for one in await _configurations(services, await configurations_matching(services, machine))
        if (pending := _pending(assessment, one, machine_type=machine.type, now=now))
    ]
    return min(found, key=lambda one: one.not_before, default=None)


async def _configurations(
    services: Services, configuration_ids: list[str]
) -> list[MaintenanceConfiguration]:
    stored = [await services.configurations.get(one) for one in configuration_ids]
    return [parse_configuration(one.id, one.document) for one in stored if one and not one.deleting]


def _pending(
    assessment: Assessment,
    configuration: MaintenanceConfiguration,
    *,
    machine_type: MachineType,
    now: datetime,
) -> PendingUpdate | None:
    chosen, opens = configuration.effective, configuration.window.next_after(now)
    selection = selected_by(assessment, chosen, machine_type=machine_type)
    if chosen is None or opens is None or not selection.selected:
        return None
    return PendingUpdate(
        machine_id=assessment.machine_id,
        not_before=opens,
        may_reboot=may_reboot(selection, chosen.reboot_setting),
    )
