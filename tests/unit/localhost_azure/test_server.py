"""The local Azure over HTTP: both long-running protocols, the log, the faults, and a process of its own."""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localhost.azure.faults import Faults
from localhost.azure.server import LocalAzure
from tests.unit.localhost_azure.estate import INSTALL_TIME, SUBSCRIPTION, StandingClock

Http = tuple[LocalAzure, aiohttp.ClientSession]
IdOf = Callable[[str], str]

VERSION = {"api-version": "2024-07-01"}
CRITICAL = {
    "rebootSetting": "IfRequired",
    "maximumDuration": "PT2H",
    "windowsParameters": {"classificationsToInclude": ["Critical"]},
    "linuxParameters": {"classificationsToInclude": ["Critical"]},
}


async def install(session: aiohttp.ClientSession, machine_id: str) -> aiohttp.ClientResponse:
    return await session.post(f"{machine_id}/installPatches", params=VERSION, json=CRITICAL)


async def read(session: aiohttp.ClientSession, address: str) -> tuple[int, Any]:
    async with session.get(address) as reply:
        return reply.status, await reply.json()


async def test_compute_operation_is_polled_at_both_addresses(
    http: Http, clock: StandingClock, id_of: IdOf
) -> None:
    _, session = http
    accepted = await install(session, id_of("vm-win"))
    status, location = accepted.headers["Azure-AsyncOperation"], accepted.headers["Location"]
    assert (accepted.status, await accepted.read()) == (202, b"")
    assert "monitor=true" in location

    assert (await read(session, status))[1]["status"] == "InProgress"
    async with session.get(location) as early:
        assert early.status == 202

    clock.advance(INSTALL_TIME)
    _, operation = await read(session, status)
    code, result = await read(session, location)
    assert (operation["status"], code) == ("Succeeded", 200)
    assert operation["properties"]["output"] == result
    assert result["installationActivityId"] == operation["name"]
    assert f"/{operation['name']}?" in status
    states = {patch["patchId"]: patch["installationState"] for patch in result["patches"]}
    assert states == {"w-sec": "NotSelected", "w-crit": "Installed", "w-def": "NotSelected"}
    assert (result["installedPatchCount"], result["notSelectedPatchCount"]) == (1, 2)


async def test_arc_operation_moves_to_a_new_location_at_every_poll(
    http: Http, clock: StandingClock, id_of: IdOf
) -> None:
    _, session = http
    accepted = await install(session, id_of("arc-linux"))
    assert "Azure-AsyncOperation" not in accepted.headers
    locations = [accepted.headers["Location"]]
    for _ in range(2):
        async with session.get(locations[-1]) as poll:
            assert poll.status == 202
            locations.append(poll.headers["Location"])
    assert len(set(locations)) == 3

    clock.advance(INSTALL_TIME)
    status, result = await read(session, locations[-1])
    assert (status, result["status"], result["installedPatchCount"]) == (200, "Succeeded", 1)
    assert f"/{result['installationActivityId']}?" in locations[0]
    assert "patches" not in result


@pytest.mark.parametrize(
    ("name", "count"), [("vm-win", "criticalAndSecurityPatchCount"), ("arc-linux", None)]
)
async def test_assessment_counts_what_is_missing(
    http: Http, clock: StandingClock, id_of: IdOf, name: str, count: str | None
) -> None:
    _, session = http
    accepted = await session.post(f"{id_of(name)}/assessPatches", params=VERSION)
    clock.advance(timedelta(minutes=5))
    status, result = await read(session, accepted.headers["Location"])
    assert (accepted.status, status, result["status"]) == (202, 200, "Succeeded")
    if count:
        assert (result[count], result["otherPatchCount"]) == (2, 1)
    else:
        counts = {"critical": 1, "security": 1, "other": 1}
        assert result["availablePatchCountByClassification"] == counts


async def test_paths_match_without_case_and_machines_keep_their_spelling(
    http: Http, id_of: IdOf
) -> None:
    _, session = http
    address = f"{id_of('vm-win').upper()}?API-VERSION=1&api-version=1&$expand=instanceView"
    _, found = await read(session, address)
    assert found["id"] == id_of("vm-win")
    patch = found["properties"]["osProfile"]["windowsConfiguration"]["patchSettings"]
    assert patch["patchMode"] == "AutomaticByPlatform"
    codes = [status["code"] for status in found["properties"]["instanceView"]["statuses"]]
    assert "PowerState/running" in codes


