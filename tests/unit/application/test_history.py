"""Reading what happened: runs, jobs page by page, and updates."""

from collections import Counter

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.application.callers import LOCAL, Caller, Role
from shared.application.configurations import put_configuration
from shared.application.history import (
    get_job,
    get_latest_machine_run,
    get_latest_run_on_demand,
    get_machine_run,
    get_run,
    list_jobs,
    list_runs,
    list_updates,
    page_runs,
)
from shared.application.ports import FrozenScope, Services, StoredAssignment
from shared.application.start_run import start_configuration_run, start_machine_runs
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunId, job_key
from shared.domain.run import Outcome, Phase
from shared.domain.updates import UpdateRecord, UpdateState
from shared.errors import NotFoundError
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

READER = Caller(name="reader", role=Role.READER)
NO_RUN = RunId(configuration_id=CONFIGURATION, key="20200101000000")


def a_job(number: int) -> Job:
    """A job that succeeded, or failed if its number is odd."""
    machine = a_machine(f"vm-{number}")
    return Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
        phase=Phase.ENDED,
        outcome=Outcome.FAILED if number % 2 else Outcome.SUCCEEDED,
    )


async def ran() -> tuple[Services, Run]:
    """A run with seven jobs and, beside them, a frozen scope."""
    services = memory_services(MemoryClock(DAY_BEFORE))
    await put_configuration(services, CONFIGURATION, document=a_configuration(), caller=LOCAL)
    run = await start_configuration_run(services, CONFIGURATION, caller=LOCAL)
    await services.jobs.insert(run.id, [a_job(number) for number in range(7)])
    frozen = StoredAssignment(
        id=f"{GROUP}/one",
        scope_id=GROUP,
        name="one",
        configuration_id=CONFIGURATION,
        document=a_scope(),
        created_at=DAY_BEFORE,
        created_by="me",
        modified_at=DAY_BEFORE,
        modified_by="me",
    )
    await services.jobs.put_scope(run.id, FrozenScope(key="scope-one", assignment=frozen))
    return services, run


async def test_run_is_found_in_any_spelling() -> None:
    services, run = await ran()
    wanted = RunId(configuration_id=CONFIGURATION.upper(), key=run.key)
    assert (await get_run(services, wanted, caller=READER)).id == run.id


async def test_runs_are_listed_by_group_and_subscription() -> None:
    services, run = await ran()
    for scope_id in (GROUP, f"/subscriptions/{SUBSCRIPTION}"):
        assert [one.id for one in await list_runs(services, scope_id, caller=READER)] == [run.id]
    assert await list_runs(services, GROUP + "2", caller=READER) == []


async def test_latest_run_on_demand_is_found_without_its_key() -> None:
    services, run = await ran()
    found = await get_latest_run_on_demand(services, CONFIGURATION, caller=READER)
    assert found.id == run.id


async def test_open_run_is_shown_with_the_counts_of_its_rows_wherever_it_is_read() -> None:
    services, run = await ran()
    shown = [
        await get_run(services, run.id, caller=READER),
        await get_latest_run_on_demand(services, CONFIGURATION, caller=READER),
        *await list_runs(services, GROUP, caller=READER),
        *(await page_runs(services, CONFIGURATION, caller=READER, limit=1)).runs,
    ]
    counts = {Outcome.SUCCEEDED: 4, Outcome.FAILED: 3}
    assert [(one.counts, one.open_jobs) for one in shown] == [(counts, 0)] * 4
    assert {one.status for one in shown} == {run.status}


async def test_open_run_of_one_machine_is_shown_with_the_counts_of_its_rows() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    run = await start_machine_runs(drill.services, a_machine().id, caller=LOCAL)
    await drill.services.jobs.insert(run.id, [a_job(1)])
    shown = [
        await get_machine_run(drill.services, a_machine().id, key=run.key, caller=READER),
        await get_latest_machine_run(drill.services, a_machine().id, caller=READER),
    ]
    assert [one.counts for one in shown] == [{Outcome.FAILED: 1}] * 2


async def test_counts_are_those_of_the_rows_at_every_minute_of_a_run() -> None:
    drill = Drill([a_state(), a_state(a_machine("vm-2"))], takes=2 * MINUTE)
    await drill.configure()
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    differing = []
    for _ in range(8):
        await drill.tick()
        drill.clock.advance(MINUTE)
        shown = await get_run(drill.services, run.id, caller=READER)
        rows = Counter(job.outcome for job in await drill.jobs() if job.outcome)
        if shown.counts != rows:
            differing.append((drill.clock.instant, shown.counts, rows))
    assert differing == []
    assert shown.counts == {Outcome.SUCCEEDED: 2}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_together_hold_every_job_once(limit: int) -> None:
    services, run = await ran()
    seen: list[str] = []
    after = ""
    for _ in range(7):
        page = await list_jobs(services, run.id, caller=READER, limit=limit, after=after)
        assert len(page.jobs) <= limit
        seen += [job.key for job in page.jobs]
        after = page.last
        if not after:
            break
    assert seen == sorted(a_job(number).key for number in range(7))


async def test_jobs_are_filtered_by_outcome() -> None:
    services, run = await ran()
    page = await list_jobs(services, run.id, caller=READER, limit=2, outcome=Outcome.FAILED)
    rest = await list_jobs(
        services, run.id, caller=READER, limit=2, outcome=Outcome.FAILED, after=page.last
    )
    assert [job.outcome for job in (*page.jobs, *rest.jobs)] == [Outcome.FAILED] * 3
    assert rest.last == ""


async def test_updates_are_those_of_the_job() -> None:
    services, run = await ran()
    update = UpdateRecord(name="bash", classification="Security", state=UpdateState.INSTALLED)
    await services.updates.put(run.id, a_job(1).key, [update])
    assert await list_updates(services, run.id, key=a_job(1).key, caller=READER) == [update]
    assert await list_updates(services, run.id, key=a_job(2).key, caller=READER) == []


async def test_what_is_not_there_is_not_found() -> None:
    services, run = await ran()
    elsewhere = RunId(configuration_id=CONFIGURATION + "2", key=run.key)
    for missing in (
        get_run(services, NO_RUN, caller=READER),
        get_run(services, elsewhere, caller=READER),
        get_latest_run_on_demand(services, elsewhere.configuration_id, caller=READER),
        list_jobs(services, NO_RUN, caller=READER, limit=1),
        get_job(services, run.id, key=job_key("/nobody"), caller=READER),
        get_job(services, run.id, key="scope-one", caller=READER),
        list_updates(services, run.id, key="lock", caller=READER),
    ):
        with pytest.raises(NotFoundError):
            await missing
