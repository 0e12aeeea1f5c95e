"""Azure's machines and servers as one list: pages hold what sorting everything would, whatever the inventories hold."""

from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.inventory.combined import CombinedInventory
from shared.application.ports import InventoryPage
from shared.domain.machine import MachineType
from shared.domain.scope import Filter, Scope
from tests.builders import SUBSCRIPTION, a_machine, a_state

KEYS = st.lists(
    st.tuples(st.sampled_from(["a", "a-b", "a1", "Z"]), st.text("ab1-", min_size=1, max_size=3)),
    max_size=12,
    unique_by=lambda one: (one[0].lower(), one[1].lower()),
)
SCOPE = Scope(assignment_id="/a", subscription=SUBSCRIPTION, filter=Filter())


class Listed:
    """An inventory of some machines, which may end each page earlier than it was asked to."""

    def __init__(
        self, names: Sequence[tuple[str, str]], machine_type: MachineType, *, most: int
    ) -> None:
        machines = [a_machine(name, group=at, machine_type=machine_type) for at, name in names]
        self.states = sorted(map(a_state, machines), key=lambda one: one.machine.key)
        self._most = most

    async def is_readable(self, _subscription: str) -> bool:
        return True

    async def page(
        self, _scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        rest = [one for one in self.states if one.machine.key > after]
        page = tuple(rest[: min(limit, self._most)])
        has_more = len(rest) > len(page)
        return InventoryPage(states=page, last=page[-1].machine.key if has_more else None)


@given(vms=KEYS, servers=KEYS, limit=st.integers(1, 8), most=st.integers(1, 8))
async def test_pages_are_those_of_one_sorted_list(
    vms: list[tuple[str, str]], servers: list[tuple[str, str]], limit: int, most: int
) -> None:
    azure = Listed(vms, MachineType.AZURE_VM, most=most)
    registry = Listed(servers, MachineType.SERVER, most=limit)
    combined = CombinedInventory(azure, registry)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await combined.page(SCOPE, after=after, limit=limit)
        keys = [one.key for one in page.machines]
        assert len(keys) <= limit
        assert all(key > after for key in keys)
        assert page.last is None or (after < page.last and keys[-1:] <= [page.last])
        found += keys
        after = page.last
    assert found == sorted(one.machine.key for one in (*azure.states, *registry.states))
