"""Whatever is sent, a body becomes a record or exactly one kind of error, and its meaning does not hang on its form."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.application.documents import parse_assignment, parse_configuration
from shared.application.merge_patch import merged
from shared.domain.configuration import MaintenanceConfiguration
from shared.entrypoints.arm.requests import decode_object
from shared.errors import InvalidRequestError
from tests.builders import CONFIGURATION, GROUP, a_configuration, a_machine, a_scope
from tests.property.strategies_time import UNTIMED

WORDS = st.sampled_from(
    [
        "",
        " ",
        "!",
        "Day",
        "Month day31",
        "User",
        "InGuestPatch",
        "InGuestPatchMode",
        "UTC",
        "02:00",
        "9999-12-31 23:59",
        "0001-01-01 00:00",
        "Critical",
        "KB5",
        "a=b=c",
        "[",
        "Any",
        GROUP,
        CONFIGURATION,
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
FILTER = {
    "resourceTypes": ["Microsoft.Compute/virtualMachines"],
    "resourceGroups": ["web"],
    "locations": ["!eastus"],
    "osTypes": ["Linux"],
    "tagSettings": {"tags": {"env": ["prod"], "!ring": []}, "filterOperator": "All"},
}


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all the values in a document."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def damaged(document: dict[str, Any], data: st.DataObject) -> Any:
    """The document with one to three values replaced, and perhaps a member more."""
    found: Any = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(found)))
        value = data.draw(JSON)
        if not path:
            continue
        target = found
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
        if isinstance(target, dict):
            target[data.draw(st.sampled_from([path[-1], "typo"]))] = value
    return found


def outcome(document: Any) -> MaintenanceConfiguration | list[tuple[str, str]]:
    """The record, or every mistake."""
    try:
        return parse_configuration(CONFIGURATION, document)
    except InvalidRequestError as error:
        mistakes = error.details
    assert mistakes
    assert all(one.target and one.message for one in mistakes)
    return sorted((one.target or "", one.message) for one in mistakes)


@UNTIMED
@given(st.data())
def test_damaged_configuration_is_read_or_refused(data: st.DataObject) -> None:
    outcome(damaged(a_configuration(), data))


@UNTIMED
@given(JSON)
def test_anything_at_all_is_read_or_refused(document: Any) -> None:
    outcome(document)
    outcome({"properties": document})


@UNTIMED
@given(st.data())
def test_damaged_assignment_is_read_or_refused(data: st.DataObject) -> None:
    document = damaged(a_scope(FILTER), data)
    for scope_id in (GROUP, a_machine().id):
        try:
            found = parse_assignment(scope_id, document)
        except InvalidRequestError:
            continue
        assert (found.filter is None) == (scope_id != GROUP)


@UNTIMED
@given(st.data())
def test_order_of_members_means_nothing(data: st.DataObject) -> None:
    document = damaged(a_configuration(), data)
    assert outcome(reversed_members(document)) == outcome(document)


def reversed_members(node: Any) -> Any:
    """The same document, members of every object from last to first."""
    if isinstance(node, dict):
        return {name: reversed_members(node[name]) for name in reversed(node)}
    return [reversed_members(one) for one in node] if isinstance(node, list) else node


@UNTIMED
@given(
    st.sampled_from(["maintenanceWindow", "installPatches"]),
    st.text(min_size=1, max_size=20),
)
def test_null_member_means_absent(where: str, name: str) -> None:
    document = a_configuration()
    document["properties"][where].setdefault(name, None)
    assert outcome(document) == outcome(a_configuration())


@UNTIMED
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_refused(content: bytes) -> None:
    try:
        found = decode_object(content)
    except InvalidRequestError:
        return
    assert isinstance(found, dict)


@UNTIMED
@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4))
def test_object_is_given_back_as_it_came(document: dict[str, Any]) -> None:
    content = json.dumps(document).encode()
    try:
        found = decode_object(content)
    except InvalidRequestError:
        assert "NaN" in str(content) or "Infinity" in str(content)
        return
    assert json.dumps(found) == json.dumps(document)


@UNTIMED
@given(st.dictionaries(WORDS, JSON, max_size=4), st.dictionaries(WORDS, JSON, max_size=4))
def test_patch_done_twice_changes_nothing_more(
    document: dict[str, Any], changes: dict[str, Any]
) -> None:
    once = merged(document, changes)
    assert repr(merged(once, changes)) == repr(once)
