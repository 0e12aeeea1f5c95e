"""What the invariants alone can't see: held against what people were told and what machines did.

1. A request for an install is never repeated after one that was accepted, or of which nobody knows.
2. No machine is asked for an install while another run's job holds it.
3. Nothing is begun of a run after its cancellation, or its configuration's deletion, was confirmed.
4. A job claims no more than its machine did, and no less than it showed in time.
5. A job is `Unknown` only where a reply, a word or a worker was lost.
6. A request id starts one run, however often it comes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localhost.simulation.estate import Estate, Install
from localhost.simulation.journal import Asked, Changed, Journal
from localhost.simulation.ledger import Ledger
from shared.adapters.storage.keys import id_to_key
from shared.application.limits import Limits
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.domain.records import Job, Run
from shared.domain.run import Outcome, Phase, Reason

_SENT = timedelta(seconds=2)
"""How long a request is on its way whose sender has looked for a cancellation."""
_SHOWN_AFTER = timedelta(minutes=40)
"""The longest that a word takes to be heard once it is said: lags, updates that are missing, turns to ask, a fault."""
_TRIES = timedelta(minutes=10)
"""How long updates have to be there at the last moment, when some reads fail."""
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_HOLDING = (Phase.STARTING, Phase.STARTED, Phase.UNCERTAIN)
_DOUBTFUL = ("accepted", "uncertain")
_MAY_CLAIM: Mapping[Outcome, tuple[str, ...]] = {
    Outcome.SUCCEEDED: ("Succeeded",),
    Outcome.COMPLETED_WITH_WARNINGS: ("Succeeded", "CompletedWithWarnings"),
    Outcome.FAILED: ("Failed",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A job, the requests for its install, and the install if one was accepted."""

    run: Run
    job: Job
    asked: tuple[Asked, ...]
    install: Install | None

    @property
    def subject(self) -> str:
        """What a finding is about."""
        name, run = self.job.machine_id.rpartition("/")[2], self.run.configuration_id
        return f"{name} in {run.rpartition('/')[2]} {self.run.key}"


async def all_told(services: Services, journal: Journal, estate: Estate) -> list[Told]:
    """Every job of every run."""
    asked: dict[str, list[Asked]] = {}
    for event in journal.events:
        if isinstance(event, Asked):
            asked.setdefault(event.client_request_id, []).append(event)
    told = []
    async for run in services.runs.list_within("/subscriptions"):
        async for job in services.jobs.list(run.id):
            own = asked.get(client_request_id(run.id, job.key), [])
            accepted = [one.activity for one in own if one.activity]
            install = estate.by_activity[accepted[0]] if accepted else None
            told.append(Told(run=run, job=job, asked=tuple(own), install=install))
    return told


def repeated(told: Iterable[Told]) -> Iterator[str]:
    """Requests that were sent again though the one before was not refused."""
    for one in told:
        for asked in one.asked[:-1]:
            if asked.reply in _DOUBTFUL:
                yield f"{one.subject}: asked again after {asked.reply} at {asked.at:%d %H:%M:%S}."


def crowded(journal: Journal, told: Iterable[Told], *, unknown_holds: timedelta) -> Iterator[str]:
    """Machines that were asked for an install while another run's job held them."""
    jobs = {one.asked[0].client_request_id: one for one in told if one.asked}
    holders: dict[str, dict[str, datetime]] = {}
    for event in journal.events:
        match event:
            case Changed(machine=machine):
                _follow(holders.setdefault(machine, {}), event, unknown_holds)
            case Asked() if one := jobs.get(event.client_request_id):
                for run, until in holders.get(event.machine, {}).items():
                    if run != id_to_key(one.run.id.text) and event.at < until:
                        yield f"{one.subject}: asked at {event.at:%d %H:%M:%S}, while {run[-14:]} held it."


def _follow(held: dict[str, datetime], change: Changed, unknown_holds: timedelta) -> None:
    """Note until when a job holds its machine, by run; the clocks that measure it differ."""
    if change.state in _HOLDING:
        held[change.run] = _FOR_EVER
    elif change.state == Outcome.UNKNOWN:
        held[change.run] = change.at + unknown_holds - timedelta(minutes=1)
    else:
        held.pop(change.run, None)