async def test_states_of_machines_that_cannot_be_reached(http: Http, id_of: IdOf) -> None:
    _, session = http
    _, vm = await read(session, f"{id_of('vm-off')}?api-version=1&$expand=instanceView")
    _, arc = await read(session, f"{id_of('arc-off')}?api-version=1")
    assert vm["properties"]["instanceView"]["statuses"][-1]["code"] == "PowerState/deallocated"
    assert arc["properties"]["status"] == "Disconnected"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        pytest.param(
            "/subscriptions/00000000-0000-0000-0000-000000000000?api-version=1",
            404,
            "SubscriptionNotFound",
            id="subscription",
        ),
        pytest.param(
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute"
            "/virtualMachines/nosuch?api-version=1",
            404,
            "ResourceNotFound",
            id="machine",
        ),
        pytest.param(
            f"/subscriptions/{SUBSCRIPTION}", 400, "MissingApiVersionParameter", id="version"
        ),
        pytest.param(
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/l/operations/x"
            "?api-version=1",
            404,
            "NotFound",
            id="operation",
        ),
    ],
)
async def test_what_does_not_exist_is_refused_in_arms_shape(
    http: Http, address: str, status: int, code: str
) -> None:
    found, body = await read(http[1], address)
    assert (found, body["error"]["code"]) == (status, code)


async def test_known_subscription_is_found(http: Http) -> None:
    status, body = await read(http[1], f"/subscriptions/{SUBSCRIPTION}?api-version=1")
    assert (status, body["subscriptionId"]) == (200, SUBSCRIPTION)


async def test_log_tells_who_asked_what_and_what_came_of_it(
    http: Http, clock: StandingClock, id_of: IdOf
) -> None:
    azure, session = http
    headers = {"x-ms-client-request-id": "job-1", "Authorization": "Bearer secret"}
    for _ in range(2):
        address = f"{id_of('vm-win')}/installPatches"
        async with session.post(address, params=VERSION, json=CRITICAL, headers=headers):
            pass
    first, second = azure.calls.all()
    assert (first.status, second.status) == (202, 409)
    assert first.client_request_id == "job-1"
    assert first.machine == id_of("vm-win")
    assert first.at == clock()
    assert first.authorized
    assert second.effect == ""
    assert azure.calls.installs() == [first]
    _, shown = await read(session, "/_local/installs")
    assert [call["effect"] for call in shown] == [f"accepted {first.activity}"]
    assert "secret" not in json.dumps((await read(session, "/_local/calls"))[1])


@pytest.mark.parametrize(
    ("faults", "accepted"),
    [
        pytest.param(Faults(drop_after_accept=1), 1, id="after it was accepted"),
        pytest.param(Faults(refuse_connection=1), 0, id="before it was accepted"),
    ],
)
async def test_connection_is_dropped(
    http: Http, id_of: IdOf, faults: Faults, accepted: int
) -> None:
    azure, session = http
    azure.faults = faults
    with pytest.raises(aiohttp.ClientConnectionError):
        await install(session, id_of("vm-win"))
    assert [call.status for call in azure.calls.all()] == ["dropped"]
    assert len(azure.calls.installs()) == accepted


async def test_throttled_and_failed_requests_have_no_effect(http: Http, id_of: IdOf) -> None:
    azure, session = http
    azure.faults = Faults(throttle=1)
    throttled = [await install(session, id_of("vm-win")) for _ in range(12)]
    azure.faults = Faults(server_error=1)
    statuses = {(await install(session, id_of("vm-win"))).status for _ in range(12)}
    assert {reply.status for reply in throttled} == {429}
    assert {reply.headers.get("Retry-After") for reply in throttled} == {"5", None}
    assert statuses == {500, 503}
    assert azure.calls.installs() == []
    assert azure.calls.throttled() == []


async def test_reads_have_faults_of_their_own(http: Http, id_of: IdOf) -> None:
    azure, session = http
    azure.faults = Faults(throttle_reads=1)
    assert (await read(session, f"{id_of('vm-win')}?api-version=1"))[0] == 429
    assert (await install(session, id_of("vm-win"))).status == 202


async def test_faults_are_set_over_http(http: Http) -> None:
    azure, session = http
    async with session.post("/_local/faults", json={"seed": 3, "throttle": 0.5}) as reply:
        assert reply.status == 204
    async with session.post("/_local/faults", json={"throttle": 2}) as reply:
        assert reply.status == 400
    assert azure.faults == Faults(seed=3, throttle=0.5)


async def test_fleet_is_shown_as_it_is_now(http: Http, clock: StandingClock, id_of: IdOf) -> None:
    _, session = http
    await install(session, id_of("vm-win"))
    clock.advance(INSTALL_TIME)
    _, machines = await read(session, "/_local/fleet")
    missing = {machine["name"]: machine["missing"] for machine in machines}
    assert missing["vm-win"] == ["w-sec", "w-def"]
    assert len(missing) == 5


async def test_process_of_its_own_serves_and_leaves_its_log(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    options = ["--machines", "3", "--epoch", "2026-03-01T12:00:00", "--origin", "0"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localhost.azure", *options, "--speed", "0", "--calls", str(log)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        base = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(base) as session:
            query = {"query": "resources | summarize machines = count()"}
            address = "/providers/Microsoft.ResourceGraph/resources"
            async with session.post(address, params=VERSION, json=query) as reply:
                assert (await reply.json())["data"] == [{"machines": 3}]
    finally:
        process.kill()
        await process.communicate()
    (line,) = log.read_text().splitlines()
    assert base.startswith("http://127.0.0.1:")
    assert json.loads(line)["at"] == "2026-03-01T12:00:00+00:00"
    assert json.loads(line)["status"] == 200
