"""Whose install it is when the reply to a request was lost: another job's is never taken."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.machines import LOST, MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.callers import LOCAL
from shared.application.collect_results import collect_results
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.application.ports import InstallReply, Uncertain
from shared.domain.records import Job, RunId, run_key
from shared.domain.run import Outcome
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

OTHER = CONFIGURATION.replace("nightly", "weekly")
NEVER_ARRIVED = Uncertain(message="The connection was reset.")


async def second_of_two(reply: InstallReply) -> tuple[Drill, Job]:
    """The job of a run a minute after another one, whose install was quick, was heard of, and has ended."""
    drill = Drill([a_state()])
    drill.fleet = MemoryFleet(
        drill.clock, [a_state()], takes=timedelta(seconds=15), lag=timedelta(0)
    )
    drill.services = memory_services(
        drill.clock, rows=drill.rows, outbox=drill.outbox, fleet=drill.fleet
    )
    await drill.configure()
    later = a_configuration(startDateTime="2026-06-01 02:01")
    await put_configuration(drill.services, OTHER, document=later, caller=LOCAL)
    scope = a_scope(configuration_id=OTHER)
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "weekly", scope)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    drill.clock.advance(MINUTE / 2)
    await collect_results(drill.services)
    assert [job.outcome for job in await drill.jobs()] == [Outcome.SUCCEEDED]
    drill.fleet.replies[a_machine().key] = [reply]
    await drill.run_until(WINDOW_OPENS + MINUTE)
    await drill.run_until(WINDOW_OPENS + 6 * MINUTE)
    run_id = RunId(configuration_id=OTHER, key=run_key(WINDOW_OPENS + MINUTE))
    (job,) = [job async for job in drill.services.jobs.list(run_id)]
    return drill, job


@pytest.mark.parametrize(
    ("reply", "installs", "outcome"),
    [
        pytest.param(NEVER_ARRIVED, 1, None, id="a request that never arrived"),
        pytest.param(LOST, 2, Outcome.SUCCEEDED, id="an install whose reply was lost"),
    ],
)
async def test_job_takes_its_own_install_and_not_the_one_before_it(
    reply: InstallReply, installs: int, outcome: Outcome | None
) -> None:
    drill, job = await second_of_two(reply)
    assert [install.at for install in drill.fleet.installs] == [
        WINDOW_OPENS + number * MINUTE for number in range(installs)
    ]
    assert job.outcome is outcome
    assert job.activity_id == (drill.fleet.installs[1].activity_id if outcome else "")
    assert job.preceded_by == drill.fleet.installs[0].activity_id
    assert await drill.broken() == []


@pytest.mark.parametrize("page", [1000, 1], ids=["on one page", "each on a page of its own"])
async def test_of_several_installs_the_earliest_is_adopted_on_whatever_pages_they_are(
    page: int,
) -> None:
    drill = Drill([a_state()], limits=Limits(report_page=page))
    drill.fleet.replies[a_machine().key] = [LOST]
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    (ours,) = drill.fleet.installs
    theirs = replace(ours, activity_id="theirs", at=ours.at + MINUTE / 2, ends_at=ours.at + MINUTE)
    drill.fleet.installs.insert(0, theirs)
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    (job,) = await drill.jobs()
    assert job.activity_id == ours.activity_id
