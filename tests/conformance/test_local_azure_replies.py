"""What the local Azure takes and answers, held against Microsoft's definitions, at every operation and stage.

An error that a fault makes and a refusal are replies as well. GET of a subscription belongs to no definition kept here.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from localhost.azure.faults import Faults
from localhost.azure.fleet import Kind
from localhost.azure.generate import generate
from localhost.azure.limits import Allowance, Limits
from localhost.azure.updates import Os
from tests.conformance.azure_definitions import (
    COMPUTE,
    HYBRID_COMPUTE,
    RESOURCE_GRAPH,
    Operation,
    operations,
)
from tests.conformance.local_azure_witness import Witness, witness
from tests.unit.localhost_azure.estate import INSTALL_TIME, machine

VMS, ARC, GRAPH = (operations(one) for one in (COMPUTE, HYBRID_COMPUTE, RESOURCE_GRAPH))
QUERY_PATH = "/providers/Microsoft.ResourceGraph/resources"
EVERYTHING = {
    "rebootSetting": "IfRequired",
    "maximumDuration": "PT2H",
    "windowsParameters": {
        "classificationsToInclude": ["Critical", "Security"],
        "kbNumbersToExclude": ["3"],
        "excludeKbsRequiringReboot": False,
    },
    "linuxParameters": {
        "classificationsToInclude": ["Critical", "Security"],
        "packageNameMasksToExclude": ["tzdata"],
    },
}
EMPTY = Allowance(size=0, period=timedelta(hours=1))
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How one provider calls the operations that both have."""

    kind: Kind
    read: Operation
    install: Operation
    assess: Operation


PROVIDERS = [
    pytest.param(
        Provider(
            kind=Kind.VM,
            read=VMS["VirtualMachines_Get"],
            install=VMS["VirtualMachines_InstallPatches"],
            assess=VMS["VirtualMachines_AssessPatches"],
        ),
        id="Compute",
    ),
    pytest.param(
        Provider(
            kind=Kind.ARC,
            read=ARC["Machines_Get"],
            install=ARC["Machines_InstallPatches"],
            assess=ARC["Machines_AssessPatches"],
        ),
        id="Hybrid Compute",
    ),
]
SYSTEMS = [pytest.param(one, id=str(one)) for one in Os]


# --- machines ------------------------------------------------------------------------------------


async def test_machines_of_all_sorts() -> None:
    async with witness(*generate(150, 1).machines()) as seen:
        for one in seen.azure.machines():
            if one.kind is Kind.ARC:
                await seen.send(ARC["Machines_Get"], one.id)
                continue
            await seen.send(VMS["VirtualMachines_Get"], one.id)
            await seen.send(VMS["VirtualMachines_Get"], f"{one.id}?$expand=instanceView")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_machine_that_is_not_there(provider: Provider) -> None:
    here = machine("here", kind=provider.kind)
    async with witness(here) as seen:
        gone = here.id.replace("here", "gone")
        for operation in (provider.read, provider.install, provider.assess):
            body = EVERYTHING if operation is provider.install else None
            assert (await seen.send(operation, gone, body)).status == 404
            assert (await seen.send(operation, f"/subscriptions/x{gone[14:]}", body)).status == 404


# --- installs and assessments --------------------------------------------------------------------


async def course(seen: Witness, operation: Operation, target: str, body: Any = None) -> Any:
    """Start an operation and follow it to its end at all its addresses; its result."""
    accepted = await seen.send(operation, target, body)
    assert accepted.status == 202
    status, location = accepted.headers.get("Azure-AsyncOperation"), accepted.headers["Location"]
    if status:
        assert (await seen.status(status))["status"] == "InProgress"
    early = await seen.follow(operation, location)
    assert early.status == 202
    seen.clock.advance(HOUR - timedelta(minutes=1))
    if status:
        assert (await seen.status(status))["status"] == "Succeeded"
    return (await seen.follow(operation, early.headers["Location"])).body


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("os", SYSTEMS)
@pytest.mark.parametrize(
    ("changes", "duration", "status"),
    [
        pytest.param({}, "PT2H", "Succeeded", id="all went well"),
        pytest.param({"reboot_fails": True}, "PT2H", "Failed", id="the reboot failed"),
        pytest.param({"failing": {"w-crit", "l-ssl"}}, "PT2H", "Failed", id="an update failed"),
        pytest.param({}, "PT1M", "Failed", id="the window was too short"),
    ],
)
async def test_install_from_its_request_to_its_result(
    provider: Provider, os: Os, changes: dict[str, Any], duration: str, status: str
) -> None:
    one = machine("one", kind=provider.kind, os=os, **changes)
    async with witness(one) as seen:
        body = {**EVERYTHING, "maximumDuration": duration}
        assert (await course(seen, provider.install, one.id, body))["status"] == status


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("os", SYSTEMS)
async def test_assessment_from_its_request_to_its_result(provider: Provider, os: Os) -> None:
    one = machine("one", kind=provider.kind, os=os)
    async with witness(one) as seen:
        assert (await course(seen, provider.assess, one.id))["status"] == "Succeeded"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_install_that_is_refused(provider: Provider) -> None:
    on, off = machine("on", kind=provider.kind), machine("off", kind=provider.kind, reachable=False)
    async with witness(on, off) as seen:
        await seen.send(provider.install, on.id, EVERYTHING)
        assert (await seen.send(provider.install, on.id, EVERYTHING)).status == 409
        assert (await seen.send(provider.install, off.id, EVERYTHING)).status == 409
        assert (await seen.send(provider.install, on.id, {"rebootSetting": "Soon"})).status == 400


