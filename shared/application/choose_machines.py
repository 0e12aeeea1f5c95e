"""Which machines a request to assess or to consent means: those that it names, or those of a configuration.

Only machines of the subscription that the request was sent to; and never more than a stated number at once, so that
every request ends in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.application.callers import Caller
from shared.application.configurations import get_configuration
from shared.application.find_machine import machine_type_of
from shared.application.match_machines import MatchedMachine, match_machines
from shared.application.ports import Services
from shared.domain.ids import ResourceId, id_key
from shared.errors import InvalidRequestError, LimitExceededError, UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a request says: ids of machines, or the id of a configuration; the other one is empty."""

    subscription: str
    machines: tuple[str, ...] = ()
    configuration: str = ""


def named_machines(services: Services, choice: Choice) -> list[str]:
    """The machines that the choice names, each once; raises `InvalidRequestError` and `LimitExceededError`."""
    for at, machine_id in enumerate(choice.machines):
        target = f"machines[{at}]"
        machine_type_of(machine_id, target=target)
        if not _lies_in(machine_id, choice.subscription):
            raise InvalidRequestError(
                f"'{machine_id[:200]}' is not in subscription {choice.subscription}.", target=target
            )
    named = list({id_key(one): one.rstrip("/") for one in choice.machines}.values())
    check_count(services, named, target="machines")
    return named


async def configured_machines(
    services: Services, choice: Choice, *, caller: Caller
) -> list[MatchedMachine]:
    """The machines of the configuration in the subscription.

    Raises `NotFoundError`, and `UnavailableError` when they can't all be read: none is left out in silence.
    """
    stored = await get_configuration(services, choice.configuration, caller=caller)
    assignments = [
        one
        async for one in services.assignments.list_of(stored.id)
        if _lies_in(one.scope_id, choice.subscription)
    ]
    matches = await match_machines(services, assignments)
    for assignment_id, problem in matches.unreadable.items():
        raise UnavailableError(f"The machines of {assignment_id} can't be read: {problem}")
    return list(matches.machines)


def check_count(services: Services, machines: Sequence[object], *, target: str) -> None:
    """Raise `LimitExceededError` for more machines than one request may mean."""
    limit = services.limits.machines_per_request
    if len(machines) > limit:
        raise LimitExceededError(
            f"One request takes at most {limit} machines; these are {len(machines)}. "
            "Send several requests that name them.",
            target=target,
        )


def _lies_in(resource_id: str, subscription: str) -> bool:
    return ResourceId.parse(resource_id).subscription.lower() == subscription.lower()
