"""One machine by its id, as it is now, and the configurations that match it."""

from shared.application.documents import scope_of
from shared.application.ports import Services
from shared.domain.ids import ResourceId, id_key
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.scope import matches
from shared.errors import InvalidRequestError, NotFoundError


async def find_machine(services: Services, machine_id: str) -> MachineState:
    """Raises `InvalidRequestError` for what is no machine's id, `NotFoundError`, and `UnavailableError`."""
    state = await services.patching.inspect(machine_id, machine_type_of(machine_id))
    if state is None:
        raise NotFoundError(f"There is no machine {machine_id}.")
    return state


def machine_type_of(machine_id: str, *, target: str | None = None) -> MachineType:
    """The type in a machine's id; raises `InvalidRequestError`, which names *target*."""
    if kind := _machine_type(machine_id, target=target):
        return kind
    raise InvalidRequestError(
        f"'{machine_id[:200]}' is not the id of a machine ({', '.join(MachineType)}).",
        target=target,
    )


def is_machine(resource_id: str) -> bool:
    """Whether a resource's id is one of a type that is patched here."""
    return _machine_type(resource_id) is not None


def _machine_type(resource_id: str, *, target: str | None = None) -> MachineType | None:
    wanted = ResourceId.parse(resource_id, target=target).type.lower()
    return next((kind for kind in MachineType if kind.lower() == wanted), None)


async def configurations_matching(services: Services, machine: Machine) -> list[str]:
    """The ids of the configurations that match a machine now, by a static assignment or a scope, each once."""
    found = [one.configuration_id async for one in services.assignments.list(machine.id)]
    subscription = f"/subscriptions/{machine.subscription}"
    group = f"{subscription}/resourceGroups/{machine.resource_group}"
    for scope_id in (subscription, group):
        async for assignment in services.assignments.list(scope_id):
            scope = scope_of(assignment)
            if scope and matches(scope, machine):
                found.append(assignment.configuration_id)
    return list({id_key(one): one for one in found}.values())
