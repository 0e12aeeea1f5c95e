"""Configurations and assignments: what is written is found, whoever dies halfway."""

from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.storage.documents import ASSIGNMENTS, BY_CONFIGURATION
from shared.adapters.storage.rows import Rows, Verb, Write
from shared.adapters.storage.stores import Stores
from shared.application.ports import StaleError
from shared.domain.records import RunId
from shared.errors import InvalidRequestError
from tests.builders import CONFIGURATION, GROUP, SUBSCRIPTION, a_machine
from tests.contract.records import OTHER, RUN, SCOPE, a_configuration, a_job, an_assignment

# --- configurations ------------------------------------------------------------------------------


async def test_configuration_is_read_back_whole_under_any_case(stored: Stores) -> None:
    written = await stored["configurations"].insert(a_configuration())
    assert await stored["configurations"].get(CONFIGURATION.upper()) == written
    assert replace(written, etag="") == a_configuration()


async def test_second_configuration_of_one_id_loses(stored: Stores) -> None:
    await stored["configurations"].insert(a_configuration())
    with pytest.raises(StaleError):
        await stored["configurations"].insert(a_configuration(CONFIGURATION.upper()))


async def test_configuration_is_replaced_by_its_etag_only(stored: Stores) -> None:
    first = await stored["configurations"].insert(a_configuration())
    second = await stored["configurations"].replace(replace(first, deleting=True))
    with pytest.raises(StaleError):
        await stored["configurations"].replace(replace(first, document={}))
    assert await stored["configurations"].get(CONFIGURATION) == second


async def test_configuration_is_deleted_by_its_etag_and_deleting_again_is_fine(
    stored: Stores,
) -> None:
    first = await stored["configurations"].insert(a_configuration())
    second = await stored["configurations"].replace(first)
    with pytest.raises(StaleError):
        await stored["configurations"].delete(first)
    for _ in range(2):
        await stored["configurations"].delete(second)
    assert await stored["configurations"].get(CONFIGURATION) is None


async def test_configurations_are_listed_by_subscription_and_by_group(stored: Stores) -> None:
    neighbour = OTHER.replace("/ops/", "/ops2/")
    stranger = OTHER.replace(SUBSCRIPTION, "2" + SUBSCRIPTION[1:])
    for one in (CONFIGURATION, OTHER, neighbour, stranger):
        await stored["configurations"].insert(a_configuration(one))
    in_subscription = {one.id async for one in stored["configurations"].list(SCOPE.upper())}
    assert in_subscription == {CONFIGURATION, OTHER, neighbour}
    in_group = [one.id async for one in stored["configurations"].list(GROUP)]
    assert in_group == [CONFIGURATION, OTHER]


async def test_configuration_of_a_group_called_providers_is_listed_there(stored: Stores) -> None:
    group = GROUP.replace("/ops", "/providers")
    there = CONFIGURATION.replace(GROUP, group)
    await stored["configurations"].insert(a_configuration(there))
    assert [one.id async for one in stored["configurations"].list(group)] == [there]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="an empty one"),
        pytest.param({"text": "a'b\"c\\ \t\u2028 \x7f ü 東京"}, id="hostile text"),
        pytest.param({"long": "x" * 100_000}, id="over several columns"),
        pytest.param({"long": "🐧" * 40_000}, id="two UTF-16 units a character"),
        pytest.param({"n": [1.5, 10**20, True, None, {}]}, id="numbers and nothing"),
    ],
)
async def test_document_comes_back_as_it_was(stored: Stores, document: dict[str, Any]) -> None:
    await stored["configurations"].insert(a_configuration(document=document))
    found = await stored["configurations"].get(CONFIGURATION)
    assert found is not None
    assert found.document == document


async def test_shorter_document_leaves_nothing_of_the_longer_one(stored: Stores) -> None:
    first = await stored["configurations"].insert(a_configuration(document={"a": "x" * 90_000}))
    await stored["configurations"].replace(replace(first, document={"b": 1}))
    found = await stored["configurations"].get(CONFIGURATION)
    assert found is not None
    assert found.document == {"b": 1}


