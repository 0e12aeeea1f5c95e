"""Assessments and requests in rows, in memory and in Azurite."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.storage.stores import Stores
from shared.application.ports import MachineRequest, RequestAnswer, RequestKind
from shared.domain.assessment import Assessment
from shared.domain.machine import OsType
from shared.domain.updates import Update
from tests.builders import a_machine

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
ID, KEY = a_machine().id, a_machine().key
FOUND = Assessment(
    machine_id=ID,
    assessed_at=AT,
    status="Succeeded",
    os_type=OsType.LINUX,
    reboot_pending=False,
    updates=(
        Update(
            name="curl",
            version="8.5",
            classification="Security",
            reboot_behavior="NeverReboots",
            dependencies=("libcurl4", "libc6"),
        ),
    ),
)
MANY = tuple(
    Update(name=f"package-{number}-{'ä' * 60}", version="1", classification="Other")
    for number in range(4000)
)
ASSESSMENTS = {
    "usual": FOUND,
    "nothing missing": replace(FOUND, updates=()),
    "hardly anything known": Assessment(machine_id=ID, assessed_at=AT, status="Failed", error="x"),
    "several rows": replace(FOUND, updates=MANY),
}


@pytest.mark.parametrize("assessment", ASSESSMENTS.values(), ids=ASSESSMENTS.keys())
async def test_assessment_is_read_as_it_was_put(stored: Stores, assessment: Assessment) -> None:
    assert await stored["assessments"].get(KEY) is None
    await stored["assessments"].put(assessment)
    assert await stored["assessments"].get(KEY) == assessment


async def test_later_assessment_leaves_nothing_of_the_one_before(stored: Stores) -> None:
    for assessment in ASSESSMENTS.values():
        await stored["assessments"].put(ASSESSMENTS["several rows"])
        await stored["assessments"].put(assessment)
        assert await stored["assessments"].get(KEY) == assessment


async def test_latest_request_that_was_accepted_is_found_among_others(stored: Stores) -> None:
    requests = stored["machine_requests"]
    assert await requests.latest_accepted(KEY, RequestKind.CONSENT) is None
    first = MachineRequest(
        machine_id=ID,
        kind=RequestKind.CONSENT,
        by="ada",
        by_kind="User",
        at=AT,
        answer=RequestAnswer.UNKNOWN,
    )
    accepted = replace(first, answer=RequestAnswer.ACCEPTED)
    second = replace(accepted, at=AT + timedelta(hours=1), by="bob")
    refused = replace(second, at=AT + timedelta(hours=2), answer=RequestAnswer.REFUSED)
    other = replace(second, at=AT + timedelta(hours=3), kind=RequestKind.ASSESS)
    for request, latest in (
        (first, None),
        (accepted, accepted),
        (second, second),
        (refused, second),
        (other, second),
    ):
        await requests.put(request)
        found = await requests.latest_accepted(KEY, RequestKind.CONSENT)
        assert (found and replace(found, etag="")) == latest


async def test_assessment_lies_beside_the_lock_and_the_requests(stored: Stores) -> None:
    request = MachineRequest(
        machine_id=ID,
        kind=RequestKind.ASSESS,
        by="ada",
        by_kind="User",
        at=AT,
        answer=RequestAnswer.ACCEPTED,
    )
    await stored["machine_requests"].put(request)
    assert await stored["assessments"].get(KEY) is None
    assert await stored["locks"].get(KEY) is None
