"""Queries are text whose shape no value can change."""

import re
import string
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.inventory import kql
from shared.domain.machine import MachineType, OsType
from shared.domain.scope import Choice, Filter, Narrowing, Scope, narrow
from tests.kql.allowed import OPERATORS, TABLES
from tests.kql.queries import HOSTILE, SINCE, shapes

Builder = Callable[[str], str]
SHAPES = shapes()

# A string literal as KQL's grammar has it: one line, closed by the first quote that no backslash escapes.
LITERAL = re.compile(r"'(?:[^'\\\r\n]|\\[^\r\n])*'")


def shape(query: str) -> str:
    return LITERAL.sub("''", query)


def narrowing(**changes: object) -> Narrowing:
    fields: dict[str, object] = {
        "subscription": "s",
        "types": frozenset(MachineType),
        "resource_groups": Choice(),
        "locations": Choice(),
        "os_types": None,
    }
    return Narrowing(**(fields | changes))  # type: ignore[arg-type]


def test_a_page_of_machines_reads_like_this() -> None:
    scope = Scope(
        assignment_id="a",
        subscription="S",
        resource_group="Bob's",
        filter=Filter(locations=("!East US",), os_types=("Linux",)),
    )
    assert kql.machines(narrow(scope), after="/subscriptions/s/x", limit=1000) == (
        "resources\n"
        "| where type in~ ('microsoft.compute/virtualmachines', 'microsoft.hybridcompute/machines')\n"
        "| where resourceGroup in~ ('bob\\'s') or resourceGroup matches regex '[^!-z|~]'\n"
        "| where location !in~ ('eastus') or location matches regex '[^!-z|~]'\n"
        "| extend os = coalesce(tostring(properties.storageProfile.osDisk.osType), "
        "tostring(properties.osType), tostring(properties.osName))\n"
        "| where os in~ ('Linux')\n"
        "| extend key = tolower(id)\n"
        "| where strcmp(key, '/subscriptions/s/x') > 0\n"
        "| order by key asc\n"
        "| take 1000\n"
        "| project key, id, type, subscriptionId, resourceGroup, location, tags, os, "
        "windows = properties.osProfile.windowsConfiguration.patchSettings, "
        "linux = properties.osProfile.linuxConfiguration.patchSettings, "
        "power = tostring(properties.extended.instanceView.powerState.code), "
        "status = tostring(properties.status)"
    )


def test_an_instant_is_written_in_utc() -> None:
    plus_two = timezone(timedelta(hours=2))
    query = kql.installs(datetime(2026, 1, 15, 4, 0, 0, 250, tzinfo=plus_two), after="", limit=7)
    assert "datetime(2026-01-15T02:00:00.000250Z)" in query


def test_activity_ids_are_asked_for_in_lower_case() -> None:
    assert "activity in ('ab', 'cd')" in kql.updates(["AB", "cd"], after="", limit=7)


NOTHING = {
    "no type in Azure": narrowing(types=frozenset({MachineType.SERVER})),
    "no type at all": narrowing(types=frozenset()),
    "no group": narrowing(resource_groups=Choice(wanted=frozenset())),
    "no location": narrowing(locations=Choice(wanted=frozenset())),
    "no system": narrowing(os_types=frozenset()),
}


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_what_can_match_nothing_is_not_asked(nothing: Narrowing) -> None:
    assert kql.machines(nothing, after="", limit=7) is None


def test_a_list_too_long_to_write_down_does_not_narrow() -> None:
    many = frozenset(map(str, range(1000)))
    query = kql.machines(narrowing(resource_groups=Choice(wanted=many)), after="", limit=7)
    assert query == kql.machines(narrowing(), after="", limit=7)


def test_no_system_in_particular_does_not_narrow() -> None:
    assert "where os" not in str(kql.machines(narrowing(), after="", limit=7))
    both = kql.machines(narrowing(os_types=frozenset(OsType)), after="", limit=7)
    assert "where os in~ ('Linux', 'Windows')" in str(both)


def test_a_page_is_never_larger_than_what_resource_graph_gives() -> None:
    assert "| take 1000\n" in kql.installs(SINCE, after="", limit=5000)


@pytest.mark.parametrize("build", SHAPES.values(), ids=SHAPES.keys())
def test_only_what_resource_graph_supports_is_used(build: Builder) -> None:
    table, *operators = shape(build("x")).split("|")
    assert table.strip() in TABLES
    assert {operator.split()[0] for operator in operators} <= OPERATORS


@pytest.mark.parametrize("build", SHAPES.values(), ids=SHAPES.keys())
def test_hostile_values_change_no_shape(build: Builder) -> None:
    for value in HOSTILE:
        assert shape(build(value)) == shape(build("x"))


@given(st.text() | st.text(alphabet="'\\\"\n\r|{}/ ") | st.sampled_from(HOSTILE))
def test_no_value_changes_a_shape(value: str) -> None:
    for name in ("machines, wanted groups, unwanted locations, a system", "updates, next page"):
        assert shape(SHAPES[name](value)) == shape(SHAPES[name]("x"))


@given(st.text())
def test_a_literal_holds_nothing_that_is_read_before_the_query(value: str) -> None:
    written = kql.literal(value)
    assert not set(written) & set("{}\n\r\t\x00\u2028\u2029")
    written.encode()


@given(st.text(alphabet=string.ascii_letters + string.digits + " -_.()/'\\é", max_size=300))
def test_a_literal_means_its_value(value: str) -> None:
    inside = kql.literal(value)[1:-1]
    assert re.sub(r"\\(.)", r"\1", inside) == value


@pytest.mark.parametrize("value", ["a\x00b", "{{x}}", "\u202e", "\ud800"])
def test_what_no_name_can_hold_is_spelled_out(value: str) -> None:
    assert "\\\\u" in kql.literal(value)


COLLIDING = {
    "a space inside": ("japan east", "locations"),
    "Kelvin's sign for a k": ("\u212a8s", "resource_groups"),
    "a sharp s": ("straße", "resource_groups"),
    "a brace": ("a{b", "resource_groups"),
}


@pytest.mark.parametrize(("value", "field"), COLLIDING.values(), ids=COLLIDING.keys())
@pytest.mark.parametrize("side", ["wanted", "unwanted"])
def test_only_plain_names_are_compared_by_the_service(value: str, field: str, side: str) -> None:
    choice = Choice(**{side: frozenset({value, "plain"})})
    query = str(kql.machines(narrowing(**{field: choice}), after="", limit=7))
    column = {"locations": "location", "resource_groups": "resourceGroup"}[field]
    operator = "in~" if side == "wanted" else "!in~"
    assert value not in query
    assert f"where {column} {operator} (" in query
    assert f") or {column} matches regex '[^!-z|~]'" in query
