"""The registry of servers: what is written is found."""

from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.storage.stores import Stores
from shared.application.ports import StaleError, StoredServer
from tests.builders import GROUP, SERVER, SUBSCRIPTION, a_server
from tests.contract.records import NOW, SCOPE, STAMPS


def stored_server(server_id: str = SERVER, **changes: Any) -> StoredServer:
    return StoredServer(id=server_id, **({"document": a_server()} | STAMPS | changes))


async def test_server_is_read_back_whole_under_any_case(stored: Stores) -> None:
    sent = stored_server(host_key_since=NOW, host_key_by="ann", host_key_by_kind="User")
    written = await stored["servers"].insert(sent)
    assert await stored["servers"].get(SERVER.upper()) == written
    assert replace(written, etag="") == sent


async def test_second_server_of_one_id_loses(stored: Stores) -> None:
    await stored["servers"].insert(stored_server())
    with pytest.raises(StaleError):
        await stored["servers"].insert(stored_server(SERVER.upper()))


async def test_server_is_replaced_by_its_etag_only_and_forgets_what_is_gone(
    stored: Stores,
) -> None:
    first = await stored["servers"].insert(stored_server(host_key_since=NOW))
    second = await stored["servers"].replace(replace(first, host_key_since=None))
    with pytest.raises(StaleError):
        await stored["servers"].replace(replace(first, document={}))
    assert await stored["servers"].get(SERVER) == second


async def test_server_is_deleted_by_its_etag_and_deleting_again_is_fine(stored: Stores) -> None:
    first = await stored["servers"].insert(stored_server())
    second = await stored["servers"].replace(first)
    with pytest.raises(StaleError):
        await stored["servers"].delete(first)
    for _ in range(2):
        await stored["servers"].delete(second)
    assert await stored["servers"].get(SERVER) is None


@pytest.mark.parametrize("group", ["ops", "providers", "Ünter.(x)"])
async def test_servers_are_listed_by_subscription_and_by_group(stored: Stores, group: str) -> None:
    own = SERVER.replace("/ops/", f"/{group}/")
    neighbour = SERVER.replace("/ops/", f"/{group}2/")
    stranger = own.replace(SUBSCRIPTION, "2" + SUBSCRIPTION[1:])
    for one in (own, neighbour, stranger):
        await stored["servers"].insert(stored_server(one))
    assert {one.id async for one in stored["servers"].list(SCOPE.upper())} == {own, neighbour}
    in_group = GROUP.replace("/ops", f"/{group}")
    assert [one.id async for one in stored["servers"].list(in_group)] == [own]
