"""Reading what happened: runs, jobs page by page, and updates."""

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.application.callers import LOCAL, Caller, Role
from shared.application.configurations import put_configuration
from shared.application.history import (
    get_job,
    get_latest_run_on_demand,
    get_run,
    list_jobs,
    list_runs,
    list_updates,
)
from shared.application.ports import FrozenScope, Services, StoredAssignment
from shared.application.start_run import start_configuration_run
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
)

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
