"""What is sent to a machine, and what its reply proves."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.arm import ArmClient, ArmReply, StaticCredential
from shared.adapters.patching.installing import ask_once, install_body, iso_duration, judge
from shared.application.ports import (
    Accepted,
    InstallOrder,
    InstallReply,
    NotNow,
    Refused,
    Uncertain,
)
from shared.domain.install_patches import (
    PLATFORM_DEFAULT,
    InstallPatches,
    LinuxParameters,
    RebootSetting,
    WindowsParameters,
)
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.updates import CLASSIFICATIONS, Classification
from tests.unit.adapters.wire import Answer, wire

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
HEADER = "azure-asyncoperation"
OPERATION = "https://management.azure.com/subscriptions/s/operations/3001414c-52ae?api-version=1"


def order(install_patches: InstallPatches, os_type: OsType = OsType.WINDOWS) -> InstallOrder:
    machine = Machine(
        id=ID,
        type=MachineType.AZURE_VM,
        subscription="s",
        resource_group="g",
        location="westeurope",
        os_type=os_type,
    )
    return InstallOrder(
        machine=machine,
        os_type=os_type,
        install_patches=install_patches,
        maximum_duration=timedelta(hours=3, minutes=55),
        client_request_id="job-1",
    )


BODIES: dict[str, tuple[InstallPatches, OsType, dict[str, Any]]] = {
    "one system's parameters only": (
        PLATFORM_DEFAULT,
        OsType.LINUX,
        {"linuxParameters": {"classificationsToInclude": ["Critical", "Security"]}},
    ),
    "everything is the full list, in Azure's spelling": (
        InstallPatches(windows=WindowsParameters(classifications=CLASSIFICATIONS[OsType.WINDOWS])),
        OsType.WINDOWS,
        {
            "windowsParameters": {
                "classificationsToInclude": [
                    "Critical",
                    "Security",
                    "UpdateRollUp",
                    "FeaturePack",
                    "ServicePack",
                    "Definition",
                    "Tools",
                    "Updates",
                ]
            }
        },
    ),
    "only named KBs, without empty lists": (
        InstallPatches(windows=WindowsParameters(kbs_to_include=("KB501",))),
        OsType.WINDOWS,
        {"windowsParameters": {"kbNumbersToInclude": ["501"]}},
    ),
    "exclusions of Windows": (
        InstallPatches(
            windows=WindowsParameters(
                classifications=(Classification.SECURITY,),
                kbs_to_exclude=("502",),
                exclude_kbs_requiring_reboot=True,
            )
        ),
        OsType.WINDOWS,
        {
            "windowsParameters": {
                "classificationsToInclude": ["Security"],
                "kbNumbersToExclude": ["502"],
                "excludeKbsRequiringReboot": True,
            }
        },
    ),
    "masks of Linux, versions only where they are included": (
        InstallPatches(
            linux=LinuxParameters(
                masks_to_include=("curl=8.*",),
                masks_to_exclude=("kernel*", "mysql=8.0", "mysql=8.4"),
            )
        ),
        OsType.LINUX,
        {
            "linuxParameters": {
                "packageNameMasksToInclude": ["curl=8.*"],
                "packageNameMasksToExclude": ["kernel*", "mysql"],
            }
        },
    ),
}


@pytest.mark.parametrize(("patches", "os_type", "body"), BODIES.values(), ids=BODIES.keys())
def test_the_body_says_what_was_chosen_and_nothing_more(
    patches: InstallPatches, os_type: OsType, body: dict[str, Any]
) -> None:
    always = {"maximumDuration": "PT3H55M", "rebootSetting": "IfRequired"}
    assert install_body(order(patches, os_type)) == always | body


@pytest.mark.parametrize("setting", RebootSetting)
def test_the_reboot_setting_is_sent_in_azures_spelling(setting: RebootSetting) -> None:
    assert install_body(order(InstallPatches(reboot_setting=setting)))["rebootSetting"] == setting
    assert str(setting) in {"IfRequired", "Never", "Always"}


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(hours=3, minutes=55), "PT3H55M"),
        (timedelta(minutes=30), "PT30M"),
        (timedelta(hours=2), "PT2H"),
        (timedelta(minutes=59, seconds=59), "PT59M"),
        (timedelta(seconds=59), "PT0M"),
        (timedelta(hours=23, minutes=59), "PT23H59M"),
    ],
)
def test_a_duration_is_rounded_down_to_minutes(duration: timedelta, text: str) -> None:
    assert iso_duration(duration) == text


def reply(status: int, **headers: str) -> ArmReply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"code": "Code", "message": "Why."}}
    return ArmReply(status=status, headers=named, body=body)


NAMED = {"azure_asyncoperation": OPERATION}
ACCEPTED = Accepted(operation=OPERATION, activity_id="3001414c-52ae")
LEFT = {
    "x_ms_ratelimit_remaining_resource": "Microsoft.Compute/PatchOperation3Min;189",
    "x_ms_ratelimit_remaining_subscription_writes": "1199",
}
VERDICTS: dict[str, tuple[ArmReply, InstallReply | type[Uncertain]]] = {
    "202 with the operation": (reply(202, **NAMED), ACCEPTED),
    "200 with the operation": (reply(200, **NAMED), ACCEPTED),
    "202 without a header": (reply(202), Uncertain),
    "202 with another header": (reply(202, location=OPERATION), Uncertain),
    "202 with a header that names nothing": (reply(202, azure_asyncoperation="eastus/"), Uncertain),
    "202 with a header that is broken": (reply(202, azure_asyncoperation="https://[/"), Uncertain),
    "201": (reply(201, **NAMED), Uncertain),
    "204": (reply(204), Uncertain),
    "302": (reply(302, location="/x"), Uncertain),
    "408": (reply(408), Uncertain),
    "500": (reply(500), Uncertain),
    "503 with a wait": (reply(503, retry_after="5"), Uncertain),
    "504": (reply(504), Uncertain),
    "400": (reply(400), Refused(message="Code: Why.")),
    "401": (reply(401), Refused(message="Code: Why.")),
    "403": (reply(403), Refused(message="Code: Why.")),
    "404": (reply(404), Refused(message="Code: Why.")),
    "409": (
        reply(409, retry_after="1"),
        NotNow(message="Code: Why.", cause="busy", again_in=timedelta(minutes=5)),
    ),
    "429": (
        reply(429),
        NotNow(message="Code: Why.", cause="throttled", again_in=timedelta(seconds=30)),
    ),
    "429 with a wait": (
        reply(429, retry_after="300"),
        NotNow(message="Code: Why.", cause="throttled", again_in=timedelta(minutes=5)),
    ),
    "202 with what is left": (
        reply(202, **NAMED, **LEFT),
        replace(ACCEPTED, budget_left="Microsoft.Compute/PatchOperation3Min;189,writes;1199"),
    ),
}


@pytest.mark.parametrize(("given", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_only_a_refusal_is_proof(given: ArmReply, verdict: InstallReply | type[Uncertain]) -> None:
    found = judge(given, operation_header=HEADER)
    assert isinstance(found, verdict) if isinstance(verdict, type) else found == verdict


async def ask(url: str, given: InstallOrder) -> InstallReply:
    async with ArmClient(url, StaticCredential(), send_within=timedelta(seconds=0.2)) as arm:
        return await ask_once(arm, given, api_version="1", operation_header=HEADER)


async def test_an_order_is_posted_to_the_machine() -> None:
    async with wire(Answer(status=202, headers={"Azure-AsyncOperation": OPERATION})) as served:
        assert await ask(served.url, order(PLATFORM_DEFAULT)) == ACCEPTED
    [request] = served.requests
    assert request.target == f"{ID}/installPatches?api-version=1"
    assert request.body == install_body(order(PLATFORM_DEFAULT))
    assert request.headers["x-ms-client-request-id"] == "job-1"


@pytest.mark.parametrize(
    "nothing",
    [
        InstallPatches(linux=LinuxParameters(classifications=(Classification.SECURITY,))),
        InstallPatches(windows=WindowsParameters(kbs_to_exclude=("501",))),
    ],
    ids=["no parameters for the system", "only exclusions"],
)
async def test_an_order_for_nothing_is_not_sent_as_everything(nothing: InstallPatches) -> None:
    async with wire(Answer(status=202, headers={"Azure-AsyncOperation": OPERATION})) as served:
        assert isinstance(await ask(served.url, order(nothing)), Refused)
    assert served.requests == []


async def test_an_unreachable_azure_may_be_asked_again() -> None:
    async with wire(Answer()) as served:
        pass
    found = await ask(served.url, order(PLATFORM_DEFAULT))
    assert isinstance(found, NotNow)
    assert found.cause == "unreachable"


@pytest.mark.parametrize("trouble", ["drop", "half", "hang"])
async def test_a_lost_reply_is_uncertain(trouble: Any) -> None:
    async with wire(trouble) as served:
        assert isinstance(await ask(served.url, order(PLATFORM_DEFAULT)), Uncertain)
    assert len(served.requests) == 1
