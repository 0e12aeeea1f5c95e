"""The preview of a configuration over HTTP: stored and unsaved, and what each machine is told."""

from typing import Any

import pytest

from shared.adapters.memory.machines import MemoryFleet
from shared.domain.machine import MachineState, MachineType, OsType
from shared.domain.updates import Update
from tests.builders import (
    CONFIGURATION,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.unit.entrypoints.arm_client import Answer, ArmClient, assert_arm_error

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
ASSIGNMENTS = "/providers/Microsoft.Maintenance/configurationAssignments"
PREVIEW = f"{CONFIGURATION}/preview"
WINDOWS = a_machine("vm-2", os_type=OsType.WINDOWS)
ARC = a_machine("arc-1", machine_type=MachineType.ARC_SERVER)


def add(fleet: MemoryFleet, *states: MachineState) -> None:
    fleet.states |= {state.machine.key: state for state in states}


async def preview(client: ArmClient, body: Any = None, query: str = "") -> Answer:
    return await client.send("POST", PREVIEW + query, body)


async def configured(client: ArmClient) -> str:
    """A configuration with a scope over everything; the scope's id."""
    await client.put(CONFIGURATION, a_configuration())
    scope = f"{WHOLE}{ASSIGNMENTS}/all"
    assert (await client.put(scope, a_scope())).status == 201
    return scope


def linux(*classifications: str) -> dict[str, Any]:
    document = a_configuration()
    chosen = {"classificationsToInclude": list(classifications)}
    document["properties"]["installPatches"] = {"linuxParameters": chosen}
    return document


def codes(answer: Answer) -> set[str]:
    return {one["code"] for one in answer.json["warnings"]}


async def test_machines_are_told_apart_and_by_what_they_are_matched(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    scope = await configured(client)
    add(fleet, a_state(WINDOWS, bypass_checks=False), a_state(ARC, connected=False))
    static = f"{a_machine().id}{ASSIGNMENTS}/one"
    assignment = {"properties": {"maintenanceConfigurationId": CONFIGURATION}}
    assert (await client.put(static, assignment)).status == 201
    found = (await preview(client)).json
    assert (found["machineCount"], found["patchedCount"]) == (3, 1)
    told = {one["name"]: one["properties"] for one in found["value"]}
    assert list(told) == ["vm-1", "vm-2", "arc-1"]
    assert told["vm-1"] == {
        "location": "westeurope",
        "osType": "Linux",
        "matchedBy": [scope, static],
        "willBePatched": True,
    }
    assert told["vm-2"]["reason"] == "PrerequisitesNotMet"
    assert told["arc-1"]["reason"] == "NotConnected"
    assert "azcmagent" in told["arc-1"]["message"]


async def test_next_five_occurrences_are_shown(client: ArmClient) -> None:
    await configured(client)
    occurrences = (await preview(client)).json["occurrences"]
    assert [one["startTime"] for one in occurrences] == [
        f"2026-06-0{day}T02:00:00Z" for day in range(2, 7)
    ]
    assert occurrences[0]["endTime"] == "2026-06-02T05:00:00Z"


async def test_unsaved_configuration_is_previewed_and_not_stored(client: ArmClient) -> None:
    body = {
        **linux("Security"),
        "assignments": [{"properties": {"resourceId": WHOLE, "filter": {}}}],
    }
    answer = await preview(client, body)
    (machine,) = answer.json["value"]
    assert machine["properties"]["matchedBy"] == [f"{WHOLE}{ASSIGNMENTS}/unsaved-1"]
    assert codes(answer) == {"SecurityIncludesCritical"}
    assert_arm_error(await client.get(CONFIGURATION), 404, "ResourceNotFound")
    assert_arm_error(await preview(client), 404, "ResourceNotFound")


async def test_unsaved_assignments_take_the_place_of_the_stored_ones(client: ArmClient) -> None:
    await configured(client)
    nowhere = {
        "name": "mars",
        "properties": {"resourceId": WHOLE, "filter": {"locations": ["mars"]}},
    }
    answer = await preview(client, {"assignments": [nowhere]})
    assert (answer.json["value"], codes(answer)) == ([], {"NoMachines"})
    stored = await preview(client, linux("Critical", "Security"))
    assert stored.json["machineCount"] == 1


async def test_every_mistake_of_a_preview_is_named(client: ArmClient) -> None:
    body = {
        **a_configuration(duration="1h"),
        "assignments": [
            {"properties": {"resourceId": WHOLE, "filter": {}}},
            {"properties": {"resourceId": WHOLE, "filter": {"location": ["x"]}}},
            {"properties": {"resourceId": WHOLE}},
            {
                "properties": {
                    "resourceId": WHOLE,
                    "filter": {},
                    "maintenanceConfigurationId": f"{CONFIGURATION}-2",
                }
            },
        ],
    }
    error = assert_arm_error(await preview(client, body), 400, "InvalidParameter")
    assert [one["target"] for one in error["details"]] == [
        "properties.maintenanceWindow.duration",
        "assignments[1].properties.filter.location",
        "assignments[2].properties.filter",
        "assignments[3].properties.maintenanceConfigurationId",
    ]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"assignments": {}}, "assignments"),
        ({"assignments": [1]}, "assignments[0]"),
        ({"assignments": [{"properties": {}}]}, "assignments[0].properties.resourceId"),
        ({"properties": []}, "properties"),
        ({"assessmentAge": 1}, "assessmentAge"),
        ({"assessmentAge": "a day"}, "assessmentAge"),
    ],
)
async def test_senseless_preview_is_refused(client: ArmClient, body: Any, target: str) -> None:
    await configured(client)
    error = assert_arm_error(await preview(client, body), 400, "InvalidParameter")
    assert error["target"] == target


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (linux("Critical", "Security", "Other"), set()),
        (linux("Critical", "Other"), {"UnsupportedClassifications"}),
        (linux("Security", "Other"), {"SecurityIncludesCritical"}),
        (a_configuration(expirationDateTime="2026-06-01 03:00"), {"NoOccurrence"}),
    ],
)
async def test_what_should_be_known_before_is_a_warning(
    client: ArmClient, document: dict[str, Any], expected: set[str]
) -> None:
    await configured(client)
    assert codes(await preview(client, document)) == expected


