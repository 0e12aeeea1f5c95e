"""Dynamic scopes: who matches, what is refused, and what an inventory may be asked for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.scope import (
    Choice,
    Filter,
    Scope,
    TagOperator,
    check_limits,
    matches,
    narrow,
    parse_locations,
    parse_os_types,
    parse_resource_groups,
    parse_resource_types,
    parse_tag_operator,
    parse_tags,
)
from shared.errors import InvalidRequestError, LimitExceededError

VM = Machine(
    id="/subscriptions/S1/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/vm1",
    type=MachineType.AZURE_VM,
    subscription="S1",
    resource_group="Web",
    location="JapanEast",
    os_type=OsType.LINUX,
    tags={"Env": "prod", "Team": "blue", "legacy": ""},
)
BARE = replace(VM, tags={}, os_type=None)


def a_scope(sent: Filter, *, resource_group: str | None = None) -> Scope:
    return Scope(assignment_id="a1", subscription="s1", resource_group=resource_group, filter=sent)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(Filter(), True, id="empty filter is every machine"),
        pytest.param(
            Filter(resource_types=("microsoft.compute/VIRTUALMACHINES",)), True, id="type"
        ),
        pytest.param(
            Filter(resource_types=("Microsoft.HybridCompute/machines",)), False, id="other type"
        ),
        pytest.param(
            Filter(
                resource_types=("Muster.OnPremises/servers", "Microsoft.Compute/virtualMachines")
            ),
            True,
            id="one of two types",
        ),
        pytest.param(
            Filter(resource_types=("!microsoft.compute/virtualmachines",)),
            False,
            id="type excluded",
        ),
        pytest.param(
            Filter(resource_types=("!Muster.OnPremises/servers",)), True, id="other type excluded"
        ),
        pytest.param(Filter(resource_groups=("db", "WEB")), True, id="one of two groups"),
        pytest.param(Filter(resource_groups=("we",)), False, id="half the name of its group"),
        pytest.param(Filter(resource_groups=("!db",)), True, id="other group excluded"),
        pytest.param(Filter(resource_groups=("!WEB",)), False, id="group excluded"),
        pytest.param(Filter(resource_groups=("web", "!web")), False, id="exclusion wins"),
        pytest.param(Filter(resource_groups=("db", "!app")), False, id="neither wanted nor not"),
        pytest.param(Filter(locations=("Japan East",)), True, id="location with a space"),
        pytest.param(Filter(locations=("japaneast",)), True, id="location in lower case"),
        pytest.param(Filter(locations=("japanwest",)), False, id="other location"),
        pytest.param(Filter(locations=("! Japan East",)), False, id="location excluded"),
        pytest.param(Filter(locations=(" !japaneast ",)), False, id="stray spaces exclude as well"),
        pytest.param(Filter(os_types=("linux",)), True, id="system"),
        pytest.param(Filter(os_types=("Windows",)), False, id="other system"),
        pytest.param(Filter(os_types=("!windows",)), True, id="other system excluded"),
        pytest.param(Filter(os_types=("Windows", "!Linux")), False, id="system excluded"),
        pytest.param(Filter(os_types=("Linux",), locations=("japaneast",)), True, id="both fields"),
        pytest.param(Filter(os_types=("Linux",), locations=("x",)), False, id="one field of two"),
    ],
)
def test_fields_are_joined_by_and_and_their_values_by_or(sent: Filter, expected: bool) -> None:
    assert matches(sent, VM) is expected


ANY, ALL = TagOperator.ANY, TagOperator.ALL


@pytest.mark.parametrize(
    ("tags", "of_any", "of_all"),
    [
        pytest.param({}, True, True, id="no tags asked for"),
        pytest.param({"env": ["prod"]}, True, True, id="name without case"),
        pytest.param({"env": ["Prod"]}, False, False, id="value with case"),
        pytest.param({"env": ["dev", "prod"]}, True, True, id="one of its values"),
        pytest.param({"env": ["dev"], "team": ["blue"]}, True, False, id="one tag of two"),
        pytest.param({"env": ["prod"], "team": ["blue"]}, True, True, id="both tags"),
        pytest.param({"env": ["blue"], "team": ["prod"]}, False, False, id="another tag's value"),
        pytest.param({"owner": ["me"]}, False, False, id="tag that it lacks"),
        pytest.param({"legacy": [""]}, True, True, id="tag with an empty value"),
        pytest.param({"owner": [""]}, False, False, id="empty value is not a missing tag"),
        pytest.param({"!env": ["dev"]}, True, True, id="other value excluded"),
        pytest.param({"!ENV": ["prod"]}, False, False, id="value excluded"),
        pytest.param({"!env": []}, False, False, id="having the tag excluded"),
        pytest.param({"!owner": []}, True, True, id="having a tag excluded that it lacks"),
        pytest.param({"!owner": ["me"]}, True, True, id="value excluded of a tag that it lacks"),
        pytest.param({"env": ["prod"], "!team": ["blue"]}, False, False, id="exclusion wins"),
        pytest.param({"env": ["prod"], "!env": ["prod"]}, False, False, id="wins over its own tag"),
        pytest.param(
            {"!env": ["x"], "!team": ["blue"]}, False, False, id="any exclusion is enough"
        ),
        pytest.param({"env": ["!dev"]}, False, False, id="exclamation mark in a value is literal"),
    ],
)
def test_tags_match_by_their_operator_and_exclusion_wins(
    tags: dict[str, list[str]], of_any: bool, of_all: bool
) -> None:
    parsed = parse_tags(tags)

    assert matches(Filter(tags=parsed, tag_operator=ANY), VM) is of_any
    assert matches(Filter(tags=parsed, tag_operator=ALL), VM) is of_all


def test_value_that_starts_with_an_exclamation_mark_is_found_as_it_is() -> None:
    machine = replace(VM, tags={"env": "!dev"})

    assert matches(Filter(tags={"env": ("!dev",)}), machine)


def test_machine_without_tags_answers_to_no_tag_but_to_exclusions() -> None:
    assert not matches(Filter(tags={"env": ("prod",)}), BARE)
    assert matches(Filter(tags={"!env": ()}), BARE)


@pytest.mark.parametrize("systems", [("Linux",), ("!Windows",), ("Linux", "Windows")])
def test_machine_of_unknown_system_answers_to_no_filter_that_names_systems(
    systems: tuple[str, ...],
) -> None:
    assert not matches(Filter(os_types=systems), BARE)
    assert matches(Filter(), BARE)


@pytest.mark.parametrize(
    ("subscription", "resource_group", "expected"),
    [
        pytest.param("S1", None, True, id="its subscription"),
        pytest.param("s1", "", True, id="its subscription, group empty"),
        pytest.param("s1", "wEB", True, id="its group"),
        pytest.param("s1", "db", False, id="other group"),
        pytest.param("s2", None, False, id="other subscription"),
        pytest.param("s2", "web", False, id="group of that name elsewhere"),
    ],
)
def test_scope_reaches_only_what_is_below_it(
    subscription: str, resource_group: str | None, expected: bool
) -> None:
    scope = Scope(
        assignment_id="a",
        subscription=subscription,
        resource_group=resource_group,
        filter=Filter(),
    )

    assert matches(scope, VM) is expected


def test_filter_counts_below_the_scope() -> None:
    assert not matches(a_scope(Filter(os_types=("Windows",))), VM)
    assert not matches(a_scope(Filter(resource_groups=("db",)), resource_group="web"), VM)


def test_filter_keeps_what_was_sent() -> None:
    sent = Filter(locations=("Japan East", "! UK South"), tags={"Env": ("B", "a")})

    assert sent.locations == ("Japan East", "! UK South")
    assert sent.tags == {"Env": ("B", "a")}


# --- what an inventory may be asked for ----------------------------------------------------------


def test_empty_filter_narrows_to_its_subscription_only() -> None:
    found = narrow(a_scope(Filter()))

    assert found.subscription == "s1"
    assert found.types == frozenset(MachineType)
    assert found.resource_groups == found.locations == Choice()
    assert found.os_types is None


def test_wanted_values_narrow_in_the_form_that_they_compare_in() -> None:
    found = narrow(
        a_scope(
            Filter(
                resource_types=("MICROSOFT.compute/virtualMachines",),
                resource_groups=("Web", "DB"),
                locations=("Japan East", "!UK South", "uksouth"),
                os_types=("!linux",),
            )
        )
    )

    assert found.types == {MachineType.AZURE_VM}
    assert found.resource_groups == Choice(wanted=frozenset({"web", "db"}))
    assert found.locations == Choice(wanted=frozenset({"japaneast"}))
    assert found.os_types == frozenset({OsType.WINDOWS})


def test_excluded_values_narrow_where_nothing_is_wanted() -> None:
    found = narrow(
        a_scope(Filter(resource_types=("!muster.onpremises/servers",), locations=("!X",)))
    )

    assert found.types == {MachineType.AZURE_VM, MachineType.ARC_SERVER}
    assert found.locations == Choice(unwanted=frozenset({"x"}))


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        pytest.param((), {"web"}, id="filter without groups"),
        pytest.param(("WEB", "db"), {"web"}, id="filter with that group"),
        pytest.param(("db",), set(), id="filter with another group"),
        pytest.param(("!web",), set(), id="filter that excludes the group"),
    ],
)
def test_group_of_the_scope_and_groups_of_the_filter_both_narrow(
    groups: tuple[str, ...], wanted: set[str]
) -> None:
    found = narrow(a_scope(Filter(resource_groups=groups), resource_group="Web"))

    assert found.resource_groups == Choice(wanted=frozenset(wanted))


# --- what is refused -----------------------------------------------------------------------------

Parser = Callable[[object], object]


@pytest.mark.parametrize(
    "parse", [parse_resource_types, parse_resource_groups, parse_locations, parse_os_types]
)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("eastus", id="string in place of a list"),
        pytest.param({"eastus": True}, id="object in place of a list"),
        pytest.param(False, id="false in place of a list"),
        pytest.param([1], id="number"),
        pytest.param([None], id="null in the list"),
        pytest.param([["eastus"]], id="list in the list"),
        pytest.param([""], id="empty string"),
        pytest.param([" \t"], id="blank string"),
        pytest.param(["!"], id="exclusion of nothing"),
        pytest.param(["! "], id="exclusion of a blank"),
        pytest.param(["!!Linux"], id="exclusion of an exclusion"),
    ],
)
def test_list_of_names_is_exactly_that(parse: Parser, value: object) -> None:
    with pytest.raises(InvalidRequestError):
        parse(value)


@pytest.mark.parametrize(
    "parse", [parse_resource_types, parse_resource_groups, parse_locations, parse_os_types]
)
@pytest.mark.parametrize("value", [None, []], ids=["null", "empty list"])
def test_null_and_empty_restrict_nothing(parse: Parser, value: object) -> None:
    assert parse(value) == ()


@pytest.mark.parametrize(
    ("parse", "value", "target", "words"),
    [
        pytest.param(
            parse_resource_types,
            ["Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"],
            "resourceTypes[1]",
            ("Microsoft.Compute/disks", *MachineType),
            id="unknown type",
        ),
        pytest.param(
            parse_resource_types,
            ["!Microsoft.Compute/disks"],
            "resourceTypes[0]",
            ("!Microsoft.Compute/disks", *MachineType),
            id="unknown type behind an exclamation mark",
        ),
        pytest.param(parse_os_types, ["Solaris"], "osTypes[0]", ("Solaris", *OsType), id="system"),
        pytest.param(parse_locations, ["a", " "], "locations[1]", ("blank",), id="blank location"),
        pytest.param(
            parse_tag_operator, "Some", "filterOperator", ("Any", "All"), id="unknown operator"
        ),
        pytest.param(parse_tag_operator, True, "filterOperator", ("Any",), id="operator no string"),
        pytest.param(parse_tags, [], "tags", ("map",), id="tags as a list"),
        pytest.param(parse_tags, {" ": ["a"]}, "tags. ", ("name",), id="tag without a name"),
        pytest.param(parse_tags, {"!": ["a"]}, "tags.!", ("name",), id="exclusion without a name"),
        pytest.param(parse_tags, {"!!a": ["b"]}, "tags.!!a", ("name",), id="tag excluded twice"),
        pytest.param(parse_tags, {"env": []}, "tags.env", ("no values",), id="tag without values"),
        pytest.param(parse_tags, {"env": "prod"}, "tags.env", ("list",), id="value not in a list"),
        pytest.param(parse_tags, {"env": None}, "tags.env", ("list",), id="tag that is null"),
        pytest.param(parse_tags, {"env": [1]}, "tags.env", ("strings",), id="value not a string"),
        pytest.param(
            parse_tags, {"env": ["a"], "ENV": ["b"]}, "tags.ENV", ("case",), id="one tag twice"
        ),
    ],
)
def test_refusal_names_the_field_and_what_is_allowed(
    parse: Parser, value: object, target: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(value)

    assert refusal.value.target == target
    assert all(word in refusal.value.message for word in words)


def test_path_of_the_field_in_its_body_comes_back_in_the_refusal() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_locations([7], target="properties.filter.locations")

    assert refusal.value.target == "properties.filter.locations"


def test_wanting_and_excluding_one_tag_is_no_repetition() -> None:
    assert parse_tags({"env": ["a"], "!env": []}) == {"env": ("a",), "!env": ()}


@pytest.mark.parametrize(
    ("value", "operator"),
    [(None, ANY), ("Any", ANY), ("all", ALL), ("ALL", ALL)],
)
def test_operator_is_read_without_case_and_is_any_by_default(
    value: object, operator: TagOperator
) -> None:
    assert parse_tag_operator(value) is operator


@pytest.mark.parametrize(
    ("sent", "said", "target"),
    [
        pytest.param(
            Filter(tags={f"t{number}": ("v",) for number in range(4)}),
            "at most 3 tags; this one has 4",
            "properties.filter.tagSettings.tags",
            id="tags",
        ),
        pytest.param(
            Filter(resource_groups=("a", "b", "!c")),
            "at most 2 resource groups; this one has 3",
            "properties.filter.resourceGroups",
            id="resource groups",
        ),
    ],
)
def test_filter_over_a_limit_is_refused_by_its_name(sent: Filter, said: str, target: str) -> None:
    with pytest.raises(LimitExceededError, match=said) as refusal:
        check_limits(sent, tags=3, resource_groups=2)

    assert refusal.value.target == target


def test_filter_within_the_limits_passes() -> None:
    check_limits(Filter(resource_groups=("a", "b"), tags={"t": ("v",)}), tags=1, resource_groups=2)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: Filter(resource_types=("disk",)), id="resource types"),
        pytest.param(lambda: Filter(resource_groups=("",)), id="resource groups"),
        pytest.param(lambda: Filter(locations=("!",)), id="locations"),
        pytest.param(lambda: Filter(os_types=("BeOS",)), id="os types"),
        pytest.param(lambda: Filter(tags={"env": ()}), id="tags"),
    ],
)
def test_no_filter_exists_that_its_parsers_would_refuse(build: Callable[[], Filter]) -> None:
    with pytest.raises(InvalidRequestError):
        build()
