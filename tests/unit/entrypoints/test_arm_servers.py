"""The registry of servers on premises over HTTP: statuses, bodies, headers."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from shared import bootstrap
from shared.adapters.memory.clock import MemoryClock
from shared.application.callers import Authentication, Caller, Role
from tests.builders import GROUP, HOST_KEY, SERVER, SUBSCRIPTION, a_server
from tests.unit.entrypoints.arm_client import VERSION, ArmClient, assert_arm_error

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
LIST = "/providers/Muster.OnPremises/servers"
OTHER_KEY = HOST_KEY.replace("KZuYn", "KZuYo")
BY_LOCAL = {"namedBy": "local", "namedByType": "User", "namedAt": "2026-06-01T12:00:00Z"}


class Ann:
    """`Authentication` that finds Ann's application behind every request."""

    async def caller(self, _headers: object) -> Caller:
        return Caller(name="ann", role=Role.ADMINISTRATOR, kind="Application")


async def test_put_registers_then_replaces(client: ArmClient) -> None:
    first = await client.put(SERVER, a_server())
    second = await client.put(SERVER.upper(), a_server(port=2222))
    assert (first.status, second.status) == (201, 200)
    assert first.json == {
        "id": SERVER,
        "name": "db-1",
        "type": "Muster.OnPremises/servers",
        **a_server(),
        "hostKeyData": BY_LOCAL,
        "systemData": {
            "createdBy": "local",
            "createdByType": "User",
            "createdAt": "2026-06-01T12:00:00Z",
            "lastModifiedBy": "local",
            "lastModifiedByType": "User",
            "lastModifiedAt": "2026-06-01T12:00:00Z",
        },
    }
    assert (second.json["id"], second.json["properties"]["port"]) == (SERVER, 2222)
    assert (await client.get(SERVER)).json == second.json


async def test_what_is_read_can_be_put_back(client: ArmClient) -> None:
    await client.put(SERVER, {"kind": "kept"} | a_server())
    read = (await client.get(SERVER)).json
    assert read["kind"] == "kept"
    again = await client.put(SERVER, read)
    assert (again.status, again.json) == (200, read)


async def test_null_comes_back_where_it_was_sent_for_what_is_absent(client: ArmClient) -> None:
    """The client holds what it sends and what it gets against the document."""
    document = a_server(trustOnFirstUse=True)
    document["properties"] |= {"hostKey": None, "port": None, "comment": None}
    document["properties"]["authentication"] = {"keySetting": None, "keyVaultSecret": "key"}
    answer = await client.put(SERVER, document)
    assert (answer.status, answer.json["properties"]) == (201, document["properties"])


