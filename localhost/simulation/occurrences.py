"""Whether every occurrence has its run, and every run its occurrence, by the windows that people were told of.

An occurrence counts that lay in a window's time for certain; half a minute at its end is the hosts' clocks'. A run is
`Missed` only if no pass of the timer could have started it: a whole one, undisturbed, while enough of its window was
left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from localhost.simulation.journal import Journal
from localhost.simulation.ledger import Epoch, Ledger
from shared.application.documents import parse_configuration
from shared.domain.records import Run, RunKind, run_key
from shared.domain.run import RunStatus
from shared.domain.schedule import LEAST_REMAINING

_SKEW = timedelta(seconds=30)
_NEVER = datetime.max.replace(tzinfo=UTC)
_UNDISTURBED = timedelta(minutes=2)


def lost(ledger: Ledger, runs: Iterable[Run], *, until: datetime) -> Iterator[str]:
    """Occurrences without a run."""
    there = {(run.configuration_id.lower(), run.key) for run in runs}
    for one, epochs in ledger.epochs.items():
        for epoch in epochs:
            if epoch.confirmed_at is None:
                continue
            last = (epoch.next_asked_at or until) - _SKEW
            for at in epoch.window.between(epoch.confirmed_at, last):
                if (one, run_key(at)) not in there:
                    yield f"{one.rpartition('/')[2]}: {at:%d %H:%M} has no run."


def unfounded(ledger: Ledger, runs: Iterable[Run]) -> Iterator[str]:
    """Runs without an occurrence; one that was cancelled beforehand may have lost it since."""
    for run in runs:
        if run.kind is not RunKind.SCHEDULED:
            continue
        if run.status is RunStatus.CANCELLED and run.frozen_at is None:
            continue
        epochs = ledger.epochs.get(run.configuration_id.lower(), [])
        if not any(_may_hold(epoch, run.starts_at) for epoch in epochs):
            yield f"{run.configuration_id.rpartition('/')[2]}: {run.key} is no occurrence."


def _may_hold(epoch: Epoch, starts_at: datetime) -> bool:
    if starts_at < epoch.asked_at - _SKEW or (epoch.over_at and starts_at > epoch.over_at):
        return False
    return epoch.window.is_occurrence(starts_at)


def missed_in_vain(
    ledger: Ledger,
    runs: Iterable[Run],
    passes: Sequence[tuple[datetime, datetime]],
    *,
    journal: Journal,
) -> Iterator[str]:
    """Runs that were missed though a pass could have started them."""
    for run in runs:
        if run.status is not RunStatus.MISSED:
            continue
        changes = _changes(ledger.epochs.get(run.configuration_id.lower(), []))
        since, until = run.starts_at + _SKEW, _startable_until(run) - _SKEW
        for began, ended in passes:
            in_time = since <= began and ended <= until
            if in_time and not _is_disturbed(run, journal, changes, began=began, ended=ended):
                name = run.configuration_id.rpartition("/")[2]
                yield f"{name}: {run.key} was missed, not by the pass at {began:%H:%M:%S}."
                break


def _startable_until(run: Run) -> datetime:
    """Until when a run may start: as long as enough is left of its window, and the next one has not come."""
    window = parse_configuration(run.configuration_id, run.document).window
    following = window.next_after(run.starts_at) or _NEVER
    return min(run.ends_at - LEAST_REMAINING, following)


def _is_disturbed(
    run: Run, journal: Journal, changes: Iterable[datetime], *, began: datetime, ended: datetime
) -> bool:
    """Whether something failed about then, or the window was being changed."""
    until = ended + _UNDISTURBED
    if journal.had_mishap(began - _UNDISTURBED, until):
        return True
    return any(run.starts_at - _UNDISTURBED <= at <= until for at in changes)


def _changes(epochs: Iterable[Epoch]) -> list[datetime]:
    """When something about the windows was asked for or confirmed."""
    instants = [
        at
        for epoch in epochs
        for at in (epoch.asked_at, epoch.confirmed_at, epoch.next_asked_at, epoch.over_at)
    ]
    return [at for at in instants if at]


def waits(runs: Iterable[Run], first_installs: Mapping[str, datetime]) -> list[timedelta]:
    """From each occurrence to the first install of its run, in order of length."""
    return sorted(
        first_installs[run.id.text] - run.starts_at
        for run in runs
        if run.kind is RunKind.SCHEDULED and run.id.text in first_installs
    )