def unstopped(
    journal: Journal,
    told: Iterable[Told],
    ledger: Ledger,
    *,
    appeared: Mapping[tuple[str, str], datetime],
) -> Iterator[str]:
    """Runs of which something was begun after they had been stopped."""
    begun: dict[tuple[str, str], list[datetime]] = {}
    for event in journal.events:
        if isinstance(event, Changed) and event.state == Phase.STARTING:
            begun.setdefault((event.run, event.key), []).append(event.at)
    for one in told:
        stopped_at = _stopped_at(one.run, ledger, appeared)
        if stopped_at is None:
            continue
        place = (id_to_key(one.run.id.text), one.job.key)
        for asked in one.asked:
            starting = max((at for at in begun.get(place, []) if at <= asked.at), default=asked.at)
            if starting > stopped_at or asked.at > stopped_at + _SENT:
                at = f"{asked.at:%d %H:%M:%S}, stopped at {stopped_at:%d %H:%M:%S}"
                yield f"{one.subject}: asked at {at}."


def _stopped_at(
    run: Run, ledger: Ledger, appeared: Mapping[tuple[str, str], datetime]
) -> datetime | None:
    """When its cancellation was confirmed, or the first deletion since it appeared."""
    since = appeared[id_to_key(run.configuration_id), run.key]
    stops = [at for at in ledger.deleted.get(run.configuration_id.lower(), []) if at > since]
    if run.id.text.lower() in ledger.stopped:
        stops.append(ledger.stopped[run.id.text.lower()])
    return min(stops, default=None)


def untrue(
    told: Iterable[Told],
    journal: Journal,
    *,
    limits: Limits,
    pauses: Sequence[tuple[datetime, datetime]],
) -> Iterator[str]:
    """Jobs whose outcome is not what their machine did."""
    for one in told:
        message = (
            _lie(one)
            or _miscount(one, limits)
            or _silence(one, limits, pauses)
            or _unexplained(one, journal)
        )
        if message:
            yield f"{one.subject}: {message}"


def _lie(one: Told) -> str:
    job, install = one.job, one.install
    words = _MAY_CLAIM.get(job.outcome) if job.outcome else None
    if words is None or job.reason is Reason.REFUSED:
        return ""
    if install is None:
        return f"{job.outcome}, but nothing was accepted."
    if install.word_at is None:
        return f"{job.outcome}, but the install has not ended."
    if install.status not in words:
        return f"{job.outcome}, but its machine says {install.status}."
    if job.outcome is Outcome.SUCCEEDED and install.word_at > one.run.ends_at:
        return f"{job.outcome}, but it ended at {install.word_at}, after its window."
    return ""


def _miscount(one: Told, limits: Limits) -> str:
    job, install = one.job, one.install
    if install is None or job.outcome not in _MAY_CLAIM:
        return ""
    if job.counts.total == len(install.updates):
        return ""
    # Updates that were not shown by the last moment are none, and the job's message says so.
    shown_at = (install.word_at or install.ends_at) + max(install.updates_after, install.lag)
    if job.counts.total == 0 and shown_at + _TRIES > one.run.ends_at + limits.final_word:
        return ""
    return f"it counts {job.counts.total} updates, its machine {len(install.updates)}."


def _silence(one: Told, limits: Limits, pauses: Sequence[tuple[datetime, datetime]]) -> str:
    """A word that was said in time, and not heard."""
    job, install = one.job, one.install
    if job.outcome is not Outcome.UNKNOWN or install is None or install.word_at is None:
        return ""
    if not install.is_in_bulk and not job.operation:
        return ""
    until = (one.run.closed_at or one.run.ends_at) + limits.correction
    deaf = sum(
        (
            max(timedelta(), min(ended, until) - max(began, install.word_at))
            for began, ended in pauses
        ),
        timedelta(),
    )
    if install.word_at + deaf + _SHOWN_AFTER > until:
        return ""
    return f"Unknown, but its machine said {install.status} at {install.word_at:%d %H:%M:%S}."


def _unexplained(one: Told, journal: Journal) -> str:
    job = one.job
    if job.outcome is not Outcome.UNKNOWN or one.install or job.starting_at is None:
        return ""
    if any(asked.reply == "uncertain" for asked in one.asked):
        return ""
    if journal.had_mishap(
        job.starting_at - timedelta(minutes=1), job.starting_at + timedelta(minutes=5)
    ):
        return ""
    return "Unknown, but nothing was sent, and nobody died."


async def doubled(services: Services) -> list[str]:
    """Request ids that started more than one run."""
    started = Counter(
        [
            (run.configuration_id, run.request_id)
            async for run in services.runs.list_within("/subscriptions")
            if run.request_id
        ]
    )
    return [
        f"{configuration.rpartition('/')[2]}: {count} runs of the request '{request_id}'."
        for (configuration, request_id), count in started.items()
        if count > 1
    ]
