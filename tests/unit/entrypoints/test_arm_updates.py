"""The update that a machine can expect, and its assessment."""

from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.domain.updates import Update
from tests.builders import (
    CONFIGURATION,
    GROUP,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
)
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

UPDATES = f"{a_machine().id}/providers/Microsoft.Maintenance/updates"
ASSESSMENT = f"{a_machine().id}/providers/Muster.Maintenance/assessment"
ASSESS = f"/subscriptions/{SUBSCRIPTION}/providers/Muster.Maintenance/assess"
SCOPE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Maintenance/configurationAssignments"
CURL = Update(name="curl", version="8.5", classification="Security", reboot_behavior="NeverReboots")
LIBC = Update(
    name="libc6", version="2.39", classification="Critical", reboot_behavior="CanRequestReboot"
)
VIM = Update(name="vim", version="9.1", classification="Other", reboot_behavior="NeverReboots")


async def assessed(client: ArmClient, fleet: MemoryFleet, *lacking: Update) -> None:
    """The machine's assessment found these."""
    fleet.lacking[a_machine().key] = lacking
    answer = await client.send("POST", ASSESS, {"machines": [a_machine().id]})
    assert [one["answer"] for one in answer.json["value"]] == ["Accepted"]


async def configured(client: ArmClient, document: dict[str, Any] | None = None) -> None:
    await client.put(CONFIGURATION, document or a_configuration())
    assert (await client.put(f"{SCOPE}/all", a_scope())).status == 201


@pytest.mark.parametrize(
    ("lacking", "impact"),
    [((CURL,), "None"), ((LIBC, VIM), "Restart")],
    ids=["never reboots", "may reboot"],
)
async def test_what_the_next_window_brings_is_pending(
    client: ArmClient, fleet: MemoryFleet, lacking: tuple[Update, ...], impact: str
) -> None:
    await configured(client)
    await assessed(client, fleet, *lacking)
    assert (await client.get(UPDATES)).json == {
        "value": [
            {
                "maintenanceScope": "InGuestPatch",
                "impactType": impact,
                "status": "Pending",
                "notBefore": WINDOW_OPENS.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "properties": {"resourceId": a_machine().id},
            }
        ]
    }


async def test_nothing_is_pending_that_nobody_selects(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client)
    assert (await client.get(UPDATES)).json == {"value": []}
    await assessed(client, fleet, VIM)
    assert (await client.get(UPDATES)).json == {"value": []}


async def test_nothing_is_pending_where_no_window_opens(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client, a_configuration(expirationDateTime="2026-06-01 03:00"))
    await assessed(client, fleet, CURL)
    assert (await client.get(UPDATES)).json == {"value": []}


async def test_updates_of_what_muster_does_not_patch_are_none(client: ArmClient) -> None:
    other = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    path = f"{other}/providers/Microsoft.Maintenance/updates"
    assert (await client.get(path)).json == {"value": []}


async def test_updates_of_a_machine_that_is_gone_are_not_found(client: ArmClient) -> None:
    assert_arm_error(await client.get(UPDATES.replace("vm-1", "vm-2")), 404, "ResourceNotFound")


# --- assessments ---------------------------------------------------------------------------------


async def test_assessment_shows_what_a_machine_lacks_and_who_asked(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    assert_arm_error(await client.get(ASSESSMENT), 404, "ResourceNotFound")
    await assessed(client, fleet, CURL, VIM)
    found = (await client.get(ASSESSMENT)).json
    assert found["id"] == ASSESSMENT
    assert found["properties"] == {
        "resourceId": a_machine().id,
        "osType": "Linux",
        "status": "Succeeded",
        "assessedTime": "2026-06-01T12:00:00Z",
        "rebootPending": False,
        "requestedTime": "2026-06-01T12:00:00Z",
        "requestedBy": "local",
        "counts": {"Other": 1, "Security": 1},
        "updates": [
            {
                "name": name,
                "version": version,
                "classification": classification,
                "rebootBehavior": "NeverReboots",
            }
            for name, version, classification in (
                ("curl", "8.5", "Security"),
                ("vim", "9.1", "Other"),
            )
        ],
    }


async def test_assessment_that_was_read_once_stays_until_there_is_a_newer_one(
    client: ArmClient, fleet: MemoryFleet, clock: MemoryClock
) -> None:
    await assessed(client, fleet, CURL)
    first = (await client.get(ASSESSMENT)).json
    fleet.assessments.clear()
    assert (await client.get(ASSESSMENT)).json == first
    clock.instant = WINDOW_OPENS
    await assessed(client, fleet)
    second = (await client.get(ASSESSMENT)).json["properties"]
    assert (second["updates"], second["assessedTime"]) == ([], "2026-06-02T02:00:00Z")


async def test_only_machines_are_assessed(client: ArmClient) -> None:
    path = f"{GROUP}/providers/Microsoft.Compute/disks/d/providers/Muster.Maintenance/assessment"
    assert_arm_error(await client.get(path), 400, "InvalidParameter")
