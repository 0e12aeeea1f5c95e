"""Consent on the wire: what is sent, and what is said of a change that Azure makes later, or never."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.consenting import FOLLOWED_FOR
from shared.application.ports import Accepted, InstallReply, NotNow, Refused, Uncertain
from shared.domain.machine import HOTPATCHING, OsType
from tests.builders import a_machine
from tests.unit.adapters.wire import Answer, Break, Wire, wire

NOW = datetime(2026, 1, 15, 3, tzinfo=UTC)
PATH = "/subscriptions/s/operations/o1?api-version=1"
UNDER_WAY = Answer(body={"status": "InProgress"})
MADE = Answer(body={"status": "Succeeded"})
HOT = {
    "code": "OperationNotAllowed",
    "message": "Hotpatch updates require platform safety checks.",
}


class World:
    """What was answered, what was asked, and how long it took."""

    reply: InstallReply
    took: timedelta
    served: Wire


async def consent(
    *answers: Answer | Break, os_type: OsType = OsType.LINUX, names: str = "{url}" + PATH
) -> World:
    """Give consent; in an answer's headers `operation` stands for the address that *names* gives."""
    clock, world = MemoryClock(NOW), World()
    async with (
        wire("drop") as served,
        ArmClient(served.url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        operation = names.format(url=served.url)
        served.script[:] = [_named(one, operation) for one in answers]
        machine = a_machine(os_type=os_type)
        world.reply = await AzurePatching(arm, clock).consent(machine)
    world.took, world.served = clock.now() - NOW, served
    return world


def _named(answer: Answer | Break, operation: str) -> Answer | Break:
    if not isinstance(answer, Answer):
        return answer
    headers = {
        name: operation if value == "operation" else value for name, value in answer.headers.items()
    }
    return Answer(status=answer.status, headers=headers, body=answer.body)


def taken(status: int = 202) -> Answer:
    """A change that Azure took, and makes later."""
    return Answer(status=status, headers={"Azure-AsyncOperation": "operation"}, body={})


@pytest.mark.parametrize(
    ("os_type", "profile"),
    [(OsType.LINUX, "linuxConfiguration"), (OsType.WINDOWS, "windowsConfiguration")],
)
async def test_only_the_patch_settings_are_sent_and_only_once(
    os_type: OsType, profile: str
) -> None:
    world = await consent(Answer(body={}), os_type=os_type)
    (request,) = world.served.requests
    assert (request.method, request.target.partition("?")[0]) == ("PATCH", a_machine().id)
    settings = {
        "patchMode": "AutomaticByPlatform",
        "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": True},
    }
    assert request.body == {"properties": {"osProfile": {profile: {"patchSettings": settings}}}}


@pytest.mark.parametrize("status", [200, 201])
async def test_change_that_is_made_at_once_is_not_followed(status: int) -> None:
    world = await consent(Answer(status=status, body={}))
    assert (world.reply, world.took) == (Accepted(), timedelta(0))


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_change_is_followed_until_it_is_made(status: int) -> None:
    world = await consent(taken(status), UNDER_WAY, UNDER_WAY, MADE)
    assert world.reply == Accepted()
    assert [one.method for one in world.served.requests] == ["PATCH", "GET", "GET", "GET"]
    assert {one.target for one in world.served.requests[1:]} == {PATH}
    assert timedelta(0) < world.took < FOLLOWED_FOR


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "with a reason": (
        {"status": "Failed", "error": {"code": "VMExtensionError", "message": "The agent is old."}},
        "VMExtensionError: The agent is old.",
    ),
    "without one": ({"status": "Failed"}, "Azure says: Failed."),
    "cancelled": ({"status": "Canceled"}, "Azure says: Canceled."),
    "for hotpatching": (
        {"status": "Failed", "error": HOT},
        f"OperationNotAllowed: {HOT['message']} {HOTPATCHING}",
    ),
}


@pytest.mark.parametrize(("operation", "message"), FAILURES.values(), ids=FAILURES.keys())
async def test_change_that_fails_later_is_refused_in_azures_words(
    operation: dict[str, Any], message: str
) -> None:
    world = await consent(taken(), UNDER_WAY, Answer(body=operation))
    assert world.reply == Refused(message=message)


@pytest.mark.parametrize("status", [400, 409])
async def test_hotpatching_is_refused_and_the_answer_says_what_to_do(status: int) -> None:
    world = await consent(Answer(status=status, body={"error": HOT}))
    assert world.reply == Refused(message=f"OperationNotAllowed: {HOT['message']} {HOTPATCHING}")


NEVER_SAID: dict[str, tuple[Answer, timedelta]] = {
    "under way all the time": (UNDER_WAY, FOLLOWED_FOR),
    "forgotten": (Answer(status=404), timedelta(seconds=4)),
    "not readable": (Answer(status=500), timedelta(seconds=4)),
}


@pytest.mark.parametrize(("poll", "took"), NEVER_SAID.values(), ids=NEVER_SAID.keys())
async def test_change_that_is_not_over_in_time_is_accepted_and_still_to_be_asked_after(
    poll: Answer, took: timedelta
) -> None:
    world = await consent(taken(), poll)
    assert isinstance(world.reply, Accepted)
    assert world.reply.operation.endswith(PATH)
    assert world.took == took


async def test_change_that_is_under_way_nobody_knows_where_is_still_to_be_asked_after() -> None:
    world = await consent(Answer(status=202))
    assert world.reply == Accepted(operation=a_machine().id)


async def test_operation_elsewhere_is_not_followed() -> None:
    world = await consent(taken(), MADE, names="https://example.org/o1")
    assert world.reply == Accepted(operation="https://example.org/o1")
    assert len(world.served.requests) == 1


async def test_lost_reply_is_uncertain_and_nothing_is_sent_again() -> None:
    world = await consent("drop")
    assert isinstance(world.reply, Uncertain)
    assert len(world.served.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Refused), (409, NotNow), (429, NotNow), (503, Uncertain)]
)
async def test_other_answers_mean_what_they_mean_for_any_request(
    status: int, kind: type[InstallReply]
) -> None:
    assert isinstance((await consent(Answer(status=status))).reply, kind)


class StandingClock:
    """A clock that is moved by hand: sleeping moves nothing."""

    def now(self) -> datetime:
        return NOW

    async def sleep(self, delay: timedelta) -> None:
        """Nothing passes."""


async def test_clock_that_stands_still_does_not_make_it_wait_for_ever() -> None:
    async with (
        wire("drop") as served,
        ArmClient(served.url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        served.script[:] = [_named(taken(), f"{served.url}{PATH}"), UNDER_WAY]
        reply = await AzurePatching(arm, StandingClock()).consent(a_machine())
    assert reply == Accepted(operation=f"{served.url}{PATH}")
