"""Cancelling a run: before its start, while it waits, or while it is under way.

What has been started is never killed: jobs that are not yet `starting` end `Cancelled`, the others finish and are
recorded.
"""

from dataclasses import replace
from datetime import datetime

from shared.application.callers import Caller, Role, require
from shared.application.change_run import change_run
from shared.application.configurations import get_configuration
from shared.application.documents import parse_configuration
from shared.application.history import get_machine_run
from shared.application.ports import Services, StaleError, StoredConfiguration
from shared.application.record_occurrences import scheduled_run
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.records import Cancellation, Run, RunId, parse_run_key
from shared.domain.run import Reason, RunStatus
from shared.domain.window import MaintenanceWindow
from shared.errors import ConflictError


async def cancel_run(services: Services, run_id: RunId, *, caller: Caller) -> Run:
    """Cancel one run.

    A coming occurrence is stored as `Cancelled`, so that the timer will not start it; for a time that is none the
    answer says `Cancelled`, and nothing is stored. Raises `ConflictError` for a closed run, `NotFoundError` without a
    configuration.
    """
    require(caller, Role.OPERATOR)
    while True:
        run = await services.runs.get(run_id)
        if run is not None:
            return await _cancel_existing(services, run, caller)
        stored = await get_configuration(services, run_id.configuration_id, caller=caller)
        configuration = parse_configuration(stored.id, stored.document)
        run = _cancelled_run(services, stored, configuration, run_id=run_id, caller=caller)
        if not await _is_coming(services, stored, configuration.window, starts_at=run.starts_at):
            return run
        try:
            return await services.runs.insert(run)
        except StaleError:
            continue  # the timer was first: cancel what it started


async def cancel_machine_run(
    services: Services, machine_id: str, *, key: str, caller: Caller
) -> Run:
    """Cancel a run of this machine alone; raises as `get_machine_run`, and `ConflictError` for a run of more."""
    require(caller, Role.OPERATOR)
    run = await get_machine_run(services, machine_id, key=key, caller=caller)
    if not run.target:
        raise ConflictError(
            f"The run {run.id.text} is for other machines too: cancel it there, under its own id."
        )
    return await cancel_run(services, run.id, caller=caller)


async def _cancel_existing(services: Services, run: Run, caller: Caller) -> Run:
    cancelled = await _cancel(services, run.id, caller)
    if cancelled is not None:
        life = services.limits.run_message_life
        await services.outbox.ask_for_pass(run.id, time_to_live=life)
        return cancelled
    closed = await services.runs.get(run.id) or run
    if closed.status is RunStatus.CANCELLED:
        return closed  # a client's repetition of its own request
    raise ConflictError(f"The run is {closed.status} and can no longer be cancelled.")


async def _cancel(services: Services, run_id: RunId, caller: Caller) -> Run | None:
    cancellation = Cancellation(at=services.clock.now(), by=caller.name)

    def cancelled(run: Run) -> Run | None:
        if not run.status.is_open:
            return None
        return replace(run, cancellation=run.cancellation or cancellation)

    return await change_run(services, run_id, cancelled)


async def _is_coming(
    services: Services,
    stored: StoredConfiguration,
    window: MaintenanceWindow,
    *,
    starts_at: datetime,
) -> bool:
    """Whether this is an occurrence that has not been recorded yet."""
    entry = await services.agenda.get(stored.id)
    if starts_at < stored.window_since or not window.is_occurrence(starts_at):
        return False
    handled_up_to = entry.handled(stored.window_since) if entry else None
    return handled_up_to is None or starts_at > handled_up_to


def _cancelled_run(
    services: Services,
    stored: StoredConfiguration,
    configuration: MaintenanceConfiguration,
    *,
    run_id: RunId,
    caller: Caller,
) -> Run:
    now = services.clock.now()
    return replace(
        scheduled_run(stored, configuration, parse_run_key(run_id.key), now),
        created_by=caller.name,
        status=RunStatus.CANCELLED,
        reason=Reason.CANCELLED_BY_CALLER,
        message=f"The run was cancelled by {caller.name} before its start.",
        cancellation=Cancellation(at=now, by=caller.name),
        closed_at=now,
    )
