"""Maintenance configurations and assignments over HTTP: statuses, bodies, headers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.rows import MemoryRows
from tests.builders import CONFIGURATION, GROUP, SUBSCRIPTION, a_configuration, a_machine, a_scope
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
LIST = "/providers/Microsoft.Maintenance/maintenanceConfigurations"
RECENT = "2025-11-01"
ASSIGNMENTS = "/providers/Microsoft.Maintenance/configurationAssignments"


async def test_put_creates_then_replaces(client: ArmClient) -> None:
    first = await client.put(CONFIGURATION, a_configuration())
    second = await client.put(CONFIGURATION, a_configuration())
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == CONFIGURATION
    assert first.json["name"] == "nightly"
    assert first.json["type"] == "Microsoft.Maintenance/maintenanceConfigurations"
    assert first.json["properties"] == a_configuration()["properties"]


async def test_what_is_read_can_be_put_back(client: ArmClient) -> None:
    """Clients read, change a little and write; our own members are not kept twice."""
    document = {"tags": {"Zeta": "ä", "alpha": ""}} | a_configuration()
    await client.put(CONFIGURATION, document)
    read = (await client.get(CONFIGURATION)).json
    again = await client.put(CONFIGURATION, read)
    assert again.status == 200
    assert again.json == read
    assert list(read) == ["id", "name", "type", *document]
    assert list(read["tags"]) == ["Zeta", "alpha"]


async def test_what_is_ours_cannot_be_sent(client: ArmClient) -> None:
    foreign = {"id": "/x", "name": "x", "type": "x", "systemData": {"createdBy": "x"}}
    answer = await client.put(CONFIGURATION, foreign | a_configuration(), version=RECENT)
    created = answer.json
    assert (created["id"], created["name"]) == (CONFIGURATION, "nightly")
    assert created["systemData"]["createdBy"] == "local"


async def test_authors_are_shown_to_clients_that_know_them(
    client: ArmClient, clock: MemoryClock
) -> None:
    await client.put(CONFIGURATION, a_configuration())
    assignment = f"{WHOLE}{ASSIGNMENTS}/one"
    await client.put(assignment, a_scope())
    clock.advance(timedelta(hours=1))
    changed = (await client.put(CONFIGURATION, a_configuration(), version=RECENT)).json
    assert changed["systemData"] == {
        "createdBy": "local",
        "createdByType": "User",
        "createdAt": "2026-06-01T12:00:00Z",
        "lastModifiedBy": "local",
        "lastModifiedByType": "User",
        "lastModifiedAt": "2026-06-01T13:00:00Z",
    }
    for path in (CONFIGURATION, assignment):
        assert "systemData" in (await client.get(path, version=RECENT)).json
        assert "systemData" in (await client.get(path, version="2025-10-01-preview")).json
        assert "systemData" not in (await client.get(path, version="2023-10-01-preview")).json


async def test_row_without_a_kind_was_a_users(client: ArmClient, rows: MemoryRows) -> None:
    await client.put(CONFIGURATION, a_configuration())
    ((place, row),) = rows.tables["Configurations"].items()
    old = {name: value for name, value in row.values.items() if "kind" not in name}
    assert len(old) < len(row.values)
    rows.tables["Configurations"][place] = replace(row, values=old)
    read = (await client.get(CONFIGURATION, version=RECENT)).json
    assert read["systemData"]["createdByType"] == "User"


async def test_long_lists_come_in_pages_to_clients_that_follow(client: ArmClient) -> None:
    ids = [f"{CONFIGURATION}-{number}" for number in range(5)]
    for one in ids:
        await client.put(one, a_configuration())
    found: list[str] = []
    url = f"{WHOLE}{LIST}?$top=2&api-version={RECENT}"
    while url:
        page = (await client.get(url, version="")).json
        assert len(page["value"]) <= 2
        found += [one["id"] for one in page["value"]]
        link = page.get("nextLink", "")
        assert not link or link.startswith("http://127.0.0.1:7071/")
        url = link.removeprefix("http://127.0.0.1:7071")
    assert found == ids
    whole = (await client.get(f"{WHOLE}{LIST}?$top=2")).json
    assert (len(whole["value"]), "nextLink" in whole) == (5, False)


async def test_fixed_words_are_read_without_case(client: ArmClient) -> None:
    await client.put(CONFIGURATION.replace("resourceGroups", "resourcegroups"), a_configuration())
    read = await client.get(CONFIGURATION.upper())
    assert read.status == 200
    assert read.json["id"] == CONFIGURATION.replace("resourceGroups", "resourcegroups")


async def test_delete_answers_with_what_it_deleted_and_then_with_nothing(
    client: ArmClient,
) -> None:
    await client.put(CONFIGURATION, a_configuration())
    deleted = await client.delete(CONFIGURATION)
    assert (deleted.status, deleted.json["name"]) == (200, "nightly")
    gone = await client.delete(CONFIGURATION)
    assert (gone.status, gone.content) == (204, b"")
    assert_arm_error(await client.get(CONFIGURATION), 404, "ResourceNotFound")


async def test_patch_merges(client: ArmClient) -> None:
    await client.put(CONFIGURATION, a_configuration())
    patched = await client.send("PATCH", CONFIGURATION, {"tags": {"a": "b"}})
    assert patched.status == 200
    assert patched.json["tags"] == {"a": "b"}
    assert patched.json["properties"] == a_configuration()["properties"]


async def test_lists_hold_what_was_put(client: ArmClient) -> None:
    assert (await client.get(WHOLE + LIST)).json == {"value": []}
    await client.put(CONFIGURATION, a_configuration())
    for scope in (WHOLE, GROUP):
        listed = (await client.get(scope + LIST)).json
        assert [one["id"] for one in listed["value"]] == [CONFIGURATION]


async def test_etag_guards_changes(client: ArmClient) -> None:
    first = await client.put(CONFIGURATION, a_configuration())
    etag = first.headers["ETag"]
    assert etag[0] == etag[-1] == '"'
    fresh = await client.put(CONFIGURATION, a_configuration(), headers={"If-Match": etag})
    assert fresh.status == 200
    stale = await client.put(CONFIGURATION, a_configuration(), headers={"If-Match": etag})
    assert_arm_error(stale, 412, "PreconditionFailed")
    assert_arm_error(
        await client.delete(CONFIGURATION, headers={"if-match": f"W/{etag}"}),
        412,
        "PreconditionFailed",
    )
    once = await client.put(CONFIGURATION, a_configuration(), headers={"If-None-Match": "*"})
    assert_arm_error(once, 412, "PreconditionFailed")
    several = f'"other", {fresh.headers["ETag"]}'
    known = await client.get(CONFIGURATION, headers={"If-None-Match": several})
    assert (known.status, known.content) == (304, b"")


async def test_every_mistake_of_a_body_is_a_detail(client: ArmClient) -> None:
    document = a_configuration(recurEvery="never", duration="1h")
    error = assert_arm_error(await client.put(CONFIGURATION, document), 400, "InvalidParameter")
    assert [one["target"] for one in error["details"]] == [
        "properties.maintenanceWindow.duration",
        "properties.maintenanceWindow.recurEvery",
    ]
    assert error["target"] == error["details"][0]["target"]


async def test_what_azure_would_refuse_comes_with_a_warning(client: ArmClient) -> None:
    document = a_configuration()
    assert "Muster-Warning" not in (await client.put(CONFIGURATION, document)).headers
    linux = document["properties"]["installPatches"]["linuxParameters"]
    linux["classificationsToInclude"] = ["Critical", "Other"]
    warned = await client.put(CONFIGURATION, document)
    assert warned.status == 200
    assert "Security" in warned.headers["Muster-Warning"]


# --- assignments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [WHOLE, GROUP, a_machine().id])
async def test_assignment_lives_on_every_kind_of_scope(client: ArmClient, scope: str) -> None:
    await client.put(CONFIGURATION, a_configuration())
    document = a_scope()
    if scope == a_machine().id:
        del document["properties"]["filter"]
    path = f"{scope}{ASSIGNMENTS}/one"
    created = await client.put(path, document)
    assert created.status == 201
    assert created.json["properties"] == document["properties"] | {"resourceId": scope}
    assert created.json["type"] == "Microsoft.Maintenance/configurationAssignments"
    assert (await client.put(path, created.json)).status == 200
    assert (await client.send("PATCH", path, {"location": "global"})).status == 200
    listed = (await client.get(scope + ASSIGNMENTS)).json["value"]
    assert [one["id"] for one in listed] == [path]
    assert (await client.get(path)).headers["ETag"]
    assert (await client.delete(path)).status == 200
    assert (await client.delete(path)).status == 204


async def test_assignment_names_the_configuration_that_is_missing(client: ArmClient) -> None:
    answer = await client.put(f"{GROUP}{ASSIGNMENTS}/one", a_scope())
    error = assert_arm_error(answer, 404, "ResourceNotFound")
    assert error["target"] == "properties.maintenanceConfigurationId"
