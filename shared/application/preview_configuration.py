"""What a run of a configuration would do if it began now, without doing it: of a stored one, or of one not yet stored.

The states of machines are the inventory's, and what would be installed follows from their latest assessments. No
machine is asked for anything, unless the administrator's setting or the request says how old these may be: then the
machines of the page whose assessments are older, or missing, are asked for new ones, for the next look.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.application.callers import Caller, Role, require
from shared.application.match_machines import MatchedMachine, Matches, match_machines
from shared.application.ports import MachineRequest, Services
from shared.application.preview_subject import Subject, read_subject
from shared.application.read_assessments import latest_assessments
from shared.application.refresh_assessments import refresh_assessments
from shared.domain.assessment import Assessment, selected_by
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.foretelling import Notice, coming, notices
from shared.domain.machine import Ineligible
from shared.domain.run import Reason
from shared.domain.selection import Selection
from shared.domain.window import Window
from shared.errors import UnavailableError

_OCCURRENCES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ForetoldMachine:
    """What would become of one machine; `selection` is None where no assessment is known.

    `request` is the one for a new assessment that this preview made or found under way.
    """

    machine: MatchedMachine
    refusal: Ineligible | None
    assessment: Assessment | None = None
    selection: Selection | None = None
    request: MachineRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A page of machines in the order of their keys, and what holds for all of them; `last` as in `JobPage`."""

    windows: tuple[Window, ...]
    notices: tuple[Notice, ...]
    machine_count: int
    patched_count: int
    machines: tuple[ForetoldMachine, ...]
    last: str = ""


async def preview_configuration(
    services: Services,
    configuration_id: str,
    *,
    body: Mapping[str, Any],
    caller: Caller,
    limit: int,
    after: str = "",
) -> Preview:
    """At most *limit* machines with keys after *after*.

    Raises `InvalidRequestError` with one detail for each mistake in *body*, `NotFoundError` when it leaves out
    `properties` and no configuration is stored, and `ForbiddenError` for a reader who wants machines assessed.
    """
    require(caller, Role.READER)
    subject = await read_subject(services, configuration_id, body, caller=caller)
    configuration, age = subject.configuration, _age(services, subject, caller)
    matches = await match_machines(services, subject.assignments)
    foretold = [
        ForetoldMachine(machine=one, refusal=one.refusal(configuration)) for one in matches.machines
    ]
    rest = [one for one in foretold if one.machine.key > after]
    page = rest[:limit]
    return Preview(
        windows=coming(configuration.window, services.clock.now(), count=_OCCURRENCES),
        notices=tuple(_notices(services, configuration, foretold, matches)),
        machine_count=len(foretold),
        patched_count=sum(one.refusal is None for one in foretold),
        machines=await _with_updates(services, page, configuration, age=age, caller=caller),
        last=page[-1].machine.key if len(rest) > limit else "",
    )


def _age(services: Services, subject: Subject, caller: Caller) -> timedelta:
    """How old an assessment may be; who says so in place of the setting has to be one who may have machines asked."""
    if subject.assessment_age is None:
        return services.limits.assessment_age
    if subject.assessment_age:
        require(caller, Role.OPERATOR)
    return subject.assessment_age


def _notices(
    services: Services,
    configuration: MaintenanceConfiguration,
    foretold: Sequence[ForetoldMachine],
    matches: Matches,
) -> Iterator[Notice]:
    for assignment_id, problem in matches.unreadable.items():
        yield Notice(code=Reason.NOT_READABLE, message=problem, target=assignment_id)
    if not foretold:
        yield Notice(code="NoMachines", message="No machine is matched now.")
    states = [one.machine.state for one in foretold if one.refusal is None]
    yield from notices(
        configuration,
        [state.machine for state in states if state],
        now=services.clock.now(),
        cut_off=services.limits.azure_cut_off,
    )


async def _with_updates(
    services: Services,
    page: Sequence[ForetoldMachine],
    configuration: MaintenanceConfiguration,
    *,
    age: timedelta,
    caller: Caller,
) -> tuple[ForetoldMachine, ...]:
    """The page with what is known of its machines' updates; nothing is, while Azure does not answer."""
    machines = [one.machine for one in page]
    try:
        known = await latest_assessments(services, [one.key for one in machines])
    except UnavailableError:
        return tuple(page)
    asked = await refresh_assessments(services, machines, known, age=age, caller=caller)
    told = (replace(one, request=asked.get(one.machine.key)) for one in page)
    return tuple(_with_selection(one, known.get(one.machine.key), configuration) for one in told)


def _with_selection(
    foretold: ForetoldMachine,
    assessment: Assessment | None,
    configuration: MaintenanceConfiguration,
) -> ForetoldMachine:
    if assessment is None:
        return foretold
    selection = selected_by(assessment, configuration.effective, machine_type=foretold.machine.type)
    return replace(foretold, assessment=assessment, selection=selection)
