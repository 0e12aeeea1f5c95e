"""Starting a run on demand: by HTTP, for a whole configuration or for one machine, or by a message.

Clients repeat requests by themselves, so the same request while its run is active answers with that run, and a
request id starts one run for ever. A cancelled run is no longer active, though it may still finish what it started.
A run's key is the next free second, never a full minute: occurrences begin on full minutes, so the two can't meet,
whatever the window becomes. Rivals for one second part ways over the seconds after it.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from shared.application.callers import Caller, Role, require
from shared.application.configurations import get_configuration
from shared.application.documents import parse_configuration
from shared.application.find_machine import configurations_matching, find_machine
from shared.application.ports import Services, StaleError, StoredConfiguration
from shared.application.record_occurrences import scheduled_run
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.records import Run, RunId, RunKind, run_key
from shared.errors import ConflictError, NotFoundError

_ATTEMPTS = 20
_FARTHEST = timedelta(minutes=4)
"""How far ahead of now the search for a free second begins at most."""


async def start_configuration_run(
    services: Services,
    configuration_id: str,
    *,
    caller: Caller,
    request_id: str = "",
    target: str = "",
) -> Run:
    """Start a run of a configuration now, or answer with the one that is active.

    *target* is the id of the only machine, or empty for all. Raises `NotFoundError`, and `ConflictError` when others
    keep starting runs of it.
    """
    require(caller, Role.OPERATOR)
    for attempt in range(_ATTEMPTS):
        stored = await get_configuration(services, configuration_id, caller=caller)
        active = await services.runs.active_on_demand(stored.id, target=target)
        if run := await _known(services, stored, active=active, request_id=request_id):
            return run
        configuration = parse_configuration(stored.id, stored.document)
        now = services.clock.now()
        key = await _free_key(services, configuration, after=now + _ahead(target, attempt))
        run = replace(
            scheduled_run(stored, configuration, now, now),
            key=key,
            kind=RunKind.ON_DEMAND,
            created_by=caller.name,
            request_id=request_id,
            target=target,
        )
        # Dying after this line leaves an entry without a run, which a later tick clears away.
        await services.agenda.open_run(run.id, now=run.created_at)
        try:
            run = await services.runs.insert_on_demand(run, replaces=active)
        except StaleError:
            continue
        life = services.limits.run_message_life
        await services.outbox.ask_for_pass(run.id, time_to_live=life)
        return run
    raise ConflictError("Others keep starting runs of this configuration. Try again.")


async def start_machine_runs(services: Services, machine_id: str, *, caller: Caller) -> Run:
    """Start a run, with this machine only, of each configuration that matches it now.

    The answer is the run with the latest key. Raises `NotFoundError` when nothing matches or there is no such machine.
    """
    require(caller, Role.OPERATOR)
    machine = (await find_machine(services, machine_id)).machine
    runs = []
    for one in await configurations_matching(services, machine):
        # One that is being deleted is skipped: the answer must not hide the runs that did start.
        with suppress(NotFoundError):
            runs.append(
                await start_configuration_run(services, one, caller=caller, target=machine.id)
            )
    if not runs:
        raise NotFoundError(f"No maintenance configuration matches {machine_id}.")
    return max(runs, key=lambda run: run.key)


async def _known(
    services: Services, stored: StoredConfiguration, *, active: str, request_id: str
) -> Run | None:
    """The run that this request started already, or the active one, which it then joins."""
    if request_id:
        key = await services.runs.of_request(stored.id, request_id=request_id)
        if key:
            return await services.runs.get(RunId(configuration_id=stored.id, key=key))
    if not active:
        return None
    run = await services.runs.get(RunId(configuration_id=stored.id, key=active))
    if run is None or not run.status.is_open or run.cancellation:
        return None
    if request_id:
        await services.runs.join_request(stored.id, request_id=request_id, key=run.key)
    return run


def _ahead(target: str, attempt: int) -> timedelta:
    """How far ahead of now to look for a free second.

    Of those who start runs for many machines at once only one gets the next second: at each further attempt the
    others are scattered, by target, over twice as many.
    """
    seconds = min(2**attempt, _FARTHEST // timedelta(seconds=1))
    scattered = hashlib.sha256(f"{attempt} {target}".encode()).digest()
    return timedelta(seconds=int.from_bytes(scattered) % seconds)


async def _free_key(
    services: Services, configuration: MaintenanceConfiguration, *, after: datetime
) -> str:
    second = after.replace(microsecond=0)
    while not await _is_free(
        services, configuration.id, second
    ) or configuration.window.is_occurrence(second):
        second += timedelta(seconds=1)
    return run_key(second)


async def _is_free(services: Services, configuration_id: str, second: datetime) -> bool:
    if second.second == 0:
        return False
    run_id = RunId(configuration_id=configuration_id, key=run_key(second))
    return await services.runs.get(run_id) is None
