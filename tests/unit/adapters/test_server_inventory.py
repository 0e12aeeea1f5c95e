"""Servers among the machines: found by scopes as any other, and never in place of those that can't be seen."""

from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.callers import LOCAL
from shared.application.ports import InventoryPage, Services
from shared.application.read_inventory import read_page
from shared.application.servers import put_server
from shared.domain.machine import MachineState
from shared.domain.scope import Filter, Scope, matches
from shared.errors import UnavailableError
from tests.builders import DAY_BEFORE, SERVER, SUBSCRIPTION, a_server, a_state
from tests.contract.test_servers import stored_server

ONLY_SERVERS = Filter(resource_types=("Muster.OnPremises/servers",))
VM = a_state().machine.id
ELSEWHERE = SERVER.replace("/ops/", "/web/")


class Listening(MemoryFleet):
    """A fleet that counts how often it is asked."""

    asked = 0

    async def page(self, *arguments: Any, **named: Any) -> InventoryPage:
        self.asked += 1
        return await super().page(*arguments, **named)

    async def is_readable(self, subscription: str) -> bool:
        self.asked += 1
        return await super().is_readable(subscription)


def a_fleet(*states: MachineState, unreadable: bool = False) -> Listening:
    fleet = Listening(MemoryClock(DAY_BEFORE), states)
    fleet.unreadable = {SUBSCRIPTION} if unreadable else set()
    return fleet


async def services_with(fleet: MemoryFleet, *servers: str) -> Services:
    services = memory_services(MemoryClock(DAY_BEFORE), fleet=fleet)
    for one in servers:
        await put_server(services, one, document=a_server(), caller=LOCAL)
    return services


def a_scope(sent: Filter | None = None, group: str | None = None) -> Scope:
    return Scope(
        assignment_id="/a",
        subscription=SUBSCRIPTION,
        resource_group=group,
        filter=sent or Filter(),
    )


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        pytest.param(a_scope(), {SERVER, ELSEWHERE, VM}, id="everything"),
        pytest.param(a_scope(ONLY_SERVERS), {SERVER, ELSEWHERE}, id="by type"),
        pytest.param(
            a_scope(Filter(resource_types=("!Muster.OnPremises/servers",))), {VM}, id="not the type"
        ),
        pytest.param(a_scope(group="OPS"), {SERVER}, id="by the group that it hangs on"),
        pytest.param(a_scope(Filter(resource_groups=("ops",))), {SERVER}, id="by group"),
        pytest.param(a_scope(Filter(locations=("Berlin",))), {SERVER, ELSEWHERE}, id="by location"),
        pytest.param(a_scope(Filter(os_types=("Windows",))), set(), id="by system"),
        pytest.param(
            a_scope(Filter(tags={"ENV": ("prod",)})), {SERVER, ELSEWHERE}, id="by a tag that is set"
        ),
        pytest.param(a_scope(Filter(tags={"env": ("dev",)})), set(), id="by a tag that is not"),
    ],
)
async def test_scopes_filter_servers_as_any_machine(scope: Scope, found: set[str]) -> None:
    services = await services_with(a_fleet(a_state()), SERVER, ELSEWHERE)
    page = await read_page(services, scope, after="")
    assert {one.id for one in page.machines if matches(scope, one)} == found


async def test_pages_of_servers_follow_their_keys_and_not_their_rows() -> None:
    """`a1` comes after `a` among ids, and before it among rows."""
    ids = [SERVER.replace("/ops/", f"/{group}/") for group in ("a-b", "a", "a1", "ab")]
    inventory = (await services_with(a_fleet(), *ids)).inventory
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await inventory.page(a_scope(), after=after, limit=1)
        found += [one.id for one in page.machines]
        after = page.last
    assert found == ids


async def test_azure_is_not_asked_for_servers_alone() -> None:
    for servers in ([SERVER], []):
        fleet = a_fleet(unreadable=True)
        services = await services_with(fleet, *servers)
        page = await read_page(services, a_scope(ONLY_SERVERS), after="")
        assert [one.id for one in page.machines] == servers
        assert fleet.asked == 0


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(a_scope(), id="whose servers are found"),
        pytest.param(a_scope(Filter(locations=("nowhere",))), id="that no server matches"),
        pytest.param(a_scope(group="web"), id="in a group without servers"),
    ],
)
async def test_scope_whose_azure_part_cannot_be_seen_is_not_resolved(scope: Scope) -> None:
    services = await services_with(a_fleet(unreadable=True), SERVER)
    assert await services.inventory.is_readable(SUBSCRIPTION)
    with pytest.raises(UnavailableError, match="not readable in Azure"):
        await read_page(services, scope, after="")


async def test_subscription_without_servers_is_as_readable_as_in_azure() -> None:
    services = await services_with(a_fleet(unreadable=True))
    with pytest.raises(UnavailableError, match="is not readable"):
        await read_page(services, a_scope(), after="")
    fleet = a_fleet()
    assert (await read_page(await services_with(fleet), a_scope(), after="")).states == ()
    assert fleet.asked == 2


async def test_server_that_cannot_be_read_is_not_left_out_in_silence() -> None:
    services = await services_with(a_fleet())
    await services.servers.insert(stored_server(document={"properties": {}}))
    with pytest.raises(UnavailableError, match="db-1 is not registered as it has to be"):
        await read_page(services, a_scope(), after="")