async def test_operation_that_failed_itself() -> None:
    one = machine("one")
    async with witness(one, faults=Faults(stop_midway=1)) as seen:
        install = VMS["VirtualMachines_InstallPatches"]
        accepted = await seen.send(install, one.id, EVERYTHING)
        seen.clock.advance(INSTALL_TIME)
        assert (await seen.status(accepted.headers["Azure-AsyncOperation"]))["status"] == "Failed"
        assert (await seen.follow(install, accepted.headers["Location"])).status == 409


async def test_address_that_arc_did_not_give_out() -> None:
    one = machine("one", kind=Kind.ARC)
    async with witness(one) as seen:
        install = ARC["Machines_InstallPatches"]
        accepted = await seen.send(install, one.id, EVERYTHING)
        forged = accepted.headers["Location"].replace("&s=", "&s=0")
        assert (await seen.follow(install, forged)).status == 403


# --- consent -------------------------------------------------------------------------------------


async def test_change_of_a_vm_at_once_and_in_time() -> None:
    one = machine("one", patch_mode="Manual", bypass_checks=None)
    settings = {
        "patchMode": "AutomaticByPlatform",
        "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": True},
    }
    body = {"properties": {"osProfile": {"windowsConfiguration": {"patchSettings": settings}}}}
    update, ends = VMS["VirtualMachines_Update"], set()
    async with witness(one) as seen:
        assert (await seen.send(update, one.id, body)).status == 200
        seen.azure.faults = Faults(slow_consent=1)
        for _ in range(40):
            changed = await seen.send(update, one.id, body)
            assert (await seen.send(update, one.id, body)).status == 409
            seen.clock.advance(HOUR)
            end = await seen.status(changed.headers["Azure-AsyncOperation"])
            await seen.follow(update, changed.headers["Location"])
            await seen.send(VMS["VirtualMachines_Get"], one.id)
            ends.add((changed.status, end["status"]))
    assert ends == {(status, end) for status in (200, 202) for end in ("Succeeded", "Failed")}


# --- Resource Graph ------------------------------------------------------------------------------


async def test_queries_and_their_pages() -> None:
    query = {"query": "resources | order by id asc", "options": {"$top": 4}}
    async with witness(*generate(9, 1).machines()) as seen:
        ask, counts = GRAPH["Resources"], []
        while True:
            page = await seen.send(ask, QUERY_PATH, query)
            counts.append(page.body["count"])
            if "$skipToken" not in page.body:
                break
            query = {**query, "options": {"$top": 4, "$skipToken": page.body["$skipToken"]}}
        assert counts == [4, 4, 1]
        seen.azure.faults = Faults(half_page=1)
        cut = await seen.send(ask, QUERY_PATH, {"query": "resources"})
        assert (cut.body["count"], cut.body["resultTruncated"]) == (4, "true")
        assert (await seen.send(ask, QUERY_PATH, {"query": "no | table"})).status == 400


async def test_query_counts_and_none() -> None:
    async with witness(machine("one")) as seen:
        ask = GRAPH["Resources"]
        await seen.send(ask, QUERY_PATH, {"query": "resources | summarize machines = count()"})
        empty = {"query": "resources", "subscriptions": ["00000000-0000-0000-0000-000000000000"]}
        assert (await seen.send(ask, QUERY_PATH, empty)).body["data"] == []


# --- an Azure under stress -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        pytest.param({"faults": Faults(throttle=1, throttle_reads=1)}, {429}, id="throttled"),
        pytest.param({"faults": Faults(server_error=1, fail_reads=1)}, {500, 503}, id="failing"),
        pytest.param(
            {"limits": Limits(reads=EMPTY, writes=EMPTY, patches_3_min=EMPTY, queries=EMPTY)},
            {429},
            id="limits are used up",
        ),
    ],
)
async def test_stress_speaks_in_the_published_shape(
    options: dict[str, Any], statuses: set[int]
) -> None:
    vm, arc = machine("vm"), machine("arc", kind=Kind.ARC)
    async with witness(vm, arc, **options) as seen:
        found = set()
        for _ in range(4):
            for provider, target in ((VMS, vm), (ARC, arc)):
                for name, operation in provider.items():
                    body = EVERYTHING if name.endswith("_InstallPatches") else None
                    if name.endswith(("_InstallPatches", "_AssessPatches", "s_Get")):
                        found.add((await seen.send(operation, target.id, body)).status)
            reply = await seen.send(GRAPH["Resources"], QUERY_PATH, {"query": "resources"})
            found.add(reply.status)
        assert found == statuses
