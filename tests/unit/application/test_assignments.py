"""Assignments: static ones, dynamic scopes, and that none outlives its configuration."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.application.assignments import (
    delete_assignment,
    get_assignment,
    list_assignments,
    patch_assignment,
    put_assignment,
)
from shared.application.callers import LOCAL, Caller, Role
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.application.ports import (
    AssignmentStore,
    ConfigurationStore,
    Services,
    StoredAssignment,
)
from shared.application.preconditions import ANY, Preconditions
from shared.errors import (
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    PreconditionFailedError,
)
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
)

OPERATOR = Caller(name="operator", role=Role.OPERATOR)
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
MACHINE = a_machine().id
OTHER = CONFIGURATION.replace("nightly", "weekly")


async def configured(**limits: int) -> Services:
    """Services that hold two configurations."""
    services = memory_services(MemoryClock(DAY_BEFORE), limits=Limits(**limits))  # type: ignore[arg-type]
    for one in (CONFIGURATION, OTHER):
        await put_configuration(services, one, document=a_configuration(), caller=LOCAL)
    return services


def a_static(configuration_id: str = CONFIGURATION) -> dict[str, Any]:
    """The document of a static assignment."""
    return {"properties": {"maintenanceConfigurationId": configuration_id}}


async def put(
    services: Services,
    scope_id: str = GROUP,
    name: str = "one",
    document: dict[str, Any] | None = None,
) -> StoredAssignment:
    """Store an assignment; a dynamic scope over every machine unless a document is given."""
    written = await put_assignment(
        services, scope_id, name=name, document=document or a_scope(), caller=LOCAL
    )
    return written.stored


async def of_configuration(services: Services, configuration_id: str) -> list[str]:
    """The names of a configuration's assignments."""
    return [one.name async for one in services.assignments.list_of(configuration_id)]


@pytest.mark.parametrize("scope_id", [WHOLE, GROUP])
async def test_scope_comes_back_as_it_was_sent(scope_id: str) -> None:
    services = await configured()
    document = a_scope({"tagSettings": {"tags": {"Env": ["Prod", "prod"]}}}) | {"odd": [1]}
    stored = await put(services, scope_id, document=document)
    assert stored.id == f"{scope_id}/providers/Microsoft.Maintenance/configurationAssignments/one"
    found = await get_assignment(services, scope_id.upper(), name="ONE", caller=OPERATOR)
    assert found == stored
    assert found.document == document


async def test_static_assignment_hangs_under_its_machine() -> None:
    services = await configured()
    stored = await put(services, MACHINE, document=a_static())
    assert await list_assignments(services, MACHINE, caller=OPERATOR) == [stored]
    assert await of_configuration(services, CONFIGURATION) == ["one"]


async def test_lists_of_a_subscription_and_a_group_hold_everything_in_them() -> None:
    services = await configured()
    await put(services, WHOLE, "whole")
    await put(services, GROUP, "group")
    await put(services, MACHINE, "machine", a_static())
    for scope_id, expected in (
        (WHOLE, {"whole", "group", "machine"}),
        (GROUP, {"group"}),
        (MACHINE, {"machine"}),
    ):
        found = await list_assignments(services, scope_id, caller=OPERATOR)
        assert {one.name for one in found} == expected


@pytest.mark.parametrize(
    ("scope_id", "document"),
    [
        pytest.param(MACHINE, a_scope(), id="a filter on a machine"),
        pytest.param(GROUP, a_static(), id="a scope without a filter"),
        pytest.param(CONFIGURATION, a_static(), id="on a configuration"),
    ],
)
async def test_what_is_misplaced_is_refused(scope_id: str, document: dict[str, Any]) -> None:
    services = await configured()
    with pytest.raises(InvalidRequestError):
        await put(services, scope_id, document=document)
    assert await of_configuration(services, CONFIGURATION) == []


@pytest.mark.parametrize("name", ["a%b", "x" * 400, "..", "a/b"])
async def test_name_that_no_id_can_hold_is_refused(name: str) -> None:
    services = await configured()
    with pytest.raises(InvalidRequestError):
        await put(services, name=name)


async def test_configuration_has_to_exist() -> None:
    services = await configured()
    with pytest.raises(NotFoundError) as caught:
        await put(services, document=a_scope(configuration_id=CONFIGURATION + "-not"))
    assert caught.value.target == "properties.maintenanceConfigurationId"


async def test_assignment_may_change_its_configuration() -> None:
    services = await configured()
    first = await put(services)
    second = await put(services, document=a_scope(configuration_id=OTHER))
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert await of_configuration(services, CONFIGURATION) == []
    assert await of_configuration(services, OTHER) == ["one"]


async def test_limit_counts_dynamic_scopes_of_one_configuration() -> None:
    services = await configured(scopes_per_configuration=1)
    await put(services, MACHINE, "static", a_static())
    await put(services)
    await put(services)
    with pytest.raises(LimitExceededError, match="at most 1 "):
        await put(services, name="two")
    await put(services, MACHINE, "static too", a_static())
    await put(services, name="two", document=a_scope(configuration_id=OTHER))
    with pytest.raises(LimitExceededError):
        await put(services, name="two")


