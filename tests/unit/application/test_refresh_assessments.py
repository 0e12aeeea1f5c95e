"""Assessments that a preview asks for: of whom, by whose will, how often, and what becomes of them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL, Caller, Role
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.application.ports import (
    InstallReply,
    NotNow,
    Refused,
    RequestAnswer,
    RequestKind,
    Services,
    Uncertain,
)
from shared.application.preview_configuration import (
    ForetoldMachine,
    Preview,
    preview_configuration,
)
from shared.domain.assessment import Assessment
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.updates import Update
from shared.errors import ForbiddenError, InvalidRequestError, UnavailableError
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
READER = Caller(name="rita", role=Role.READER)
OPERATOR = Caller(name="otto", role=Role.OPERATOR)
ARC = a_machine("arc-1", machine_type=MachineType.ARC_SERVER)


class World:
    """A configuration over some machines, and whoever looks at its preview."""

    def __init__(self, *states: MachineState, **limits: Any) -> None:
        self.clock = MemoryClock(DAY_BEFORE)
        self.fleet = MemoryFleet(self.clock, states or [a_state()])
        self.services: Services = memory_services(
            self.clock, fleet=self.fleet, limits=Limits(**limits)
        )

    async def configure(self) -> "World":
        await put_configuration(
            self.services, CONFIGURATION, document=a_configuration(), caller=LOCAL
        )
        scope = f"/subscriptions/{SUBSCRIPTION}"
        await put_assignment(self.services, scope, name="all", document=a_scope(), caller=LOCAL)
        return self

    async def preview(
        self, age: str | None = None, *, caller: Caller = OPERATOR, limit: int = 100
    ) -> Preview:
        body = {} if age is None else {"assessmentAge": age}
        return await preview_configuration(
            self.services, CONFIGURATION, body=body, caller=caller, limit=limit
        )

    def asked(self) -> set[str]:
        """The names of the machines that have been assessed, ever."""
        return {key.rpartition("/")[2] for key in self.fleet.assessments}


def only(preview: Preview) -> ForetoldMachine:
    (machine,) = preview.machines
    return machine


WHO_ASKS: dict[str, tuple[timedelta, str | None, Caller, bool]] = {
    "nobody says": (timedelta(0), None, OPERATOR, False),
    "an operator says none": (DAY, "PT0S", OPERATOR, False),
    "a reader says none": (DAY, "PT0S", READER, False),
    "the setting says, and a reader looks": (DAY, None, READER, True),
    "an operator says": (timedelta(0), "P1D", OPERATOR, True),
}


@pytest.mark.parametrize(
    ("setting", "age", "caller", "is_asked"), WHO_ASKS.values(), ids=WHO_ASKS.keys()
)
async def test_machines_are_asked_when_the_setting_or_an_operator_says_so(
    setting: timedelta, age: str | None, caller: Caller, is_asked: bool
) -> None:
    world = await World(assessment_age=setting).configure()
    machine = only(await world.preview(age, caller=caller))
    assert world.asked() == ({"vm-1"} if is_asked else set())
    assert (machine.request is not None) is is_asked


async def test_reader_who_wants_machines_asked_is_refused_and_none_is() -> None:
    world = await World(assessment_age=DAY).configure()
    with pytest.raises(ForbiddenError, match="Operator"):
        await world.preview("PT1H", caller=READER)
    assert world.asked() == set()


@pytest.mark.parametrize("age", ["", "1", "01:00", "1 day", "-P1D", "P", "P11Y", "day"])
async def test_age_that_is_no_duration_is_refused(age: str) -> None:
    world = await World().configure()
    with pytest.raises(InvalidRequestError) as refused:
        await world.preview(age)
    assert refused.value.target == "assessmentAge"


async def test_request_is_recorded_under_the_one_who_wanted_the_preview() -> None:
    world = await World().configure()
    request = only(await world.preview("P1D")).request
    assert request
    assert (request.by, request.at, request.answer) == ("otto", DAY_BEFORE, RequestAnswer.ACCEPTED)
    kept = await world.services.machine_requests.latest_accepted(
        a_machine().key, RequestKind.ASSESS
    )
    assert kept
    assert (kept.machine_id, kept.by, kept.at) == (request.machine_id, request.by, request.at)


STANDING: dict[str, tuple[MachineState, bool]] = {
    "a VM that runs": (a_state(), True),
    "a VM that is off": (a_state(running=False), False),
    "a VM without consent": (a_state(patch_mode="Manual", bypass_checks=False), True),
    "an Arc server": (a_state(ARC), True),
    "an Arc server that is away": (a_state(ARC, connected=False), False),
}


@pytest.mark.parametrize(("state", "is_asked"), STANDING.values(), ids=STANDING.keys())
async def test_only_a_machine_that_can_be_reached_is_asked(
    state: MachineState, is_asked: bool
) -> None:
    world = await World(state).configure()
    await world.preview("P1D")
    assert bool(world.asked()) is is_asked


async def test_assessment_is_made_anew_only_once_it_is_older() -> None:
    world = await World().configure()
    await world.fleet.assess(a_machine())
    world.clock.advance(DAY)
    assert only(await world.preview("P1D")).request is None
    world.clock.advance(MINUTE)
    machine = only(await world.preview("P1D"))
    assert machine.request
    assert machine.assessment
    assert machine.assessment.assessed_at == DAY_BEFORE
    looked_again = only(await world.preview("P1D"))
    assert looked_again.assessment
    assert looked_again.assessment.assessed_at == world.clock.now()


class SlowFleet(MemoryFleet):
    """Takes requests for assessments and never shows a result."""

    requests = 0

    async def assess(self, machine: Machine) -> InstallReply:
        self.requests += 1
        reply = await super().assess(machine)
        self.assessments.clear()
        return reply


async def test_unanswered_request_is_shown_and_not_repeated_for_half_an_hour() -> None:
    world = World()
    fleet = SlowFleet(world.clock, [a_state()])
    world.services = memory_services(world.clock, fleet=fleet)
    await world.configure()
    for minutes in (0, 10, 29):
        world.clock.instant = DAY_BEFORE + minutes * MINUTE
        request = only(await world.preview("P1D")).request
        assert request
        assert request.at == DAY_BEFORE
    assert fleet.requests == 1
    world.clock.instant = DAY_BEFORE + 30 * MINUTE
    request = only(await world.preview("P1D")).request
    assert request
    assert (request.at, fleet.requests) == (world.clock.now(), 2)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (NotNow(message="No.", cause="busy", again_in=MINUTE), RequestAnswer.TRY_AGAIN),
        (Refused(message="No."), RequestAnswer.REFUSED),
        (Uncertain(message="No."), RequestAnswer.UNKNOWN),
    ],
)
async def test_request_that_azure_did_not_take_is_told_and_not_repeated_at_every_look(
    reply: InstallReply, answer: RequestAnswer
) -> None:
    world = await World().configure()
    world.fleet.replies[a_machine().key] = [reply]
    for _ in range(5):
        told = only(await world.preview("P1D")).request
        assert told
        assert (told.answer, told.message) == (answer, "No.")
    world.clock.advance(30 * MINUTE)
    again = only(await world.preview("P1D")).request
    assert again
    assert again.answer is RequestAnswer.ACCEPTED


async def test_only_the_page_is_asked_and_never_more_than_one_request_may_mean() -> None:
    states = [a_state(a_machine(f"vm-{number}")) for number in range(6)]
    world = await World(*states, machines_per_request=3).configure()
    await world.preview("P1D", limit=2)
    assert world.asked() == {"vm-0", "vm-1"}
    await world.preview("P1D", limit=6)
    assert world.asked() == {f"vm-{number}" for number in range(5)}


class MuteFleet(MemoryFleet):
    """Does not say which assessments there are."""

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        raise UnavailableError("Resource Graph is away.")


async def test_machine_is_not_asked_while_azure_does_not_say_what_is_known() -> None:
    world = World()
    fleet = MuteFleet(world.clock, [a_state()])
    world.services = memory_services(world.clock, fleet=fleet)
    await world.configure()
    assert only(await world.preview("P1D")).request is None
    assert fleet.assessments == {}


async def test_result_is_kept_and_says_of_each_update_what_the_configuration_makes_of_it() -> None:
    world = await World().configure()
    world.fleet.lacking[a_machine().key] = (
        Update(name="curl", version="8.5", classification="Security"),
        Update(name="vim", version="9.1", classification="Other"),
    )
    assert only(await world.preview("P1D")).selection is None
    machine = only(await world.preview("P1D"))
    assert machine.selection
    assert [one.name for one in machine.selection.selected] == ["curl"]
    assert [one.name for one in machine.selection.not_selected] == ["vim"]
    stored = await world.services.assessments.get(a_machine().key)
    assert stored == machine.assessment
