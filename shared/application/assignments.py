"""Configuration assignments: static ones under a machine, dynamic scopes under a subscription or a resource group.

An assignment never outlives its configuration: after writing, a PUT reads the configuration again and takes back what
it wrote if that is gone, for a deletion under way may not have seen the assignment. One that was created anew under the
same id is another configuration. What a PUT leaves behind that died before it looked again was not acknowledged, and
goes before a configuration of that id is created.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from shared.application.callers import Caller, Role, require
from shared.application.document_size import check_size
from shared.application.documents import parse_assignment
from shared.application.merge_patch import merged
from shared.application.ports import (
    Services,
    StaleError,
    StoredAssignment,
    StoredConfiguration,
)
from shared.application.preconditions import UNCONDITIONAL, Preconditions, Written
from shared.domain.ids import ResourceId, id_key
from shared.domain.scope import check_limits
from shared.errors import ConflictError, LimitExceededError, NotFoundError

ASSIGNMENTS_SEGMENT = "/providers/Microsoft.Maintenance/configurationAssignments/"
_TARGET = "properties.maintenanceConfigurationId"
_ATTEMPTS = 5


async def put_assignment(
    services: Services,
    scope_id: str,
    *,
    name: str,
    document: Mapping[str, Any],
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> Written[StoredAssignment]:
    """Create or replace; the configuration that it names has to be there, and may be another than before.

    Raises `InvalidRequestError`, `LimitExceededError`, `PreconditionFailedError`, and `NotFoundError` for want of the
    configuration.
    """
    require(caller, Role.ADMINISTRATOR)
    check_size(services, document)
    fresh = new_assignment(services, scope_id, name=name, document=document, caller=caller)
    for _ in range(_ATTEMPTS):
        configuration = await _configuration_of(services, fresh)
        before = await services.assignments.get(scope_id, name)
        preconditions.check(before.etag if before else None)
        await _check_limit(services, fresh, before=before)
        home = await services.configurations.get(before.configuration_id) if before else None
        try:
            stored = await _store(services, fresh, before=before)
        except StaleError:
            continue
        if await _is_there(services, configuration):
            return Written(stored=stored, is_new=before is None)
        await _take_back(services, stored, before=before, home=home)
    raise ConflictError("Others keep changing this configuration assignment. Try again.")


async def patch_assignment(
    services: Services,
    scope_id: str,
    *,
    name: str,
    changes: Mapping[str, Any],
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> Written[StoredAssignment]:
    """Merge *changes* (RFC 7396: null removes, lists are replaced) and put the outcome."""
    require(caller, Role.ADMINISTRATOR)
    before = await get_assignment(services, scope_id, name=name, caller=caller)
    preconditions.check(before.etag)
    return await put_assignment(
        services,
        scope_id,
        name=name,
        document=merged(before.document, changes),
        caller=caller,
        preconditions=Preconditions.only(before.etag),
    )


async def get_assignment(
    services: Services, scope_id: str, *, name: str, caller: Caller
) -> StoredAssignment:
    """The assignment; raises `NotFoundError` when it is not there."""
    require(caller, Role.READER)
    stored = await services.assignments.get(scope_id, name)
    if stored is None:
        raise NotFoundError(f"There is no configuration assignment '{name}' under '{scope_id}'.")
    return stored


async def list_assignments(
    services: Services, scope_id: str, *, caller: Caller
) -> list[StoredAssignment]:
    """Those of one machine; of a subscription or a resource group, also those of everything in it."""
    require(caller, Role.READER)
    if ResourceId.parse(scope_id).type:
        return [one async for one in services.assignments.list(scope_id)]
    return [one async for one in services.assignments.list_within(scope_id)]


async def delete_assignment(
    services: Services,
    scope_id: str,
    *,
    name: str,
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> StoredAssignment | None:
    """Delete it; None when it was not there. Runs that are under way keep their machines."""
    require(caller, Role.ADMINISTRATOR)
    for _ in range(_ATTEMPTS):
        stored = await services.assignments.get(scope_id, name)
        if stored is None:
            return None
        preconditions.check(stored.etag)
        try:
            await services.assignments.delete(stored)
        except StaleError:
            continue
        return stored
    raise ConflictError("Others keep changing this configuration assignment. Try again.")


def new_assignment(
    services: Services, scope_id: str, *, name: str, document: Mapping[str, Any], caller: Caller
) -> StoredAssignment:
    """What a PUT would store; raises `InvalidRequestError` and `LimitExceededError`."""
    now, parsed = services.clock.now(), parse_assignment(scope_id, document)
    if parsed.filter:
        limits = services.limits
        check_limits(
            parsed.filter, tags=limits.tags_per_scope, resource_groups=limits.groups_per_scope
        )
    return StoredAssignment(
        id=ResourceId.parse(f"{scope_id}{ASSIGNMENTS_SEGMENT}{name}").text,
        scope_id=scope_id,
        name=name,
        configuration_id=parsed.configuration_id,
        document=document,
        created_at=now,
        created_by=caller.name,
        created_by_kind=caller.kind,
        modified_at=now,
        modified_by=caller.name,
        modified_by_kind=caller.kind,
    )


async def _configuration_of(
    services: Services, assignment: StoredAssignment
) -> StoredConfiguration:
    found = await services.configurations.get(assignment.configuration_id)
    if found is None or found.deleting:
        raise NotFoundError(
            f"There is no maintenance configuration '{assignment.configuration_id}'.",
            target=_TARGET,
        )
    return found


async def _is_there(services: Services, configuration: StoredConfiguration) -> bool:
    """Whether this very configuration is still there, changed perhaps, and not one that was created in its place."""
    found = await services.configurations.get(configuration.id)
    return found is not None and not found.deleting and found.created_at == configuration.created_at


async def _check_limit(
    services: Services, assignment: StoredAssignment, *, before: StoredAssignment | None
) -> None:
    """Refuse one dynamic scope more than the limit; two created in the same instant may both get in."""
    known = before is not None and _same_configuration(before, assignment)
    if known or not assignment.is_dynamic:
        return
    limit = services.limits.scopes_per_configuration
    others = [one async for one in services.assignments.list_of(assignment.configuration_id)]
    if sum(one.is_dynamic for one in others) >= limit:
        raise LimitExceededError(
            f"A maintenance configuration has at most {limit} dynamic scopes.", target=_TARGET
        )


def _same_configuration(one: StoredAssignment, other: StoredAssignment) -> bool:
    return id_key(one.configuration_id) == id_key(other.configuration_id)


async def _store(
    services: Services, fresh: StoredAssignment, *, before: StoredAssignment | None
) -> StoredAssignment:
    if before is None:
        return await services.assignments.insert(fresh)
    changed = replace(
        before,
        configuration_id=fresh.configuration_id,
        document=fresh.document,
        modified_at=fresh.modified_at,
        modified_by=fresh.modified_by,
        modified_by_kind=fresh.modified_by_kind,
    )
    return await services.assignments.replace(changed, before)


async def _take_back(
    services: Services,
    stored: StoredAssignment,
    *,
    before: StoredAssignment | None,
    home: StoredConfiguration | None,
) -> None:
    """Undo a write whose configuration went meanwhile; what somebody else wrote since is left alone.

    *home* is the configuration that *before* belonged to. Going back there is a write like any other: it may have gone
    too.
    """
    with suppress(StaleError):
        if before is None or home is None:
            await services.assignments.delete(stored)
            return
        restored = await services.assignments.replace(before, stored)
        if not await _is_there(services, home):
            await services.assignments.delete(restored)
