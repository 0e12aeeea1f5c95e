"""Runs over HTTP: start, cancel, read, and the jobs and updates beneath."""

from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.application.callers import LOCAL
from shared.application.start_run import start_configuration_run
from shared.domain.machine import MachineType, OsType
from shared.domain.records import Job, RunId, UpdateCounts, job_key
from shared.domain.run import Outcome, Phase, Reason
from shared.domain.updates import UpdateRecord, UpdateState
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
)
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

UPDATES = "/providers/Microsoft.Maintenance/applyUpdates"
RUNS = CONFIGURATION + UPDATES
COMING = f"{RUNS}/{WINDOW_OPENS:%Y%m%d%H%M%S}"
CANCEL = {"properties": {"status": "Cancel"}}


async def configured(client: ArmClient) -> None:
    """A configuration with a scope over everything."""
    await client.put(CONFIGURATION, a_configuration())
    scope = (
        f"{GROUP.replace('ops', 'web')}/providers/Microsoft.Maintenance/configurationAssignments"
    )
    assert (await client.put(f"{scope}/all", a_scope())).status == 201


async def test_started_run_is_shown_as_an_apply_update(client: ArmClient) -> None:
    await configured(client)
    run = (await client.put(f"{RUNS}/default")).json
    assert run["id"] == f"{RUNS}/{run['name']}"
    assert run["type"] == "Microsoft.Maintenance/applyUpdates"
    properties = run["properties"]
    assert properties["status"] == "Pending"
    assert properties["resourceId"] == CONFIGURATION
    assert properties["kind"] == "OnDemand"
    assert properties["lastUpdateTime"] == "2026-06-01T12:00:00Z"
    assert properties["windowEndTime"] == "2026-06-01T15:00:00Z"
    assert properties["counts"]["succeeded"] == 0
    assert properties["createdBy"] == "local"
    assert "endTime" not in properties
    assert (await client.put(f"{RUNS}/default")).json == run
    assert (await client.get(run["id"])).json == run
    assert (await client.get(f"{RUNS}/default")).json == run
    for scope in (CONFIGURATION, GROUP, f"/subscriptions/{SUBSCRIPTION}"):
        assert (await client.get(scope + UPDATES)).json == {"value": [run]}


async def test_run_of_one_machine_names_it(client: ArmClient) -> None:
    await configured(client)
    run = (await client.put(f"{a_machine().id}{UPDATES}/default")).json
    assert run["id"].startswith(RUNS)
    assert run["properties"]["targetResourceId"] == a_machine().id


async def test_run_of_one_machine_is_read_and_cancelled_there_too(client: ArmClient) -> None:
    await configured(client)
    runs = f"{a_machine().id}{UPDATES}"
    assert_arm_error(await client.get(f"{runs}/default"), 404, "ResourceNotFound")
    run = (await client.put(f"{runs}/default")).json
    assert (await client.get(f"{runs}/{run['name']}")).json == run
    assert (await client.get(f"{runs}/default")).json == run
    cancelled = (await client.put(f"{runs}/{run['name']}", CANCEL)).json
    assert cancelled["properties"]["cancelledBy"] == "local"
    assert_arm_error(await client.get(f"{runs}/20200101000001"), 404, "ResourceNotFound")


async def test_run_of_all_machines_is_not_cancelled_at_one(client: ArmClient) -> None:
    run_id = await with_jobs(client, 2)
    at_machine = f"{a_machine().id}{UPDATES}/{run_id.rpartition('/')[2]}"
    assert (await client.get(at_machine)).json["id"] == run_id
    error = assert_arm_error(await client.put(at_machine, CANCEL), 409, "Conflict")
    assert run_id in error["message"]


