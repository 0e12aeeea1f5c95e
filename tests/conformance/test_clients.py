"""Microsoft's own Python clients of both generations, sync and async, go through a whole life cycle."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from localhost.azure.fleet import Kind, Machine
from tests.builders import a_configuration
from tests.conformance.environments import environment
from tests.conformance.exchange import put_all, send
from tests.integration.app import App

pytestmark = pytest.mark.asyncio(loop_scope="module")

# More than a page, so that the newer client has to follow a link; the older one gets all at once.
CROWD = [f"crowd-{number:03}" for number in range(110)]
SCRIPT = Path(__file__).with_name("sdk_client.py")
CORE = ("azure-core==1.41.0", "aiohttp==3.14.5")


def a_vm(app: App) -> Machine:
    return next(one for one in app.azure.fleet.machines() if one.kind is Kind.VM)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def crowd(app: App) -> None:
    """Many configurations beside those of the clients."""
    group = f"/subscriptions/{a_vm(app).subscription}/resourceGroups/crowd"
    place = f"{group}/providers/Microsoft.Maintenance/maintenanceConfigurations"
    answers = await put_all(app, {f"{place}/{name}": a_configuration() for name in CROWD})
    assert {answer.status for answer in answers} == {201}


async def life_cycle(app: App, version: str, flavour: str) -> dict[str, Any]:
    """What the client of that version and flavour was told."""
    python = environment(
        f"azure-mgmt-maintenance-{version}", [f"azure-mgmt-maintenance=={version}", *CORE]
    )
    machine = a_vm(app)
    process = await asyncio.create_subprocess_exec(
        python,
        SCRIPT,
        app.host.url,
        machine.subscription,
        f"{machine.resource_group}/{machine.name}",
        flavour,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    told: dict[str, Any] = json.loads(output)
    return told


@pytest.mark.parametrize("version", ["2.1.0", "2.2.0b4"])
@pytest.mark.parametrize("flavour", ["sync", "async"])
async def test_client_goes_through_a_whole_life_cycle(app: App, version: str, flavour: str) -> None:
    told = await life_cycle(app, version, flavour)
    name = told["created"]["name"]
    check_configuration(told, name)
    check_assignments(told, name)
    check_runs(told)
    await check_the_run_ends(app, told)
    check_deletions(told, name)


def check_configuration(told: dict[str, Any], name: str) -> None:
    window = told["created"]["properties"]["maintenanceWindow"]
    assert window["recurEvery"] == "Week Saturday,Sunday"
    assert told["created"]["tags"] == {"Env": "Prod"}
    assert told["got"] == told["created"]
    changed = told["changed"]["properties"]
    assert changed["maintenanceWindow"] == window | {"recurEvery": "2Days"}
    assert changed["installPatches"] == told["created"]["properties"]["installPatches"]
    listed = [one["name"] for one in told["listed"]]
    assert listed.count(name) == 1
    assert [one for one in listed if one in CROWD] == CROWD
    assert name in [one["name"] for one in told["listed_in_group"]]


def check_assignments(told: dict[str, Any], name: str) -> None:
    tags = {"tagSettings": {"tags": {"env": ["prod"]}, "filterOperator": "Any"}}
    assert told["dynamic"]["properties"]["filter"] == {"osTypes": ["Linux"]} | tags
    changed = told["dynamic_changed"]["properties"]["filter"]
    assert changed["tagSettings"]["tags"] == {"env": ["test"]}
    assert told["in_group"]["properties"]["resourceId"].endswith("/sdk")
    assert told["static"]["properties"]["maintenanceConfigurationId"] == told["created"]["id"]
    assert [one["id"] for one in told["of_machine"]] == [told["static"]["id"]]
    assert [one["name"] for one in told["assignments"]].count(name) == 3


def check_runs(told: dict[str, Any]) -> None:
    run = told["started"]["id"]
    assert told["started"]["properties"]["status"] == "Pending"
    assert told["status"]["id"] == run
    for listed in (told["runs"], told["runs_in_group"]):
        assert run in [one["id"] for one in listed]
    for cancelled in ("cancelled", "coming_cancelled"):
        assert told[cancelled]["properties"]["status"] == "Cancelled"


async def check_the_run_ends(app: App, told: dict[str, Any]) -> None:
    """Deleting its configuration took nothing away from a run that was cancelled before."""
    await app.host.advance_to(app.clock.now() + timedelta(minutes=1))
    run = (await send(app, "GET", told["started"]["id"])).body["properties"]
    assert (run["status"], run["reason"]) == ("Cancelled", "CancelledByCaller")


def check_deletions(told: dict[str, Any], name: str) -> None:
    for deleted in ("static_deleted", "dynamic_deleted", "deleted"):
        assert told[deleted]["name"] == name
    assert told["deleted_again"] is None
    missing = {"kind": "ResourceNotFoundError", "status": 404, "code": "ResourceNotFound"}
    assert told["gone"] == missing
    assert told["gone_with_it"] == missing
    assert told["refused"] == {
        "kind": "HttpResponseError",
        "status": 400,
        "code": "InvalidParameter",
    }
