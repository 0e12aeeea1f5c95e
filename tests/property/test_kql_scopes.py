"""Random filters as KQL: whatever they hold, the query keeps its shape and selects what `matches` does, tags aside.

Each query runs on the engine of the local Azure, and all texts go through Microsoft's parser at the end.

The query is wider than the filter in three ways, each by intent: tags are left out, and so is a field of more than 200
values; a machine whose group or location is not plain comes along. `matches` has the last word on all of them.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from localhost.azure.fleet import Fleet, Kind
from localhost.azure.fleet import Machine as Simulated
from localhost.azure.simulation import Simulation
from localhost.azure.updates import Os
from shared.adapters.arm import ArmClient, ArmReply
from shared.adapters.inventory import kql
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.scope import Filter, Scope, matches, narrow
from tests.kql.allowed import OPERATORS, TABLES
from tests.kql.parser import judge
from tests.property.strategies_kql import Case, cases

FILTERS = 1000
PLAIN = Simulated(
    subscription="s1",
    resource_group="web",
    kind=Kind.VM,
    name="vm-1",
    os=Os.LINUX,
    location="uksouth",
)
NOW = datetime(2026, 1, 15, 2, 0, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """A local Azure without its server, behind the one method of `ArmClient` that an inventory's pages take."""

    azure: Simulation
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def settle(self, fleet: tuple[Simulated, ...]) -> list[Machine]:
        """Put *fleet* in the place of all machines; returns them as the domain sees them."""
        for machine in self.azure.fleet.machines():
            self.azure.fleet.remove(machine.id)
        for machine in fleet:
            self.azure.fleet.add(machine)
        self.asked.clear()
        self.keys.clear()
        return [_known(machine) for machine in fleet]

    async def ask(self, _path: str, body: Mapping[str, Any], *, api_version: str) -> ArmReply:
        assert api_version
        self.asked.append(body["query"])
        answer = self.azure.query(body)
        self.keys += [row["key"] for row in answer["data"]]
        return ArmReply(status=200, headers={}, body=answer)

    def pages(self, scope: Scope, *, limit: int) -> list[tuple[Machine, ...]]:
        """What the query selects, page by page."""
        return asyncio.run(self._pages(scope, limit))

    async def _pages(self, scope: Scope, limit: int) -> list[tuple[Machine, ...]]:
        inventory = ResourceGraphInventory(cast(ArmClient, self))
        pages: list[tuple[Machine, ...]] = []
        after: str | None = ""
        while after is not None:
            page = await inventory.page(scope, after=after, limit=limit)
            pages.append(tuple(page.machines))
            after = page.last
        return pages


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    azure = Simulation(Fleet(), now=lambda: NOW)
    yield World(azure=azure)
    azure.close()


def _known(machine: Simulated) -> Machine:
    return Machine(
        id=machine.id,
        type=MachineType(machine.kind),
        subscription=machine.subscription,
        resource_group=machine.resource_group,
        location=machine.location,
        os_type=OsType(machine.os),
        tags=machine.tags or {},
    )


def is_plain(name: str) -> bool:
    """Whether all that compares without case agrees on a name, as Resource Graph shows it: in lower case."""
    return all("!" <= character <= "~" and character not in "{}" for character in name.lower())


def has_to_come(scope: Scope, machine: Machine) -> bool:
    """Whether the query selects the machine: it matches, or what speaks against it is left to `matches`."""
    sent = replace(scope.filter, tags={})
    if len(sent.resource_groups) > 200 or not is_plain(machine.resource_group):
        sent = replace(sent, resource_groups=())
    if len(sent.locations) > 200 or not is_plain(machine.location):
        sent = replace(sent, locations=())
    group = scope.resource_group if is_plain(machine.resource_group) else None
    return matches(replace(scope, filter=sent, resource_group=group), machine)