async def test_scope_that_cannot_be_read_is_a_warning_and_the_others_go_on(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client)
    other = WHOLE.replace("1111-", "2222-")
    fleet.unreadable.add(other.rpartition("/")[2])
    assert (await client.put(f"{other}{ASSIGNMENTS}/two", a_scope())).status == 201
    answer = await preview(client)
    (warning,) = answer.json["warnings"]
    assert (warning["code"], warning["target"]) == ("NotReadable", f"{other}{ASSIGNMENTS}/two")
    assert answer.json["machineCount"] == 1


async def test_attached_machine_that_is_gone_is_shown(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await client.put(CONFIGURATION, a_configuration())
    assignment = {"properties": {"maintenanceConfigurationId": CONFIGURATION}}
    await client.put(f"{WINDOWS.id}{ASSIGNMENTS}/one", assignment)
    (machine,) = (await preview(client)).json["value"]
    assert machine["id"] == WINDOWS.id
    assert machine["properties"]["reason"] == "MachineGone"


async def test_what_would_be_installed_follows_from_the_assessment(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client)
    (unknown,) = (await preview(client)).json["value"]
    assert "updates" not in unknown["properties"]
    fleet.lacking[a_machine().key] = (
        Update(name="curl", version="8.5", classification="Security"),
        Update(name="libc6", version="2.39", classification="Critical"),
        Update(name="vim", version="9.1", classification="Other"),
    )
    await fleet.assess(a_machine())
    (machine,) = (await preview(client, linux("Security"))).json["value"]
    properties = machine["properties"]
    assert [one["name"] for one in properties["updates"]] == ["curl", "libc6"]
    assert (properties["excludedCount"], properties["notSelectedCount"]) == (0, 1)
    assert properties["assessedTime"] == "2026-06-01T12:00:00Z"


async def test_machines_come_in_pages_and_counts_are_of_all(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client)
    add(fleet, *(a_state(a_machine(f"vm-{number}")) for number in range(5)))
    names: list[str] = []
    query = "?$top=2&api-version=2023-04-01"
    while query:
        answer = await client.send("POST", PREVIEW + query, None, version="")
        assert answer.json["machineCount"] == 5
        names += [one["name"] for one in answer.json["value"]]
        query = answer.json.get("nextLink", "").partition("/preview")[2]
    assert names == [f"vm-{number}" for number in range(5)]
    error = assert_arm_error(await preview(client, query="?$top=101"), 400, "InvalidParameter")
    assert "100" in error["message"]


async def test_group_is_no_configuration(client: ArmClient) -> None:
    answer = await client.send("POST", f"{GROUP}/preview", a_configuration())
    assert_arm_error(answer, 404, "InvalidResourcePath")


async def test_old_assessment_is_asked_for_anew_and_the_reply_says_so(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await configured(client)
    fleet.lacking[a_machine().key] = (Update(name="vim", version="9.1", classification="Other"),)
    (asked,) = (await preview(client, {"assessmentAge": "P1D"})).json["value"]
    assert asked["properties"]["assessmentRequest"] == {
        "answer": "Accepted",
        "requestedTime": "2026-06-01T12:00:00Z",
        "requestedBy": "local",
    }
    assert "updates" not in asked["properties"]
    (assessed,) = (await preview(client, {"assessmentAge": "P1D"})).json["value"]
    assert "assessmentRequest" not in assessed["properties"]
    assert assessed["properties"]["updates"] == []
    assert assessed["properties"]["leftOut"] == [
        {
            "name": "vim",
            "version": "9.1",
            "classification": "Other",
            "installationState": "NotSelected",
        }
    ]