async def test_limits_of_a_filter_bind_what_is_put_and_leave_what_is_stored() -> None:
    services = await configured(groups_per_scope=2)
    with pytest.raises(LimitExceededError) as caught:
        await put(services, document=a_scope({"resourceGroups": ["a", "b", "c"]}))
    assert caught.value.target == "properties.filter.resourceGroups"
    stored = await put(services, document=a_scope({"resourceGroups": ["a", "b"]}))
    stricter = replace(services, limits=replace(services.limits, groups_per_scope=1))
    assert [one async for one in stricter.assignments.list_of(CONFIGURATION)] == [stored]


class GoneAtSecondLook:
    """A store of which one configuration goes between the two looks that a PUT takes."""

    def __init__(self, inner: ConfigurationStore, gone: str = CONFIGURATION) -> None:
        self._inner = inner
        self._gone = gone
        self._looks = 0

    async def get(self, configuration_id: str) -> Any:
        self._looks += configuration_id == self._gone
        is_gone = configuration_id == self._gone and self._looks > 1
        return None if is_gone else await self._inner.get(configuration_id)


async def test_assignment_whose_configuration_went_meanwhile_is_taken_back() -> None:
    services = await configured()
    vanishing: Any = GoneAtSecondLook(services.configurations)
    with pytest.raises(NotFoundError):
        await put(replace(services, configurations=vanishing))
    assert await services.assignments.get(GROUP, "one") is None
    assert await of_configuration(services, CONFIGURATION) == []


async def test_assignment_goes_back_to_its_configuration_when_the_new_one_went_meanwhile() -> None:
    services = await configured()
    first = await put(services)
    vanishing: Any = GoneAtSecondLook(services.configurations, OTHER)
    with pytest.raises(NotFoundError):
        await put(
            replace(services, configurations=vanishing), document=a_scope(configuration_id=OTHER)
        )
    found = await services.assignments.get(GROUP, "one")
    assert found
    assert found.document == first.document
    assert await of_configuration(services, CONFIGURATION) == ["one"]
    assert await of_configuration(services, OTHER) == []


class OvertakenOnce:
    """A store in which somebody else writes just before the first insert."""

    def __init__(self, inner: AssignmentStore) -> None:
        self._inner = inner
        self._first = True

    async def insert(self, assignment: StoredAssignment) -> StoredAssignment:
        if self._first:
            self._first = False
            await self._inner.insert(replace(assignment, created_by="somebody else"))
        return await self._inner.insert(assignment)

    def list_of(self, configuration_id: str) -> AsyncIterator[StoredAssignment]:
        return self._inner.list_of(configuration_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_put_that_is_overtaken_replaces() -> None:
    services = await configured()
    overtaken: Any = OvertakenOnce(services.assignments)
    written = await put_assignment(
        replace(services, assignments=overtaken),
        GROUP,
        name="one",
        document=a_scope({"osTypes": ["Linux"]}),
        caller=LOCAL,
    )
    assert not written.is_new
    assert written.stored.created_by == "somebody else"
    assert await services.assignments.get(GROUP, "one") == written.stored


async def test_conditions_are_heeded() -> None:
    services = await configured()
    first = await put(services)
    second = await put(services)
    stale, current = Preconditions.only(first.etag), Preconditions.only(second.etag)
    with pytest.raises(PreconditionFailedError):
        await put_assignment(
            services,
            GROUP,
            name="one",
            document=a_scope(),
            caller=LOCAL,
            preconditions=Preconditions(if_none_match=ANY),
        )
    with pytest.raises(PreconditionFailedError):
        await delete_assignment(services, GROUP, name="one", caller=LOCAL, preconditions=stale)
    assert await delete_assignment(services, GROUP, name="one", caller=LOCAL, preconditions=current)


async def test_patch_changes_only_what_it_names() -> None:
    services = await configured()
    await put(services, document=a_scope({"osTypes": ["Linux"], "locations": ["eastus"]}))
    changes = {"properties": {"filter": {"locations": None}}}
    written = await patch_assignment(services, GROUP, name="one", changes=changes, caller=LOCAL)
    assert written.stored.document == a_scope({"osTypes": ["Linux"]})


async def test_deleting_what_is_gone_answers_none() -> None:
    services = await configured()
    await put(services)
    assert await delete_assignment(services, GROUP, name="one", caller=LOCAL)
    assert await delete_assignment(services, GROUP, name="one", caller=LOCAL) is None
    assert await of_configuration(services, CONFIGURATION) == []
    with pytest.raises(NotFoundError):
        await get_assignment(services, GROUP, name="one", caller=LOCAL)


async def test_only_administrators_write() -> None:
    services = await configured()
    await put(services)
    for forbidden in (
        put_assignment(services, GROUP, name="two", document=a_scope(), caller=OPERATOR),
        patch_assignment(services, GROUP, name="one", changes={}, caller=OPERATOR),
        delete_assignment(services, GROUP, name="one", caller=OPERATOR),
    ):
        with pytest.raises(ForbiddenError):
            await forbidden