async def test_only_another_host_key_counts_as_a_change_of_it(
    client: ArmClient, clock: MemoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.put(SERVER, a_server())
    monkeypatch.setattr(bootstrap, "authentication", lambda: cast(Authentication, Ann()))
    clock.advance(timedelta(hours=1))
    comment = HOST_KEY.replace("root@db-1", "another comment")
    touched = (await client.put(SERVER, a_server(hostKey=comment, enabled=False))).json
    assert touched["hostKeyData"] == BY_LOCAL
    assert touched["systemData"]["lastModifiedBy"] == "ann"
    clock.advance(timedelta(hours=1))
    changed = (await client.put(SERVER, a_server(hostKey=OTHER_KEY))).json
    assert changed["hostKeyData"] == {
        "namedBy": "ann",
        "namedByType": "Application",
        "namedAt": "2026-06-01T14:00:00Z",
    }
    assert changed["systemData"]["createdBy"] == "local"


async def test_who_trusts_on_first_use_has_named_no_key(client: ArmClient) -> None:
    await client.put(SERVER, a_server())
    document = a_server(hostKey=None, trustOnFirstUse=True) | {"hostKeyData": BY_LOCAL}
    assert "hostKeyData" not in (await client.put(SERVER, document)).json


async def test_versions_guard_a_server(client: ArmClient) -> None:
    etag = (await client.put(SERVER, a_server())).headers["ETag"]
    again = await client.put(SERVER, a_server(), headers={"If-None-Match": "*"})
    assert_arm_error(again, 412, "PreconditionFailed")
    known = await client.get(SERVER, headers={"If-None-Match": etag})
    assert (known.status, known.content) == (304, b"")
    changed = await client.put(SERVER, a_server(port=23), headers={"If-Match": etag})
    assert changed.status == 200
    for stale in (
        await client.put(SERVER, a_server(), headers={"If-Match": etag}),
        await client.delete(SERVER, headers={"If-Match": etag}),
    ):
        assert_arm_error(stale, 412, "PreconditionFailed")
    assert (await client.get(SERVER)).json["properties"]["port"] == 23


async def test_delete_answers_with_what_it_deleted_and_then_with_nothing(
    client: ArmClient,
) -> None:
    await client.put(SERVER, a_server())
    deleted = await client.delete(SERVER)
    assert (deleted.status, deleted.json["name"]) == (200, "db-1")
    gone = await client.delete(SERVER)
    assert (gone.status, gone.content) == (204, b"")
    assert_arm_error(await client.get(SERVER), 404, "ResourceNotFound")


@pytest.mark.parametrize("version", [VERSION, "2025-11-01"])
async def test_lists_come_in_pages_in_every_version(client: ArmClient, version: str) -> None:
    ids = [f"{SERVER}{number}" for number in range(5)]
    for one in ids:
        await client.put(one, a_server())
    await client.put(ids[0].replace("/ops/", "/web/"), a_server())
    found: list[str] = []
    url = f"{GROUP}{LIST}?$top=2&api-version={version}"
    while url:
        page = (await client.get(url, version="")).json
        assert len(page["value"]) <= 2
        found += [one["id"] for one in page["value"]]
        url = page.get("nextLink", "").removeprefix("http://127.0.0.1:7071")
    assert found == ids
    assert len((await client.get(f"{WHOLE}{LIST}")).json["value"]) == 6


async def test_mistakes_are_all_told_in_arms_shape(client: ArmClient) -> None:
    answer = await client.put(SERVER, a_server(host="a b", port=0, hots="x"))
    error = assert_arm_error(answer, 400, "InvalidParameter")
    assert {one["target"] for one in error["details"]} == {
        "properties.host",
        "properties.port",
        "properties.hots",
    }
    assert_arm_error(await client.get(SERVER), 404, "ResourceNotFound")


async def test_secret_comes_back_in_no_reply(client: ArmClient) -> None:
    secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj"
    answer = await client.put(SERVER, a_server() | {"tags": {"key": secret}})
    assert_arm_error(answer, 400, "InvalidParameter")
    assert b"YWJj" not in answer.content


async def test_server_that_others_keep_changing_is_a_conflict(client: ArmClient) -> None:
    """Whoever loses a race reads again, and gives up after some."""
    await client.put(SERVER, a_server())
    store = client.services.servers

    class Crowded:
        async def get(self, server_id: str) -> object:
            seen = await store.get(server_id)
            assert seen
            await store.replace(replace(seen, modified_by="somebody else"))
            return seen

        replace, delete = store.replace, store.delete

    object.__setattr__(client.services, "servers", Crowded())
    assert_arm_error(await client.put(SERVER, a_server()), 409, "Conflict")
    assert_arm_error(await client.delete(SERVER), 409, "Conflict")


@pytest.mark.parametrize(
    "path",
    [f"{WHOLE}{LIST}/db-1", f"{SERVER}/disks", f"{GROUP}/providers/Muster.OnPremises/hosts"],
)
async def test_there_is_nothing_beside_servers(client: ArmClient, path: str) -> None:
    assert_arm_error(await client.get(path), 404, "InvalidResourcePath")
