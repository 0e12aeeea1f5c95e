"""Turning due occurrences into run rows: the one place where a schedule's time becomes a run.

A run's key is its occurrence, so recording twice changes nothing. The agenda learns of an open run before its row is
written; dying in between leaves an entry that nobody acknowledged, and the occurrence is found due again.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from shared import logs
from shared.application.callers import TIMER
from shared.application.documents import parse_configuration
from shared.application.ports import Services, StaleError, StoredConfiguration
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.records import Run, RunKind, run_key
from shared.domain.run import Reason, RunStatus
from shared.domain.schedule import Due, due
from shared.errors import InvalidRequestError

_log = logging.getLogger(__name__)
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


async def record_due(services: Services, stored: StoredConfiguration, *, now: datetime) -> None:
    """Record all that a configuration has due up to *now*.

    What an older version stored may break a rule of this one; then nothing of it can be due.
    """
    try:
        configuration = parse_configuration(stored.id, stored.document)
    except InvalidRequestError:
        return
    entry = await services.agenda.get(stored.id)
    handled_up_to = entry.handled(stored.window_since) if entry else None
    found = occurrences_due(stored, configuration, handled_up_to=handled_up_to, now=now)
    await start_occurrence(services, stored, found.start, configuration, now)
    missed = [missed_run(stored, configuration, at, now) for at in found.missed]
    await services.runs.insert_closed(missed)


def occurrences_due(
    stored: StoredConfiguration,
    configuration: MaintenanceConfiguration,
    *,
    handled_up_to: datetime | None,
    now: datetime,
) -> Due:
    return due(
        configuration.window,
        after=handled_up_to or _BEGINNING,
        not_before=stored.window_since,
        until=now,
    )


async def start_occurrence(
    services: Services,
    stored: StoredConfiguration,
    starts_at: datetime | None,
    configuration: MaintenanceConfiguration,
    now: datetime,
) -> None:
    if starts_at is None:
        return
    run = scheduled_run(stored, configuration, starts_at, now)
    # Dying after this line leaves an open run without a row; the occurrence is found due again.
    await services.agenda.open_run(run.id, now=now)
    try:
        await services.runs.insert(run)
    except StaleError:
        known = await services.runs.get(run.id)
        if known and not known.status.is_open:
            await services.agenda.close_run(run.id)
        return
    logs.event(_log, "run.created", run=run.id.text, late=now - starts_at)


def scheduled_run(
    stored: StoredConfiguration,
    configuration: MaintenanceConfiguration,
    starts_at: datetime,
    now: datetime,
) -> Run:
    """A run that starts at *starts_at*, with a copy of the configuration: what every run begins as."""
    return Run(
        configuration_id=stored.id,
        key=run_key(starts_at),
        kind=RunKind.SCHEDULED,
        starts_at=starts_at,
        duration=configuration.window.duration,
        created_at=now,
        created_by=TIMER.name,
        document=stored.document,
    )


def missed_run(
    stored: StoredConfiguration,
    configuration: MaintenanceConfiguration,
    starts_at: datetime,
    now: datetime,
) -> Run:
    return replace(
        scheduled_run(stored, configuration, starts_at, now),
        status=RunStatus.MISSED,
        reason=Reason.OUTAGE,
        message="No tick reached this occurrence while enough of its window was left, "
        "or a later one was started instead. Check that the app was running.",
        closed_at=now,
    )
