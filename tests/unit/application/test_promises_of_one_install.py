"""One request for a machine and a run, whatever becomes of its reply; and the install that it began is found.

That a worker may die at any instant is `tests/fault`'s.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import LOST, Install, MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.adapters.patching.azure import AzurePatching
from shared.application.ports import InstallOrder, InstallReply
from shared.domain.records import Job
from shared.domain.run import Outcome, Reason
from tests.builders import WINDOW_OPENS, a_configuration, a_machine, a_state
from tests.drill import MINUTE, Drill
from tests.unit.adapters.wire import Answer, Break, Wire, wire

HOUR = timedelta(hours=1)
LAST_WORD = WINDOW_OPENS + 4 * HOUR


class WiredFleet(MemoryFleet):
    """Installs are asked for over a real connection; whether they began there is the test's to say."""

    def __init__(self, clock: MemoryClock, patching: AzurePatching, *, begins: bool) -> None:
        super().__init__(clock, [a_state()])
        self._wired = patching
        self._begins = begins

    async def install(self, order: InstallOrder) -> InstallReply:
        if self._begins:
            await super().install(order)
        return await self._wired.install(order)


@asynccontextmanager
async def wired(answer: Answer | Break, *, begins: bool) -> AsyncIterator[tuple[Drill, Wire]]:
    """A drill whose machine's provider gives this answer, always."""
    drill = Drill([a_state()])
    async with (
        wire(answer) as served,
        ArmClient(
            served.url,
            StaticCredential(),
            backoff=timedelta(0),
            send_within=timedelta(seconds=0.2),
        ) as arm,
    ):
        fleet = WiredFleet(drill.clock, AzurePatching(arm, drill.clock), begins=begins)
        drill.fleet = fleet
        drill.services = memory_services(
            drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=fleet
        )
        await drill.configure(a_configuration(recurEvery="Week Tuesday"))
        drill.clock.instant = WINDOW_OPENS - MINUTE
        yield drill, served


NO_PROOF: dict[str, Answer | Break] = {
    "500": Answer(status=500),
    "503, with a time to come back": Answer(status=503, headers={"Retry-After": "1"}),
    "408": Answer(status=408),
    "a reset": "drop",
    "half a reply": "half",
    "a time-out": "hang",
    "202 without an operation": Answer(status=202),
    "a redirect": Answer(status=307, headers={"Location": "/elsewhere"}),
}


@pytest.mark.parametrize("answer", NO_PROOF.values(), ids=NO_PROOF.keys())
async def test_install_behind_a_reply_that_proves_nothing_is_found_and_adopted(
    answer: Answer | Break,
) -> None:
    async with wired(answer, begins=True) as (drill, served):
        await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
        job = await only_job(drill)
        assert (job.outcome, job.adopted) == (Outcome.SUCCEEDED, True)
        assert [request.method for request in served.requests] == ["POST"]
        assert await drill.broken() == []


@pytest.mark.parametrize("answer", NO_PROOF.values(), ids=NO_PROOF.keys())
async def test_request_that_may_not_have_arrived_is_not_repeated_though_nothing_is_found(
    answer: Answer | Break,
) -> None:
    async with wired(answer, begins=False) as (drill, served):
        await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
        await drill.run_until(LAST_WORD + 20 * MINUTE, step=10 * MINUTE)
        job = await only_job(drill)
        assert (job.outcome, job.reason) == (Outcome.UNKNOWN, Reason.NO_FINAL_WORD)
        assert [request.method for request in served.requests] == ["POST"]
        assert await drill.broken() == []


def somebody_elses(drill: Drill, after: timedelta) -> Install:
    """An install that somebody asks for by hand, some time after ours began."""
    (ours,) = drill.fleet.installs
    return Install(
        order=ours.order,
        activity_id=str(uuid.uuid4()),
        at=ours.at + after,
        ends_at=ours.ends_at + after,
    )


@pytest.mark.parametrize("is_first", [True, False], ids=["shown first", "shown last"])
async def test_of_two_installs_in_the_time_span_the_earlier_is_adopted(is_first: bool) -> None:
    drill = Drill([a_state()])
    drill.fleet = MemoryFleet(drill.clock, [a_state()], lag=10 * MINUTE)
    drill.services = memory_services(
        drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=drill.fleet
    )
    drill.fleet.replies[a_machine().key] = [LOST]
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    (ours,) = drill.fleet.installs
    theirs = somebody_elses(drill, 6 * MINUTE)
    drill.fleet.installs.insert(0 if is_first else 1, theirs)
    # Both appear between two passes.
    drill.clock.instant = WINDOW_OPENS + 25 * MINUTE
    await drill.tick()
    job = await only_job(drill)
    assert (job.outcome, job.adopted) == (Outcome.SUCCEEDED, True)
    assert job.activity_id == ours.activity_id
    drill.fleet.installs.remove(theirs)
    assert await drill.broken() == []


async def only_job(drill: Drill) -> Job:
    (job,) = await drill.jobs()
    return job
