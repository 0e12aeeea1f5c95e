"""Which machines some assignments match now, and how these stand: what a run of this minute would begin with.

The states are the inventory's, some minutes late at most; machines that are attached one by one are looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.application.concurrency import gather_bounded
from shared.application.documents import scope_of
from shared.application.find_machine import machine_type_of
from shared.application.ports import Services, StoredAssignment
from shared.application.read_inventory import read_page
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.eligibility import refusal
from shared.domain.machine import Ineligible, MachineState, MachineType
from shared.domain.run import Reason
from shared.domain.scope import Scope, matches
from shared.errors import UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedMachine:
    """A machine, and the ids of the assignments that matched it.

    `state` is None for one that is gone, or that could not be looked at: then `problem` says why.
    """

    id: str
    type: MachineType
    state: MachineState | None
    matched_by: tuple[str, ...]
    problem: str = ""

    @property
    def key(self) -> str:
        """What rows about the machine are found by."""
        return self.id.lower()

    def refusal(self, configuration: MaintenanceConfiguration) -> Ineligible | None:
        """Why a run would not patch it, if so."""
        if self.problem:
            return Ineligible(reason=Reason.NOT_READABLE, message=self.problem)
        return refusal(self.state, configuration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The machines in the order of their keys, each once; `unreadable` says by assignment what can't be seen."""

    machines: tuple[MatchedMachine, ...]
    unreadable: Mapping[str, str]


async def match_machines(services: Services, assignments: Sequence[StoredAssignment]) -> Matches:
    """Resolve all *assignments*; what can't be read is a value, not an error."""
    scopes = [scope for one in assignments if (scope := scope_of(one))]
    static = [one for one in assignments if not one.is_dynamic]
    at_once = services.limits.parallel
    resolved = await gather_bounded((_resolve(services, one) for one in scopes), at_once)
    found = _merged(machine for machines, _ in resolved for machine in machines)
    known = {key: machine.state for key, machine in found.items()}
    looked_at = await gather_bounded((_look_at(services, one, known) for one in static), at_once)
    found = _merged([*found.values(), *looked_at])
    problems = (problem for _, problem in resolved)
    return Matches(
        machines=tuple(found[key] for key in sorted(found)),
        unreadable={
            scope.assignment_id: problem
            for scope, problem in zip(scopes, problems, strict=True)
            if problem
        },
    )


async def _resolve(services: Services, scope: Scope) -> tuple[list[MatchedMachine], str]:
    """The scope's machines, and why there are not more, if so."""
    found: list[MatchedMachine] = []
    after: str | None = ""
    try:
        while after is not None:
            page = await read_page(services, scope, after=after)
            found += [_matched(one, scope) for one in page.states if matches(scope, one.machine)]
            after = page.last
    except UnavailableError as error:
        return found, error.message
    return found, ""


def _matched(state: MachineState, scope: Scope) -> MatchedMachine:
    machine = state.machine
    return MatchedMachine(
        id=machine.id, type=machine.type, state=state, matched_by=(scope.assignment_id,)
    )


async def _look_at(
    services: Services, assignment: StoredAssignment, known: Mapping[str, MachineState | None]
) -> MatchedMachine:
    machine_id = assignment.scope_id
    machine_type = machine_type_of(machine_id)
    state, problem = known.get(machine_id.lower()), ""
    if state is None:
        try:
            state = await services.patching.inspect(machine_id, machine_type)
        except UnavailableError as error:
            problem = error.message
    return MatchedMachine(
        id=state.machine.id if state else machine_id,
        type=machine_type,
        state=state,
        matched_by=(assignment.id,),
        problem=problem,
    )


def _merged(machines: Iterable[MatchedMachine]) -> dict[str, MatchedMachine]:
    found: dict[str, MatchedMachine] = {}
    for machine in machines:
        before = found.get(machine.key)
        matched_by = (*before.matched_by, *machine.matched_by) if before else machine.matched_by
        found[machine.key] = replace(before or machine, matched_by=matched_by)
    return found
