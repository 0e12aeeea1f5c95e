"""Operations that take their time: Arc's signed addresses, operations that fail themselves, slow changes of a VM."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from localhost.azure.faults import Faults
from localhost.azure.long_running import ADDRESS_LIVES
from localhost.azure.server import LocalAzure
from tests.unit.localhost_azure.estate import INSTALL_TIME, StandingClock

Http = tuple[LocalAzure, aiohttp.ClientSession]
IdOf = Callable[[str], str]

VERSION = {"api-version": "2024-07-01"}
INSTALL = {"rebootSetting": "Never", "maximumDuration": "PT2H"}
CONSENT = {
    "properties": {
        "osProfile": {
            "windowsConfiguration": {
                "patchSettings": {
                    "patchMode": "AutomaticByPlatform",
                    "automaticByPlatformSettings": {
                        "bypassPlatformSafetyChecksOnUserSchedule": True
                    },
                }
            }
        }
    }
}
MINUTE = timedelta(minutes=1)


async def install(session: aiohttp.ClientSession, machine_id: str) -> aiohttp.ClientResponse:
    address = f"{machine_id}/installPatches"
    async with session.post(address, params=VERSION, json=INSTALL) as reply:
        return reply


async def read(session: aiohttp.ClientSession, address: str) -> tuple[int, Any]:
    async with session.get(address) as reply:
        return reply.status, await reply.json() if reply.content_length else None


# --- Arc's addresses -----------------------------------------------------------------------------


async def test_address_that_was_not_given_out_is_forbidden(http: Http, id_of: IdOf) -> None:
    _, session = http
    location = (await install(session, id_of("arc-linux"))).headers["Location"]
    for forged in (
        location.replace("&t=6", "&t=7"),
        location.replace("&s=", "&s=0"),
        location.partition("&t=")[0],
    ):
        status, body = await read(session, forged)
        assert (status, body["error"]["code"]) == (403, "AuthorizationFailed")


async def test_address_that_was_given_out_works_for_an_hour(
    http: Http, clock: StandingClock, id_of: IdOf
) -> None:
    azure, session = http
    azure.faults = Faults(never_ends=1)
    first = (await install(session, id_of("arc-linux"))).headers["Location"]
    async with session.get(first) as poll:
        second = poll.headers["Location"]
    clock.advance(ADDRESS_LIVES)
    assert [(await read(session, one))[0] for one in (first, second)] == [202, 202]
    clock.advance(timedelta(seconds=1))
    assert (await read(session, first))[0] == 404


async def test_operation_is_not_found_at_the_other_provider(http: Http, id_of: IdOf) -> None:
    _, session = http
    address = (await install(session, id_of("vm-win"))).headers["Azure-AsyncOperation"]
    activity = address.partition("?")[0].rpartition("/")[2]
    arc = (await install(session, id_of("arc-linux"))).headers["Location"]
    other = arc.partition("?")[0].rpartition("/")[2]
    assert (await read(session, address.replace(activity, other)))[0] == 404


# --- Compute's operations ------------------------------------------------------------------------


async def test_operation_on_a_vm_that_stopped_has_failed_itself(
    http: Http, clock: StandingClock, id_of: IdOf
) -> None:
    azure, session = http
    azure.faults = Faults(stop_midway=1)
    accepted = await install(session, id_of("vm-win"))
    clock.advance(INSTALL_TIME)
    _, operation = await read(session, accepted.headers["Azure-AsyncOperation"])
    assert (operation["status"], "properties" in operation) == ("Failed", False)
    assert operation["error"]["code"] == "OperationNotAllowed"
    assert (await read(session, accepted.headers["Location"]))[0] == 409


async def changed(session: aiohttp.ClientSession, machine_id: str) -> tuple[int, Any, Any]:
    """Status, body and headers of a PATCH that asks for consent."""
    async with session.patch(machine_id, params=VERSION, json=CONSENT) as reply:
        body = await reply.json() if reply.status == 200 else None
        return reply.status, body, reply.headers


@pytest.fixture
def without_consent(http: Http, id_of: IdOf) -> str:
    azure, _ = http
    return azure.fleet.change(id_of("vm-win"), patch_mode="Manual", bypass_checks=None).id


async def test_change_that_takes_its_time_holds_only_at_its_end(
    http: Http, clock: StandingClock, without_consent: str
) -> None:
    azure, session = http
    azure.faults = Faults(slow_consent=1)
    seen: set[tuple[int, str, int]] = set()
    for _ in range(40):
        azure.fleet.change(without_consent, patch_mode="Manual", bypass_checks=None)
        status, body, headers = await changed(session, without_consent)
        assert status == 202 or body["properties"]["provisioningState"] == "Updating"
        assert not azure.machine(without_consent).bypass_checks
        address, location = headers["Azure-AsyncOperation"], headers["Location"]
        assert (await read(session, location))[0] == 202
        assert (await read(session, address))[1]["status"] == "InProgress"
        assert (await changed(session, without_consent))[0] == 409

        clock.advance(2 * MINUTE)
        _, operation = await read(session, address)
        _, vm = await read(session, f"{without_consent}?api-version=1")
        assert vm["properties"]["provisioningState"] == operation["status"]
        consented = operation["status"] == "Succeeded"
        assert bool(azure.machine(without_consent).bypass_checks) is consented
        end, result = await read(session, location)
        expected = operation["properties"]["output"] if consented else {"error": operation["error"]}
        assert result == expected
        seen.add((status, operation["status"], end))
    ends = {("Succeeded", 200), ("Failed", 409)}
    assert seen == {(status, *end) for status in (200, 202) for end in ends}
