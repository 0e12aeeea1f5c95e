"""Due occurrences and runs, matched one to one: invariant 1.

What is due is found anew from the stored configurations, from the instant since which their window counts. A run that
no occurrence calls for is extra: its own copy of the configuration has none there, it came before its time, too late
to start, or before its window counted.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta

from shared.application.documents import parse_configuration
from shared.application.evidence import TICKS, Stored
from shared.application.ports import Services, StoredConfiguration
from shared.application.verdict import Kind, Verdict
from shared.domain.records import Run, RunKind, run_key
from shared.domain.run import RunStatus
from shared.domain.schedule import LEAST_REMAINING
from shared.domain.window import MaintenanceWindow
from shared.errors import InvalidRequestError

_Fault = tuple[Kind, str]


async def match_occurrences(services: Services, stored: Stored, *, now: datetime) -> Verdict:
    """Each due occurrence with its run, and each run of a schedule with what calls for it."""
    verdict = Verdict()
    rows = Counter((run.configuration_id.lower(), run.key) for run in stored.runs)
    since: dict[str, tuple[StoredConfiguration, MaintenanceWindow]] = {}
    for one in stored.configurations:
        window = _window(one.id, one)
        if window is None:
            continue
        since[one.id.lower()] = (one, window)
        async for at in _due(services, one, window, now):
            found = rows[one.id.lower(), run_key(at)]
            verdict.judge(1, one.id, _row_faults(at, found))
    for run in stored.runs:
        faults = [
            *_reason_faults(run),
            *_own_faults(run),
            *_since_faults(run, since, skew=services.limits.skew),
        ]
        if faults:
            verdict.judge(1, run.id.text, faults)
    return verdict


async def _due(
    services: Services, one: StoredConfiguration, window: MaintenanceWindow, now: datetime
) -> AsyncIterator[datetime]:
    """What must have its row: all that is recorded as handled, and all that was due some ticks ago."""
    entry = await services.agenda.get(one.id)
    handled = (entry and entry.handled(one.window_since)) or one.window_since
    until = max(handled, now - TICKS)
    if one.deleting:
        until = min(until, one.modified_at)  # what comes due after its deletion is nobody's
    for at in window.between(one.window_since - timedelta.resolution, until):
        yield at


def _window(configuration_id: str, holder: StoredConfiguration | Run) -> MaintenanceWindow | None:
    """Its window; None where an older version stored what breaks a rule of this one: nothing of it can be due."""
    try:
        return parse_configuration(configuration_id, holder.document).window
    except InvalidRequestError:
        return None


def _row_faults(at: datetime, rows: int) -> Iterator[_Fault]:
    if rows == 0:
        yield Kind.MISSED, f"{at} has no run row."
    if rows > 1:
        yield Kind.EXTRA, f"{at} has {rows} run rows."


def _reason_faults(run: Run) -> Iterator[_Fault]:
    if run.status in (RunStatus.MISSED, RunStatus.CANCELLED) and not (
        run.reason or run.cancellation
    ):
        yield Kind.WRONG, f"it is {run.status} without a reason."


def _own_faults(run: Run) -> Iterator[_Fault]:
    """What its own row says against it."""
    if run.kind is not RunKind.SCHEDULED:
        return
    window = _window(run.configuration_id, run)
    if window and not window.is_occurrence(run.starts_at):
        yield Kind.EXTRA, "it ran, but its schedule has no such occurrence."
    if _was_cancelled_beforehand(run):
        return
    if run.created_at < run.starts_at:
        yield Kind.EXTRA, f"it was started at {run.created_at}, before its time."
    if run.status is not RunStatus.MISSED and run.created_at > run.ends_at - LEAST_REMAINING:
        yield Kind.EXTRA, f"it was started at {run.created_at}, with too little of its window left."


def _since_faults(
    run: Run,
    since: Mapping[str, tuple[StoredConfiguration, MaintenanceWindow]],
    *,
    skew: timedelta,
) -> Iterator[_Fault]:
    """A window that was changed had occurrences of its own; only one that is as it was can tell what came too soon.

    The two instants are by the clocks of two workers, which may be *skew* apart.
    """
    if run.kind is not RunKind.SCHEDULED or run.configuration_id.lower() not in since:
        return
    stored, window = since[run.configuration_id.lower()]
    was_recorded_since = run.created_at - skew > stored.window_since > run.starts_at
    if was_recorded_since and _window(run.configuration_id, run) == window:
        yield Kind.EXTRA, f"it lies before {stored.window_since}, since when its window counts."


def _was_cancelled_beforehand(run: Run) -> bool:
    return run.status is RunStatus.CANCELLED and run.frozen_at is None