async def test_runs_of_a_configuration_come_in_pages_and_by_status(
    client: ArmClient, clock: MemoryClock
) -> None:
    await configured(client)
    names = []
    for day in (2, 3, 4):
        run = (await client.put(f"{RUNS}/2026060{day}020000", CANCEL)).json
        names.append(run["name"])
    names.insert(0, (await client.put(f"{RUNS}/default")).json["name"])
    found: list[str] = []
    url = f"{RUNS}?$top=3&api-version=2023-04-01"
    while url:
        page = (await client.get(url, version="")).json
        found += [run["name"] for run in page["value"]]
        url = page.get("nextLink", "").removeprefix("http://127.0.0.1:7071")
    assert found == names
    pending = (await client.get(f"{RUNS}?status=pending")).json["value"]
    assert [run["name"] for run in pending] == names[:1]
    error = assert_arm_error(await client.get(f"{RUNS}?status=Done"), 400, "InvalidParameter")
    assert (error["target"], "Missed" in error["message"]) == ("status", True)


async def test_machine_without_configuration_has_nothing_to_start(client: ArmClient) -> None:
    answer = await client.put(f"{a_machine().id}{UPDATES}/default")
    assert_arm_error(answer, 404, "ResourceNotFound")


async def test_coming_run_is_cancelled_before_its_start(client: ArmClient) -> None:
    await configured(client)
    cancelled = await client.put(COMING, CANCEL)
    assert cancelled.status == 200
    assert cancelled.json["properties"]["status"] == "Cancelled"
    assert cancelled.json["properties"]["cancelledBy"] == "local"
    assert (await client.get(COMING)).json == cancelled.json


async def test_cancellation_of_an_open_run_is_answered_before_the_run_has_ended(
    client: ArmClient,
) -> None:
    await configured(client)
    run = (await client.put(f"{RUNS}/default")).json
    cancelled = (await client.put(run["id"], CANCEL)).json["properties"]
    assert cancelled["status"] == "Cancelled"
    shown = (await client.get(run["id"])).json["properties"]
    assert shown == cancelled | {"status": "Pending"}


async def test_time_that_is_no_occurrence_is_answered_and_not_stored(client: ArmClient) -> None:
    await configured(client)
    path = f"{RUNS}/19700101000000"
    assert (await client.put(path, CANCEL)).json["properties"]["status"] == "Cancelled"
    assert_arm_error(await client.get(path), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("name", "body", "target"),
    [
        pytest.param("20260602020000", {}, "properties", id="no properties"),
        pytest.param(
            "20260602020000",
            {"properties": {"status": "Completed"}},
            "properties.status",
            id="another status",
        ),
        pytest.param("default", CANCEL, "properties.status", id="to cancel, a run is named"),
        pytest.param("tonight", CANCEL, None, id="a name that is no time"),
    ],
)
async def test_what_is_no_wish_to_cancel_is_refused(
    client: ArmClient, name: str, body: dict[str, Any], target: str | None
) -> None:
    await configured(client)
    answer = await client.put(f"{RUNS}/{name}", body)
    assert assert_arm_error(answer, 400, "InvalidParameter").get("target") == target
    assert (await client.get(RUNS)).json == {"value": []}


@pytest.mark.parametrize("name", ["tonight", "request-1", "active-on-demand-", "2026060202000"])
async def test_only_the_name_of_a_run_is_looked_up(client: ArmClient, name: str) -> None:
    """Rows of other kinds lie beside the runs."""
    await configured(client)
    await client.put(f"{RUNS}/default")
    assert_arm_error(await client.get(f"{RUNS}/{name}"), 400, "InvalidParameter")


# --- jobs ----------------------------------------------------------------------------------------


async def with_jobs(client: ArmClient, count: int) -> str:
    """The id of a run that has so many jobs; the first failed, the others wait."""
    await configured(client)
    run = await start_configuration_run(client.services, CONFIGURATION, caller=LOCAL)
    machines = [a_machine(f"vm-{number}") for number in range(count)]
    failed = {
        "phase": Phase.ENDED,
        "outcome": Outcome.FAILED,
        "reason": Reason.INSTALL_FAILED,
        "message": "One update failed.",
        "starting_at": DAY_BEFORE,
        "maximum_duration": run.duration,
        "operation": "https://management.azure.com/signed?s=secret",
        "counts": UpdateCounts(installed=2, failed=1),
    }
    jobs = [
        Job(
            key=job_key(machine.id),
            machine_id=machine.id,
            machine_type=MachineType.AZURE_VM,
            subscription=SUBSCRIPTION,
            os_type=OsType.LINUX,
            **(failed if machine is machines[0] else {"held_by": Reason.BUSY}),
        )
        for machine in machines
    ]
    await client.services.jobs.insert(run.id, jobs)
    return run.id.text


