"""VMs and Arc servers: how they are looked at, and what becomes of asking after an install."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.patching.azure import AzurePatching
from shared.domain.machine import MachineState, MachineType, OsType
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.domain.updates import UpdateState
from shared.errors import UnavailableError
from tests.unit.adapters.wire import Answer, Wire, wire

RECORDED = json.loads(
    (Path(__file__).parents[2] / "data" / "recorded_installs.json").read_text(encoding="utf-8")
)
NOW = datetime(2026, 1, 15, 3, tzinfo=UTC)
STARTED = datetime(2026, 1, 15, 2, tzinfo=UTC)
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/Shop/providers"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/Till-1"
ARC = f"{GROUP}/Microsoft.HybridCompute/machines/Till-2"
IDS = {MachineType.AZURE_VM: VM, MachineType.ARC_SERVER: ARC}


class Noon:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    async def sleep(self, delay: timedelta) -> None:
        raise AssertionError(f"nobody waits, least of all {delay}")


async def inspect(
    document: dict[str, Any], machine_type: MachineType = MachineType.AZURE_VM
) -> tuple[MachineState | None, Wire]:
    async with (
        wire(Answer(body=document)) as served,
        ArmClient(served.url, StaticCredential()) as arm,
    ):
        state = await AzurePatching(arm, Noon()).inspect(IDS[machine_type].lower(), machine_type)
    return state, served


def vm(
    *,
    os: str = "Windows",
    settings: Any = None,
    power: str = "PowerState/running",
    profile: str = "windowsConfiguration",
) -> dict[str, Any]:
    return {
        "id": VM,
        "location": "westeurope",
        "tags": {"env": "prod"},
        "properties": {
            "storageProfile": {"osDisk": {"osType": os}},
            "osProfile": {profile: {"patchSettings": settings}},
            "instanceView": {
                "statuses": [{"code": "ProvisioningState/succeeded"}, {"code": power}]
            },
        },
    }


CONSENT = {
    "patchMode": "AutomaticByPlatform",
    "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": True},
}


async def test_a_vm_is_shown_with_its_power_and_its_consent() -> None:
    state, served = await inspect(vm(settings=CONSENT))
    assert state
    assert (state.running, state.patch_mode, state.bypass_checks) == (
        True,
        "AutomaticByPlatform",
        True,
    )
    machine = state.machine
    assert (machine.id, machine.os_type, machine.tags) == (VM, OsType.WINDOWS, {"env": "prod"})
    assert (machine.resource_group, machine.location) == ("Shop", "westeurope")
    assert served.requests[0].target.replace("%24", "$") == (
        f"{VM.lower()}?api-version=2024-07-01&$expand=instanceView"
    )


NO_CONSENT = {
    "settings of the other system": vm(settings=CONSENT, os="Linux"),
    "no settings": vm(),
    "no bypass": vm(settings={"patchMode": "AutomaticByPlatform"}),
    "a bypass that is text": vm(
        settings={
            "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": "true"}
        }
    ),
}


@pytest.mark.parametrize("document", NO_CONSENT.values(), ids=NO_CONSENT.keys())
async def test_consent_is_never_assumed(document: dict[str, Any]) -> None:
    state, _served = await inspect(document)
    assert state
    assert state.bypass_checks is False


@pytest.mark.parametrize("power", ["PowerState/deallocated", "PowerState/starting", ""])
async def test_a_vm_that_does_not_say_running_is_not(power: str) -> None:
    state, _served = await inspect(vm(settings=CONSENT, power=power))
    assert state
    assert state.running is False


@pytest.mark.parametrize(
    ("properties", "connected", "os_type"),
    [
        ({"status": "Connected", "osType": "linux"}, True, OsType.LINUX),
        ({"status": "Disconnected", "osType": "windows"}, False, OsType.WINDOWS),
        ({"status": "Expired", "osType": None, "osName": "windows"}, False, OsType.WINDOWS),
        ({"status": None, "osType": None}, False, None),
    ],
)
async def test_an_arc_server_is_shown_with_its_connection(
    properties: dict[str, Any], connected: bool, os_type: OsType | None
) -> None:
    document = {"id": ARC, "location": "westeurope", "tags": None, "properties": properties}
    state, _served = await inspect(document, MachineType.ARC_SERVER)
    assert state
    assert (state.connected, state.machine.os_type) == (connected, os_type)
    assert (state.running, state.machine.tags) == (None, {})


@pytest.mark.parametrize("document", [{}, {"id": "x"}, []], ids=["empty", "no id", "a list"])
async def test_an_answer_that_is_no_machine_is_no_answer(document: Any) -> None:
    with pytest.raises(UnavailableError):
        await inspect(document)


async def ask_after(
    machine_type: MachineType, *answers: Answer, operation: str = "{url}/operations/a1"
) -> tuple[InstallReport | None, Wire]:
    async with (
        wire(*answers) as served,
        ArmClient(served.url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        job = a_job(machine_type, operation.format(url=served.url))
        return await AzurePatching(arm, Noon()).ask_after(job), served


def a_job(machine_type: MachineType, operation: str) -> Job:
    return Job(
        key="k",
        machine_id=IDS[machine_type],
        machine_type=machine_type,
        subscription="s",
        starting_at=STARTED,
        operation=operation,
        activity_id="a1",
    )


async def test_a_recorded_vm_operation_is_followed_to_its_end() -> None:
    recorded = RECORDED["windows_vm"]
    early, _ = await ask_after(MachineType.AZURE_VM, Answer(body=recorded["in_progress"]["reply"]))
    assert early
    assert (early.status, early.is_final, early.updates) == ("InProgress", False, None)
    assert early.started_at == datetime(2021, 4, 8, 4, 37, 26, 612554, tzinfo=UTC)
    final, _ = await ask_after(MachineType.AZURE_VM, Answer(body=recorded["ended"]["reply"]))
    assert final
    assert (final.status, final.counts.installed) == ("Succeeded", 2)
    assert final.modified_at == datetime(2021, 4, 8, 4, 41, 14, 732364, tzinfo=UTC)
    assert final.updates
    assert {one.state for one in final.updates} == {UpdateState.INSTALLED, UpdateState.NOT_SELECTED}


async def test_a_recorded_arc_operation_is_followed_to_its_end() -> None:
    recorded = RECORDED["arc_server"]
    early, _ = await ask_after(MachineType.ARC_SERVER, Answer(status=202))
    assert early
    assert (early.status, early.started_at, early.modified_at) == ("InProgress", STARTED, NOW)
    final, _ = await ask_after(MachineType.ARC_SERVER, Answer(body=recorded["ended"]["reply"]))
    assert final
    assert (final.status, final.activity_id) == (
        "Succeeded",
        "8aeeffaf-b6f1-4291-be02-1c807e09f491",
    )


ERROR = {"code": "VMAgentStatusCommunicationError", "message": "The agent is silent."}
ENDED_WITHOUT_OUTPUT = {
    "failed": ("Failed", "Failed", True),
    "cancelled": ("Canceled", "Failed", True),
    "succeeded, but at what": ("Succeeded", "Unknown", False),
    "a word of its own": ("Updating", "InProgress", False),
}


@pytest.mark.parametrize(
    ("word", "status", "final"), ENDED_WITHOUT_OUTPUT.values(), ids=ENDED_WITHOUT_OUTPUT.keys()
)
async def test_an_operation_without_output_claims_no_more_than_it_says(
    word: str, status: str, final: bool
) -> None:
    report, _ = await ask_after(
        MachineType.AZURE_VM, Answer(body={"status": word, "error": ERROR, "name": "a1"})
    )
    assert report
    assert (report.status, report.is_final, report.updates) == (status, final, None)
    assert report.error == "VMAgentStatusCommunicationError: The agent is silent."


@pytest.mark.parametrize("machine_type", IDS)
@pytest.mark.parametrize("status", [404, 410])
async def test_an_operation_that_azure_forgot_is_not_known(
    machine_type: MachineType, status: int
) -> None:
    report, served = await ask_after(machine_type, Answer(status=status))
    assert report is None
    assert len(served.requests) == 1


@pytest.mark.parametrize("machine_type", IDS)
@pytest.mark.parametrize("operation", ["", "https://example.org/operations/a1"])
async def test_no_other_host_is_asked(machine_type: MachineType, operation: str) -> None:
    report, served = await ask_after(machine_type, Answer(), operation=operation)
    assert report is None
    assert served.requests == []


@pytest.mark.parametrize("machine_type", IDS)
@pytest.mark.parametrize("status", [401, 403, 500])
async def test_an_azure_that_does_not_say_is_unavailable(
    machine_type: MachineType, status: int
) -> None:
    with pytest.raises(UnavailableError):
        await ask_after(machine_type, Answer(status=status))


ADDRESS = "{url}/subscriptions/s/providers/Microsoft.HybridCompute/operations/A1?t=%s&s=x"
NEXT: dict[str, tuple[Answer, str]] = {
    "signed anew": (Answer(status=202, headers={"Location": ADDRESS % "2"}), ADDRESS % "2"),
    "in another case": (
        Answer(status=202, headers={"Location": (ADDRESS % "2").replace("/s/", "/S/")}),
        (ADDRESS % "2").replace("/s/", "/S/"),
    ),
    "not named": (Answer(status=202), ""),
    "of another install": (
        Answer(status=202, headers={"Location": (ADDRESS % "2").replace("A1", "A2")}),
        "",
    ),
    "elsewhere": (
        Answer(status=202, headers={"Location": "https://example.org/operations/A1?t=2"}),
        "",
    ),
    "not needed any more": (
        Answer(body={"status": "Succeeded"}, headers={"Location": ADDRESS % "2"}),
        "",
    ),
}


@pytest.mark.parametrize(("answer", "operation"), NEXT.values(), ids=NEXT.keys())
async def test_arc_install_is_asked_after_next_at_its_newest_address(
    answer: Answer, operation: str
) -> None:
    async with (
        wire(answer) as served,
        ArmClient(served.url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        location = {name: text.format(url=served.url) for name, text in answer.headers.items()}
        served.script[:] = [Answer(status=answer.status, headers=location, body=answer.body)]
        job = a_job(MachineType.ARC_SERVER, (ADDRESS % "1").format(url=served.url))
        report = await AzurePatching(arm, Noon()).ask_after(job)
    assert report
    assert report.operation == operation.format(url=served.url)


async def test_vm_install_keeps_its_one_address() -> None:
    headers = {"Location": "{url}/operations/a1?t=2", "Azure-AsyncOperation": "{url}/other"}
    report, _ = await ask_after(
        MachineType.AZURE_VM, Answer(headers=headers, body={"status": "InProgress"})
    )
    assert report
    assert report.operation == ""