def harmless(scope: Scope) -> Scope:
    """The same scope with letters in the place of every text that the service compares, alike where these are alike."""
    groups: dict[str, str] = {}
    locations: dict[str, str] = {}
    return replace(
        scope,
        resource_group=scope.resource_group and _lettered(scope.resource_group, groups),
        filter=replace(
            scope.filter,
            resource_groups=tuple(_lettered(term, groups) for term in scope.filter.resource_groups),
            locations=tuple(
                _lettered("".join(term.split()), locations) for term in scope.filter.locations
            ),
        ),
    )


def _lettered(term: str, seen: dict[str, str]) -> str:
    name = term.strip()
    mark = "!" if name.startswith("!") else ""
    return mark + seen.setdefault(name.removeprefix("!").strip().lower(), f"x{len(seen)}")


def test_a_thousand_filters_select_what_matches_does(world: World) -> None:
    texts: list[tuple[str, str]] = []

    # Cases are small as they are, and each step of making one smaller would ask the engine again.
    @settings(max_examples=FILTERS, deadline=None, phases=[Phase.reuse, Phase.generate])
    @given(cases())
    def hold(case: Case) -> None:
        scope, machines = case.scope, world.settle(case.fleet)
        (selected,) = world.pages(scope, limit=1000)
        final = sorted(machine.id for machine in selected if matches(scope, machine))
        assert final == sorted(machine.id for machine in machines if matches(scope, machine))
        if not world.asked:
            assert not selected
            return
        wanted = [machine.id for machine in machines if has_to_come(scope, machine)]
        assert sorted(machine.id for machine in selected) == sorted(wanted)
        twin = kql.machines(narrow(harmless(scope)), after="", limit=1000)
        assert twin
        texts.append((world.asked[0], twin))

    hold()
    hold_their_shape(texts)


def hold_their_shape(texts: list[tuple[str, str]]) -> None:
    """Each text has the tokens of its harmless twin, literals aside, and only operators that are allowed."""
    assert len(texts) > FILTERS / 2, "Most filters asked for nothing."
    # Many twins are the same, and the parser takes its time.
    different = sorted({text for pair in texts for text in pair})
    judged = dict(zip(different, judge(different), strict=True))
    for text, twin in texts:
        found = judged[text]
        assert found["diagnostics"] == []
        assert found["shape"] == judged[twin]["shape"]
        assert found["shape"][0] in TABLES
        assert {name for bar, name in pairwise(found["shape"]) if bar == "|"} <= OPERATORS


SPELLINGS = {
    "a location with a space": ({"location": "Japan East"}, {"locations": ("japaneast",)}),
    "another location is not meant": ({"location": "Japan East"}, {"locations": ("!japanwest",)}),
    "Kelvin's sign for a k": ({"resource_group": "\u212a8s"}, {"resource_groups": ("k8s",)}),
    "a dotted capital i": ({"resource_group": "İzmir"}, {"resource_groups": ("i̇zmir",)}),
    "a long s is no s": ({"resource_group": "ſtore"}, {"resource_groups": ("!store",)}),
}


@pytest.mark.parametrize(("spelled", "sent"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_no_machine_is_lost_by_its_spelling(
    world: World, spelled: dict[str, Any], sent: dict[str, Any]
) -> None:
    machine = replace(PLAIN, **spelled)
    world.settle((machine,))
    scope = Scope(assignment_id="a", subscription=machine.subscription, filter=Filter(**sent))
    ((found,),) = world.pages(scope, limit=10)
    assert matches(scope, found)


@settings(max_examples=25, deadline=None)
@given(case=cases(), limit=st.integers(1, 3))
def test_small_pages_hold_each_machine_once_in_the_order_of_keys(
    world: World, case: Case, limit: int
) -> None:
    scope = replace(case.scope, filter=replace(case.scope.filter, os_types=(), resource_types=()))
    machines = world.settle(case.fleet)
    pages = world.pages(scope, limit=limit)
    assert all(len(page) <= limit for page in pages)
    assert world.keys == sorted(set(world.keys))
    final = [machine.id for page in pages for machine in page if matches(scope, machine)]
    assert sorted(final) == sorted(machine.id for machine in machines if matches(scope, machine))