async def test_configuration_whose_runs_would_have_no_key_is_refused(stored: Stores) -> None:
    too_long = CONFIGURATION + "x" * (450 - len(CONFIGURATION))
    with pytest.raises(InvalidRequestError, match="characters"):
        await stored["configurations"].insert(a_configuration(too_long))
    longest = CONFIGURATION + "x" * (440 - len(CONFIGURATION))
    await stored["configurations"].insert(a_configuration(longest))
    await stored["jobs"].insert(RunId(configuration_id=longest, key=RUN.key), [a_job()])


# --- assignments ---------------------------------------------------------------------------------


async def of(stored: Stores, configuration: str = CONFIGURATION) -> list[str]:
    return sorted([one.name async for one in stored["assignments"].list_of(configuration)])


async def test_assignment_is_found_by_scope_and_by_configuration(stored: Stores) -> None:
    written = await stored["assignments"].insert(an_assignment("All"))
    assert await stored["assignments"].get(SCOPE.upper(), "aLL") == written
    assert await of(stored, CONFIGURATION.upper()) == ["All"]
    assert [one async for one in stored["assignments"].list(SCOPE)] == [written]


async def test_second_assignment_of_one_name_loses(stored: Stores) -> None:
    await stored["assignments"].insert(an_assignment("all"))
    with pytest.raises(StaleError):
        await stored["assignments"].insert(an_assignment("ALL"))


async def test_assignments_of_a_configuration_are_all_listed_however_many(stored: Stores) -> None:
    names = [f"a{n:03}" for n in range(70)]
    for name in names:
        await stored["assignments"].insert(an_assignment(name))
    assert await of(stored) == names


async def test_assignment_that_moves_is_listed_where_it_is(stored: Stores) -> None:
    first = await stored["assignments"].insert(an_assignment())
    moved = replace(first, configuration_id=OTHER)
    second = await stored["assignments"].replace(moved, first)
    assert (await of(stored), await of(stored, OTHER)) == ([], ["all"])
    with pytest.raises(StaleError):
        await stored["assignments"].replace(first, first)
    assert await stored["assignments"].get(SCOPE, "all") == second
    assert (await of(stored), await of(stored, OTHER)) == ([], ["all"])


async def test_deleted_assignment_is_gone_unless_it_was_changed_meanwhile(stored: Stores) -> None:
    first = await stored["assignments"].insert(an_assignment())
    second = await stored["assignments"].replace(first, first)
    with pytest.raises(StaleError):
        await stored["assignments"].delete(first)
    assert await of(stored) == ["all"]
    await stored["assignments"].delete(second)
    await stored["assignments"].delete(second)
    assert await stored["assignments"].get(SCOPE, "all") is None
    assert await of(stored) == []


async def test_assignments_within_a_scope_include_those_of_its_machines(stored: Stores) -> None:
    machine = a_machine().id
    neighbour = f"{SCOPE}/resourceGroups/web2"
    for scope in (SCOPE, f"{SCOPE}/resourceGroups/web", neighbour, machine):
        await stored["assignments"].insert(an_assignment(scope=scope))
    within = [a.scope_id async for a in stored["assignments"].list_within(SCOPE)]
    assert len(within) == 4
    group = f"{SCOPE}/resourceGroups/web"
    within = [a.scope_id async for a in stored["assignments"].list_within(group)]
    assert within == [group, machine]


async def test_index_without_its_document_counts_for_nothing(rows: Rows, stored: Stores) -> None:
    """An insertion that died before the document, or a deletion that died before the index, leaves that."""
    await stored["assignments"].insert(an_assignment())
    await stored["assignments"].insert(an_assignment("other", configuration=OTHER))
    (document,) = [row async for row in rows.query(ASSIGNMENTS, ()) if row.values["name"] == "all"]
    await rows.write(ASSIGNMENTS, Write(verb=Verb.DELETE, row=document))
    assert await of(stored) == []
    await stored["assignments"].insert(an_assignment())
    assert await of(stored) == ["all"]


async def test_index_that_a_dead_move_left_behind_does_not_count(
    rows: Rows, stored: Stores
) -> None:
    first = await stored["assignments"].insert(an_assignment())
    index = [row async for row in rows.query(BY_CONFIGURATION, ())]
    await stored["assignments"].replace(replace(first, configuration_id=OTHER), first)
    await rows.write(BY_CONFIGURATION, Write(verb=Verb.REPLACE, row=replace(index[0], etag="")))
    assert await of(stored) == []
    assert await of(stored, OTHER) == ["all"]