async def test_job_tells_what_an_administrator_wants_to_know(client: ArmClient) -> None:
    run_id = await with_jobs(client, 2)
    (job,) = (await client.get(f"{run_id}/jobs?outcome=failed")).json["value"]
    assert job["id"] == f"{run_id}/jobs/{job['name']}"
    assert (await client.get(job["id"])).json == job
    assert job["properties"] == {
        "resourceId": a_machine("vm-0").id,
        "resourceType": "Microsoft.Compute/virtualMachines",
        "subscriptionId": SUBSCRIPTION,
        "osType": "Linux",
        "phase": "ended",
        "outcome": "Failed",
        "reason": "InstallFailed",
        "message": "One update failed.",
        "startTime": "2026-06-01T12:00:00Z",
        "maximumDuration": "PT3H",
        "adopted": False,
        "counts": {"installed": 2, "failed": 1, "pending": 0, "excluded": 0, "notSelected": 0},
        "trace": [],
    }


async def test_job_that_waits_says_what_holds_it(client: ArmClient) -> None:
    run_id = await with_jobs(client, 2)
    key = job_key(a_machine("vm-1").id)
    job = (await client.get(f"{run_id}/jobs/{key}")).json["properties"]
    assert (job["phase"], job["heldBy"]) == ("queued", "Busy")
    assert "reason" not in job
    assert "outcome" not in job


async def test_signed_addresses_stay_inside(client: ArmClient) -> None:
    run_id = await with_jobs(client, 1)
    assert b"secret" not in (await client.get(f"{run_id}/jobs")).content


async def test_pages_lead_to_each_other(client: ArmClient) -> None:
    run_id = await with_jobs(client, 5)
    url = f"{run_id}/jobs?$top=2"
    names: list[str] = []
    for expected in (2, 2, 1):
        page = (await client.get(url)).json
        assert len(page["value"]) == expected
        names += [job["name"] for job in page["value"]]
        link = page.get("nextLink", "")
        url = link.removeprefix("http://127.0.0.1:7071").replace("api-version=2023-04-01&", "")
    assert link == ""
    assert len(set(names)) == 5


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("$top=0", "$top"),
        ("$top=1001", "$top"),
        ("$top=-1", "$top"),
        ("$top=１", "$top"),
        ("$skipToken=x' or '1", "$skipToken"),
        ("outcome=Lost", "outcome"),
    ],
)
async def test_senseless_pages_are_refused(client: ArmClient, query: str, target: str) -> None:
    run_id = await with_jobs(client, 1)
    answer = await client.get(f"{run_id}/jobs?{query}")
    assert assert_arm_error(answer, 400, "InvalidParameter")["target"] == target


async def test_updates_of_a_job_are_listed(client: ArmClient) -> None:
    run_id = await with_jobs(client, 1)
    key = job_key(a_machine("vm-0").id)
    update = UpdateRecord(
        name="bash", version="5.2", classification="Security", state=UpdateState.FAILED
    )
    await client.services.updates.put(RunId.parse(run_id), key, [update])
    assert (await client.get(f"{run_id}/jobs/{key}/updates")).json == {
        "value": [
            {
                "name": "bash",
                "version": "5.2",
                "classification": "Security",
                "installationState": "Failed",
            }
        ]
    }


async def test_run_shows_who_cancelled_it(client: ArmClient, clock: MemoryClock) -> None:
    run_id = await with_jobs(client, 1)
    clock.instant = WINDOW_OPENS
    cancelled = (await client.put(run_id, CANCEL)).json["properties"]
    assert cancelled["cancelledBy"] == "local"
    assert cancelled["reason"] == "CancelledByCaller"
    assert cancelled["lastUpdateTime"] == "2026-06-02T02:00:00Z"
