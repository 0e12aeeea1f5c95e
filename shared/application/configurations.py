"""Maintenance configurations: create or replace, change, read, list, delete.

A write first tells the agenda to look at the configuration, naming the revision that is about to be stored, and then
stores it: whoever dies in between leaves a look that finds nothing new, never a document that nobody looks at.

A deletion marks the row, and from then on nothing of the configuration starts; what is left is done by
`finish_deletion`, again by the timer if need be: each of its steps may have been done before.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.application.callers import Caller, Role, require
from shared.application.cancel_run import cancel_open_runs
from shared.application.documents import parse_configuration
from shared.application.merge_patch import merged
from shared.application.ports import Services, StaleError, StoredConfiguration
from shared.application.preconditions import UNCONDITIONAL, Preconditions, Written
from shared.application.record_occurrences import record_due
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.ids import ResourceId
from shared.domain.install_patches import azure_unsupported
from shared.domain.machine import OsType
from shared.domain.window import MaintenanceWindow
from shared.errors import (
    ConflictError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
)

_ATTEMPTS = 5


async def put_configuration(
    services: Services,
    configuration_id: str,
    *,
    document: Mapping[str, Any],
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> Written[StoredConfiguration]:
    """Create or replace; what is replaced keeps the spelling of its id.

    A changed window first records what the old one had due. Raises `InvalidRequestError`, `LimitExceededError`,
    `PreconditionFailedError`, and `ConflictError` while the configuration is being deleted.
    """
    require(caller, Role.ADMINISTRATOR)
    place = ResourceId.parse(configuration_id)
    configuration = parse_configuration(place.text, document)
    for _ in range(_ATTEMPTS):
        before = await services.configurations.get(configuration_id)
        _refuse_deleting(before)
        preconditions.check(before.etag if before else None)
        await _check_limit(services, place, document=document, before=before)
        try:
            stored = await _store(
                services, configuration, document=document, caller=caller, before=before
            )
        except StaleError:
            continue
        warning = azure_unsupported(configuration.effective, OsType.LINUX)
        return Written(stored=stored, is_new=before is None, warning=warning or "")
    raise ConflictError("Others keep changing this configuration. Try again.")


async def patch_configuration(
    services: Services,
    configuration_id: str,
    *,
    changes: Mapping[str, Any],
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> Written[StoredConfiguration]:
    """Merge *changes* (RFC 7396: null removes, lists are replaced) and put the outcome."""
    require(caller, Role.ADMINISTRATOR)
    before = await get_configuration(services, configuration_id, caller=caller)
    preconditions.check(before.etag)
    return await put_configuration(
        services,
        configuration_id,
        document=merged(before.document, changes),
        caller=caller,
        preconditions=Preconditions.only(before.etag),
    )


async def get_configuration(
    services: Services, configuration_id: str, *, caller: Caller
) -> StoredConfiguration:
    """The configuration; raises `NotFoundError` when it is not there or is being deleted."""
    require(caller, Role.READER)
    stored = await services.configurations.get(configuration_id)
    if stored is None or stored.deleting:
        raise NotFoundError(f"There is no maintenance configuration '{configuration_id}'.")
    return stored


async def list_configurations(
    services: Services, scope_id: str, *, caller: Caller
) -> list[StoredConfiguration]:
    """Those of a subscription or a resource group."""
    require(caller, Role.READER)
    return [one async for one in _living(services, scope_id)]


async def delete_configuration(
    services: Services,
    configuration_id: str,
    *,
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> StoredConfiguration | None:
    """Delete it, its assignments with it, and cancel its open runs; past runs stay. None when it was not there."""
    require(caller, Role.ADMINISTRATOR)
    for _ in range(_ATTEMPTS):
        stored = await services.configurations.get(configuration_id)
        if stored is None:
            return None
        preconditions.check(stored.etag)
        try:
            marked = stored if stored.deleting else await _mark(services, stored, caller=caller)
        except StaleError:
            continue
        await finish_deletion(services, marked, caller=caller)
        return marked
    raise ConflictError("Others keep changing this configuration. Try again.")


async def finish_deletion(
    services: Services, stored: StoredConfiguration, *, caller: Caller
) -> None:
    """Do what is left of deleting a configuration whose row is marked; doing it again changes nothing.

    What was due when it was marked is recorded first, so that it ends `Cancelled` or `Missed` and is not silently lost.
    """
    entry = await services.agenda.get(stored.id)
    if not await _is_still(services, stored):
        return
    await _record_what_was_due(services, stored, now=stored.modified_at)
    await cancel_open_runs(services, stored.id, caller=caller)
    await _delete_assignments(services, stored.id)
    with suppress(StaleError):
        await services.configurations.delete(stored)
    if entry and entry.revision == stored.revision:
        # Whoever has asked to look again since is right: the timer looks, and forgets what it does not find.
        with suppress(StaleError):
            await services.agenda.forget(entry)


async def _is_still(services: Services, stored: StoredConfiguration) -> bool:
    """Whether the row is the one that was marked: another may have finished, and somebody created it anew."""
    current = await services.configurations.get(stored.id)
    return current is not None and current.revision == stored.revision


async def _delete_assignments(services: Services, configuration_id: str) -> None:
    """Delete them all, those too that somebody changes meanwhile: no more can name a configuration that goes."""
    while found := [one async for one in services.assignments.list_of(configuration_id)]:
        for assignment in found:
            with suppress(StaleError):
                await services.assignments.delete(assignment)


def _refuse_deleting(stored: StoredConfiguration | None) -> None:
    if stored and stored.deleting:
        raise ConflictError(
            f"The maintenance configuration '{stored.id}' is being deleted. Try again in a minute."
        )


async def _living(services: Services, scope_id: str) -> AsyncIterator[StoredConfiguration]:
    async for stored in services.configurations.list(scope_id):
        if not stored.deleting:
            yield stored


async def _check_limit(
    services: Services,
    place: ResourceId,
    *,
    document: Mapping[str, Any],
    before: StoredConfiguration | None,
) -> None:
    """Refuse one more than the limit; two that are created in the same instant may both get in."""
    region, limit = _region(document), services.limits.configurations_per_region
    if before and _region(before.document) == region:
        return
    subscription = f"/subscriptions/{place.subscription}"
    living = [_region(one.document) async for one in _living(services, subscription)]
    if living.count(region) >= limit:
        raise LimitExceededError(
            f"A subscription has at most {limit} maintenance configurations in one region; "
            f"there are {limit} in '{region}'.",
            target="location",
        )


def _region(document: Mapping[str, Any]) -> str:
    return "".join(str(document.get("location") or "").split()).lower()


async def _store(
    services: Services,
    configuration: MaintenanceConfiguration,
    *,
    document: Mapping[str, Any],
    caller: Caller,
    before: StoredConfiguration | None,
) -> StoredConfiguration:
    now, revision = services.clock.now(), uuid4().hex
    await services.agenda.look_at(configuration.id, revision=revision, now=now)
    if before is None:
        return await services.configurations.insert(
            StoredConfiguration(
                id=configuration.id,
                document=document,
                window_since=now,
                revision=revision,
                created_at=now,
                created_by=caller.name,
                created_by_kind=caller.kind,
                modified_at=now,
                modified_by=caller.name,
                modified_by_kind=caller.kind,
            )
        )
    since = before.window_since
    if not _has_window(before, configuration.window):
        await _record_what_was_due(services, before, now=now)
        since = now
    return await services.configurations.replace(
        replace(
            before,
            document=document,
            window_since=since,
            revision=revision,
            modified_at=now,
            modified_by=caller.name,
            modified_by_kind=caller.kind,
        )
    )


async def _mark(
    services: Services, stored: StoredConfiguration, *, caller: Caller
) -> StoredConfiguration:
    now, revision = services.clock.now(), uuid4().hex
    await services.agenda.look_at(stored.id, revision=revision, now=now)
    return await services.configurations.replace(
        replace(
            stored,
            deleting=True,
            revision=revision,
            modified_at=now,
            modified_by=caller.name,
            modified_by_kind=caller.kind,
        )
    )


def _has_window(stored: StoredConfiguration, window: MaintenanceWindow) -> bool:
    """Whether a stored window means the same; its spelling does not count."""
    known = _readable(stored)
    return known is not None and known.window == window


async def _record_what_was_due(
    services: Services, stored: StoredConfiguration, *, now: datetime
) -> None:
    if _readable(stored) is None:
        return
    entry = await services.agenda.get(stored.id)
    await record_due(
        services, stored, handled_up_to=entry.handled_up_to if entry else None, now=now
    )


def _readable(stored: StoredConfiguration) -> MaintenanceConfiguration | None:
    """What an older version stored may break a rule of this one; then nothing of it can be due."""
    try:
        return parse_configuration(stored.id, stored.document)
    except InvalidRequestError:
        return None
