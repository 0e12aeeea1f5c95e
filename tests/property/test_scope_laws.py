"""Laws of dynamic scopes, over every filter and machine of a small world."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.machine import Machine
from shared.domain.scope import Choice, Filter, Scope, TagOperator, matches, narrow
from tests.property.strategies_scope import (
    GROUPS,
    LOCATIONS,
    TAG_NAMES,
    TAG_VALUES,
    filters,
    machines,
    scopes,
)


def lets_through(choice: Choice, value: str) -> bool:
    """What a query with `in` and `!in` would return."""
    return (choice.wanted is None or value in choice.wanted) and value not in choice.unwanted


def is_asked_for(scope: Scope, machine: Machine) -> bool:
    """Whether an inventory that is asked as narrowly as `narrow` says would show the machine."""
    asked = narrow(scope)
    return (
        machine.subscription.lower() == asked.subscription
        and machine.type in asked.types
        and (asked.os_types is None or machine.os_type in asked.os_types)
        and lets_through(asked.resource_groups, machine.resource_group.lower())
        and lets_through(asked.locations, machine.location.replace(" ", "").lower())
    )


@given(scopes, machines)
def test_inventory_is_asked_for_every_machine_that_matches_and_for_few_others(
    scope: Scope, machine: Machine
) -> None:
    assert matches(scope, machine) <= is_asked_for(scope, machine)

    without_tags = replace(scope, filter=replace(scope.filter, tags={}))
    assert matches(without_tags, machine) == is_asked_for(without_tags, machine)


@given(filters, machines)
def test_all_tags_is_never_wider_than_any_tag(sent: Filter, machine: Machine) -> None:
    if matches(replace(sent, tag_operator=TagOperator.ALL), machine):
        assert matches(replace(sent, tag_operator=TagOperator.ANY), machine)


@given(filters, machines, st.sampled_from(GROUPS), st.sampled_from(LOCATIONS))
def test_one_more_wanted_value_only_widens_a_field_that_wants_some(
    sent: Filter, machine: Machine, group: str, location: str
) -> None:
    wanting = replace(
        sent,
        resource_groups=(*sent.resource_groups, "web"),
        locations=(*sent.locations, "uksouth"),
    )
    wider = replace(
        wanting,
        resource_groups=(*wanting.resource_groups, group),
        locations=(*wanting.locations, location),
    )

    assert matches(wider, machine) >= matches(wanting, machine)


@given(filters, machines, st.sampled_from(GROUPS), st.sampled_from(LOCATIONS))
def test_first_wanted_value_only_narrows(
    sent: Filter, machine: Machine, group: str, location: str
) -> None:
    open_fields = replace(sent, resource_groups=(), locations=())
    narrower = replace(open_fields, resource_groups=(group,), locations=(location,))

    assert matches(narrower, machine) <= matches(open_fields, machine)


@given(filters, machines, st.sampled_from(GROUPS), st.sampled_from(LOCATIONS))
def test_one_more_exclusion_only_narrows_and_always_wins(
    sent: Filter, machine: Machine, group: str, location: str
) -> None:
    narrower = replace(
        sent,
        resource_groups=(*sent.resource_groups, f"!{group}"),
        locations=(*sent.locations, f"!{location}"),
    )

    assert matches(narrower, machine) <= matches(sent, machine)
    if machine.resource_group.lower() == group.lower():
        assert not matches(narrower, machine)


@given(filters, machines, st.sampled_from(TAG_NAMES), st.sampled_from(TAG_VALUES))
def test_excluded_tag_always_wins(sent: Filter, machine: Machine, name: str, value: str) -> None:
    narrower = replace(sent, tags={**sent.tags, f"!{name}": (value,)})

    if machine.tags.get(name) == value:
        assert not matches(narrower, machine)
    elif f"!{name}" not in sent.tags:
        assert matches(narrower, machine) == matches(sent, machine)


@given(scopes, machines)
def test_scope_is_its_filter_below_what_it_hangs_on(scope: Scope, machine: Machine) -> None:
    if matches(scope, machine):
        assert matches(scope.filter, machine)
        assert matches(replace(scope, resource_group=None), machine)
