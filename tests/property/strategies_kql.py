"""Filters aimed at fleets: names of the machines, spelled anew, beside names that try to leave their literal."""

from dataclasses import dataclass

from hypothesis import strategies as st

from localhost.azure.fleet import Kind
from localhost.azure.fleet import Machine as Simulated
from localhost.azure.updates import Os
from shared.domain.machine import MachineType, OsType
from shared.domain.scope import Filter, Scope, TagOperator
from tests.kql.queries import HOSTILE

SUBSCRIPTIONS = ("s1", "S1", "s2")
# Kelvin's sign, dotted and dotless i, long and final s, sharp s: two languages fold them in two ways.
TRAPS = ("\u212a8s", "k8s", "İzmir", "izmir", "ızmir", "ſtore", "store", "ΣΑΣ", "σας", "straße")
GROUPS = ("web", "db", "it's", "a|b", "x//y", 'say "no"', "back\\slash", "(1=1)", "a b", *TRAPS)
PLACES = ("japaneast", "Japan East", "japan\u00a0east", "uksouth", "UK South", "it's", "İzmir")
TAGS = ("env", "Team", "it's", "a|b", 'say "no"', "{{x}}", "İ", "\u202e", "tab\t", "x\\")
VALUES = ("prod", "Prod", "", "'", "\n", "İ", "\\", "x' or 1==1 //")
# A list that is longer than the service is told.
MANY = tuple(f"g{number}" for number in range(201))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scope, and the machines among which it chooses."""

    scope: Scope
    fleet: tuple[Simulated, ...]


def _is_name(text: str) -> bool:
    bare = text.strip().removeprefix("!").strip()
    return bool(bare) and not bare.startswith("!")


def _spelled(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.lower(), text.upper(), text.title(), f" {text} "])


def _names(own: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Half of the fields are empty, so that the others decide; a few are longer than the service is told."""
    hostile = st.sampled_from(HOSTILE) | st.text(max_size=8)
    name = st.sampled_from(own).flatmap(_spelled) | hostile
    mark = st.sampled_from(["", "", "!"])
    term = st.tuples(mark, name).map("".join).filter(_is_name)
    few = st.lists(term, min_size=1, max_size=4).map(tuple)
    many = mark.map(lambda sign: tuple(sign + name for name in (*MANY, own[0])))
    return st.integers(0, 99).flatmap(
        lambda dice: many if dice == 99 else few if dice % 2 else st.just(())
    )


def _members(known: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    term = st.tuples(st.sampled_from(["", "", "!"]), st.sampled_from(known)).map("".join)
    return st.just(()) | st.just(()) | st.lists(term, min_size=1, max_size=2).map(tuple)


def _tags() -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    name = st.tuples(st.sampled_from(["", "", "!"]), st.sampled_from(TAGS)).map("".join)
    listed = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(tuple)
    return st.just({}) | st.dictionaries(name, listed, max_size=3)


_machines = st.builds(
    Simulated,
    subscription=st.sampled_from(SUBSCRIPTIONS),
    resource_group=st.sampled_from(GROUPS).flatmap(
        lambda group: st.sampled_from([group, group.upper()])
    )
    | st.sampled_from(MANY),
    kind=st.sampled_from(Kind),
    name=st.sampled_from(("Vm-1", "vm-10", "vm-2")),
    os=st.sampled_from(Os),
    location=st.sampled_from(PLACES),
    tags=st.none() | st.dictionaries(st.sampled_from(TAGS), st.sampled_from(VALUES), max_size=3),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A fleet of up to eight machines, and a scope that names some of what they are."""
    fleet = draw(st.lists(_machines, min_size=1, max_size=8, unique_by=lambda machine: machine.key))
    groups = [machine.resource_group for machine in fleet]
    places = [machine.location for machine in fleet]
    scope = Scope(
        assignment_id="a",
        subscription=draw(st.sampled_from([machine.subscription for machine in fleet])),
        resource_group=draw(st.none() | st.none() | st.none() | st.sampled_from(groups)),
        filter=Filter(
            resource_types=draw(_members(tuple(MachineType))),
            resource_groups=draw(_names(groups)),
            locations=draw(_names(places)),
            os_types=draw(_members(tuple(OsType))),
            tags=draw(_tags()),
            tag_operator=draw(st.sampled_from(TagOperator)),
        ),
    )
    return Case(scope=scope, fleet=tuple(fleet))
