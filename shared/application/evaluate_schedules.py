"""The timer's pass: which occurrences are due, which were missed, and which runs are to go on.

The tick carries no data: everything follows from stored state, so a lost, late or doubled tick changes nothing. A
run's key is its occurrence; inserting it twice fails, and that is the lock. *Handled up to* moves only over what is
recorded.
"""

import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared import logs
from shared.application.callers import TIMER
from shared.application.concurrency import gather_bounded
from shared.application.configurations import finish_deletion
from shared.application.documents import parse_configuration
from shared.application.ports import AgendaEntry, Services, StaleError, StoredConfiguration
from shared.application.record_occurrences import missed_run, occurrences_due, start_occurrence
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.records import Run, RunId
from shared.domain.schedule import Due
from shared.errors import MusterError

_log = logging.getLogger(__name__)
T = TypeVar("T")

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_BATCH = 100
_ABANDONED_WRITE = timedelta(minutes=10)
_ABANDONED_RUN = timedelta(hours=24)


async def evaluate_schedules(services: Services) -> None:
    """Start what is due, record what was missed, and ask for a pass over every open run.

    The latest startable occurrence of every configuration comes first, then the backlog, oldest first.
    """
    now = services.clock.now()
    entries = [entry async for entry in services.agenda.due(now)]
    looks = await gather_bounded(
        (_isolated(entry, _start_latest(services, entry, now)) for entry in entries),
        services.limits.parallel,
    )
    for look in looks:
        if look and services.clock.now() - now < services.limits.tick_time:
            await _isolated(look.entry, _record_backlog(services, look, now))
    await ask_for_passes(services)


async def _isolated(entry: AgendaEntry, work: Awaitable[T]) -> T | None:
    """Its result; None if one configuration is in trouble, which must not stop the others."""
    try:
        return await work
    except (MusterError, ValueError) as error:
        logs.event(
            _log,
            "configuration.held",
            level=logging.ERROR,
            configuration=entry.configuration_id,
            problem=error,
        )
        return None


async def ask_for_passes(services: Services) -> None:
    """Send one message for every open run; it lives ten minutes, so that a backlog can't grow."""
    now = services.clock.now()
    runs = [found async for found in services.agenda.open_runs()]

    async def ask(run_id: RunId, opened_at: datetime) -> None:
        if now - opened_at > _ABANDONED_RUN and await services.runs.get(run_id) is None:
            # Its writer died between the agenda and the run row: nothing of it was acknowledged.
            await services.agenda.close_run(run_id)
            return
        await services.outbox.ask_for_pass(run_id, time_to_live=services.limits.run_message_life)

    await gather_bounded((ask(*found) for found in runs), services.limits.parallel)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A configuration that a tick looks at."""

    entry: AgendaEntry
    stored: StoredConfiguration
    configuration: MaintenanceConfiguration
    due: Due


async def _start_latest(services: Services, entry: AgendaEntry, now: datetime) -> _Look | None:
    stored = await services.configurations.get(entry.configuration_id)
    if stored is None:
        await _forget_abandoned(services, entry, now)
        return None
    if stored.deleting:
        await finish_deletion(services, stored, caller=TIMER)
        return None
    configuration = parse_configuration(stored.id, stored.document)
    handled_up_to = entry.handled(stored.window_since)
    found = occurrences_due(stored, configuration, handled_up_to=handled_up_to, now=now)
    await start_occurrence(services, stored, found.start, configuration, now)
    return _Look(entry=entry, stored=stored, configuration=configuration, due=found)


async def _forget_abandoned(services: Services, entry: AgendaEntry, now: datetime) -> None:
    """An entry without a document is a write under way, or one whose writer died."""
    if entry.touched_at and now - entry.touched_at < _ABANDONED_WRITE:
        return
    with suppress(StaleError):
        await services.agenda.forget(entry)


async def _record_backlog(services: Services, look: _Look, now: datetime) -> None:
    entry, batch = replace(look.entry, window_since=look.stored.window_since), list[Run]()
    for starts_at in look.due.missed:
        batch.append(missed_run(look.stored, look.configuration, starts_at, now))
        if len(batch) < _BATCH:
            continue
        await services.runs.insert_closed(batch)
        entry, batch = replace(entry, handled_up_to=starts_at), []
        if services.clock.now() - now > services.limits.tick_time:
            break
    else:
        await services.runs.insert_closed(batch)
        following = look.configuration.window.next_after(now) or NEVER
        entry = replace(entry, handled_up_to=now, next_due=following, revision=look.stored.revision)
    if _is_current(look, now):
        # Whoever has asked to look again while we looked is right: the next tick does.
        with suppress(StaleError):
            await services.agenda.settle(entry)


def _is_current(look: _Look, now: datetime) -> bool:
    """Whether the document that was read is the one that the agenda announces.

    If not, a write is under way, and its window may be due sooner than this one, or have been due already: nothing is
    settled, and every tick looks until it is there. A writer that died in between is waited for ten minutes.
    """
    if look.entry.revision == look.stored.revision:
        return True
    return look.entry.touched_at is None or now - look.entry.touched_at > _ABANDONED_WRITE
