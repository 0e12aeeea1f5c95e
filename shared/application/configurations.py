"""Maintenance configurations: create or replace, change, read, list, delete.

A write first tells the agenda to look at the configuration, naming the revision that is about to be stored, and then
stores it: whoever dies in between leaves a look that finds nothing new, never a document that nobody looks at.

A deletion marks the row, and from then on nothing of the configuration starts; what is left is done by
`finish_deletion`, again by the timer if need be: each of its steps may have been done before. A configuration inherits
nothing from one that had its id before, and whoever is still busy with that one takes nothing from its successor.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.application.callers import Caller, Role, require
from shared.application.document_size import check_size
from shared.application.documents import parse_configuration
from shared.application.merge_patch import merged
from shared.application.ports import Services, StaleError, StoredConfiguration
from shared.application.preconditions import UNCONDITIONAL, Preconditions, Written
from shared.application.record_occurrences import record_due
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.ids import ResourceId, id_key
from shared.domain.install_patches import azure_unsupported
from shared.domain.machine import OsType
from shared.domain.records import Cancellation, Run, run_key
from shared.domain.run import Reason, RunStatus
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
    check_size(services, document)
    place = ResourceId.parse(configuration_id)
    configuration = parse_configuration(place.text, document)
    for _ in range(_ATTEMPTS):
        before = await services.configurations.get(configuration_id)
        if before and before.deleting:
            raise ConflictError(f"'{before.id}' is being deleted. Try again in a minute.")
        preconditions.check(before.etag if before else None)
        await _check_limit(services, place, document=document, before=before)
        try:
            if before is None:
                stored = await _create(services, configuration, document=document, caller=caller)
            else:
                stored = await _change(services, before, caller=caller, document=document)
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
            marked = stored
            if not stored.deleting:
                marked = await _change(services, stored, caller=caller, deleting=True)
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
    with suppress(StaleError):  # another has finished, and somebody may have created it anew
        await _check_revision(services, stored.id, stored.revision)
        await record_due(services, stored, now=stored.modified_at)
        await _end_runs(services, stored, caller=caller)
        await _delete_assignments(services, stored.id, revision=stored.revision)
        await services.configurations.delete(stored)
    if entry and entry.revision == stored.revision:
        # Whoever has asked to look again since is right: the timer looks, and forgets what it does not find.
        with suppress(StaleError):
            await services.agenda.forget(entry)


async def _check_revision(services: Services, configuration_id: str, revision: str | None) -> None:
    """Raise `StaleError` unless the configuration has this revision; None means that there is none.

    Between listing what is to go and taking it away by the ETags that were listed, this is what spares a successor:
    all that was listed is older than it.
    """
    current = await services.configurations.get(configuration_id)
    if (current.revision if current else None) != revision:
        raise StaleError(configuration_id)


async def _end_runs(services: Services, stored: StoredConfiguration, *, caller: Caller) -> None:
    """Cancel what is open, and remove what only keeps a coming occurrence from starting: it was never a run."""
    gone = Cancellation(at=services.clock.now(), by=caller.name, reason=Reason.CONFIGURATION_GONE)
    while found := [run async for run in _runs_to_end(services, stored)]:
        await _check_revision(services, stored.id, stored.revision)
        for run in found:
            with suppress(StaleError):  # changed meanwhile: it is listed again
                if run.status.is_open:
                    await services.runs.replace(replace(run, cancellation=gone))
                else:
                    await services.runs.remove(run)


async def _runs_to_end(services: Services, stored: StoredConfiguration) -> AsyncIterator[Run]:
    """The open runs that nobody has cancelled, and the occurrences to come that somebody has."""
    async for run_id, _ in services.agenda.open_runs():
        is_own = id_key(run_id.configuration_id) == id_key(stored.id)
        run = await services.runs.get(run_id) if is_own else None
        if run and run.status.is_open and run.cancellation is None:
            yield run
    async for run in services.runs.list(stored.id, after=run_key(stored.modified_at)):
        if run.status is RunStatus.CANCELLED and run.frozen_at is None:
            yield run


async def _delete_assignments(
    services: Services, configuration_id: str, *, revision: str | None
) -> None:
    """Delete all that name the configuration, those too that somebody changes meanwhile."""
    while found := [one async for one in services.assignments.list_of(configuration_id)]:
        await _check_revision(services, configuration_id, revision)
        for assignment in found:
            with suppress(StaleError):
                await services.assignments.delete(assignment)


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


async def _create(
    services: Services,
    configuration: MaintenanceConfiguration,
    *,
    document: Mapping[str, Any],
    caller: Caller,
) -> StoredConfiguration:
    # A PUT that died may have left an assignment to a configuration that had this id before.
    await _delete_assignments(services, configuration.id, revision=None)
    now, revision = await _announce(services, configuration.id)
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


async def _change(
    services: Services, stored: StoredConfiguration, *, caller: Caller, **fields: Any
) -> StoredConfiguration:
    """Replace *fields*; a changed window first records what the old one had due, and counts from now."""
    now, revision = await _announce(services, stored.id)
    changed = replace(
        stored,
        revision=revision,
        modified_at=now,
        modified_by=caller.name,
        modified_by_kind=caller.kind,
        **fields,
    )
    if not _is_same_window(stored, changed):
        await record_due(services, stored, now=now)
        changed = replace(changed, window_since=now)
    return await services.configurations.replace(changed)


async def _announce(services: Services, configuration_id: str) -> tuple[datetime, str]:
    """The instant and the revision of a write that the agenda now expects."""
    now, revision = services.clock.now(), uuid4().hex
    await services.agenda.look_at(configuration_id, revision=revision, now=now)
    return now, revision


def _is_same_window(one: StoredConfiguration, other: StoredConfiguration) -> bool:
    """Whether two windows mean the same; their spelling does not count."""
    try:
        first, second = (parse_configuration(each.id, each.document) for each in (one, other))
    except InvalidRequestError:
        return False  # an older version stored what breaks a rule of this one
    return first.window == second.window
