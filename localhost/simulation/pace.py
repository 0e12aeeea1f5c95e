"""When the timers are needed next: each minute while anything moves, and else when the next thing can happen.

Leaving minutes out changes nothing but the time that a simulation takes: in them every pass would find nothing to do.
While a run is open this is so when all its jobs wait for a word, and no word is to come before then.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from pydantic import TypeAdapter

from localhost.passing_time import MINUTE
from localhost.simulation.estate import Estate
from localhost.simulation.tables import KEY, Entity, Tables
from shared.adapters.storage.agenda import AGENDA, CONFIGURATIONS, CORRECTIONS, RUNS
from shared.adapters.storage.jobs import JOBS
from shared.adapters.storage.keys import id_to_key
from shared.adapters.storage.runs import RUNS as RUN_ROWS
from shared.application.limits import Limits
from shared.application.start_job import client_request_id
from shared.domain.records import RUN_SEGMENT, RunId
from shared.domain.run import Outcome, Phase, Reason

_FARTHEST = timedelta(hours=12)
ABANDONED_RUN = timedelta(hours=24, minutes=1)
"""After which a tick clears away an entry without a run."""
_LOOKS = timedelta(minutes=15)
"""A job that waits for another one is looked at each quarter of an hour, and when anything moves, not each minute."""
_WAITS_FOR_OTHERS = (Reason.BUSY.value, Reason.MAX_CONCURRENCY.value)
_WAITS_FOR_A_WORD = (Phase.STARTED, Phase.UNCERTAIN)


class Pace:
    """Looks at what is stored behind everybody's back."""

    def __init__(self, tables: Tables, estate: Estate, limits: Limits) -> None:
        self._tables = tables
        self._estate = estate
        self._limits = limits

    def open_runs(self) -> list[RunId]:
        """The runs on the agenda that have a row."""
        runs = [RunId.parse(row["run"]) for row in self._agenda(RUNS)]
        return [run for run in runs if run.key in self._runs_of(run.configuration_id)]

    def is_quiet(self) -> bool:
        """Whether no run is open, and none waits for a later word."""
        return not self._agenda(RUNS) and not self._agenda(CORRECTIONS)

    def next_evaluation(self, now: datetime) -> datetime:
        """When the schedules' timer should fire next."""
        return _soonest(now, [*self._due(), *self._of_runs(now)])

    def next_collection(self, now: datetime) -> datetime:
        """When the collector's timer should fire next."""
        return _soonest(now, [*self._of_words(now), *self._of_closed(now)])

    def _runs_of(self, configuration: str) -> Mapping[str, Entity]:
        return self._tables.partition(RUN_ROWS, id_to_key(configuration))

    def _agenda(self, partition: str) -> list[Entity]:
        return list(self._tables.partition(AGENDA, partition).values())

    def _due(self) -> Iterator[datetime]:
        for row in self._agenda(CONFIGURATIONS):
            yield _instant(row["next_due"])

    def _of_runs(self, now: datetime) -> Iterator[datetime]:
        for row in self._agenda(RUNS):
            run = self._row(row)
            if run is None:
                # Its row comes, and then somebody is woken, or it was never acknowledged, and is cleared away.
                yield max(now, _instant(row["at"]) + ABANDONED_RUN)
                continue
            jobs = [*self._waiting(row[KEY])]
            if not jobs or not run.get("resolved_at") or run.get("cancellation"):
                yield now
            yield from (_of_job(job, now) for job in jobs)

    def _of_words(self, now: datetime) -> Iterator[datetime]:
        for row in self._agenda(RUNS):
            run = self._row(row)
            jobs = [one for one in self._waiting(row[KEY]) if one["phase"] in _WAITS_FOR_A_WORD]
            if run and jobs:
                over_at = (
                    _instant(run["starts_at"])
                    + _duration(run["duration"])
                    + self._limits.final_word
                )
                yield max(now, over_at)
                yield from (self._of_word(str(row["run"]), job, now) for job in jobs)

    def _row(self, entry: Entity) -> Entity | None:
        configuration, _, key = str(entry["run"]).rpartition(RUN_SEGMENT)
        return self._runs_of(configuration).get(key)

    def _of_closed(self, now: datetime) -> Iterator[datetime]:
        for row in self._agenda(CORRECTIONS):
            yield max(now, _instant(row["at"]) + MINUTE)
            for job in self._tables.partition(JOBS, row[KEY]).values():
                if job.get("outcome") == Outcome.UNKNOWN.value:
                    yield self._of_word(str(row["run"]), job, now)

    def _waiting(self, partition: str) -> Iterator[Entity]:
        for job in self._tables.partition(JOBS, partition).values():
            if "machine_id" in job and not job.get("outcome"):
                yield job

    def _of_word(self, run: str, job: Entity, now: datetime) -> datetime:
        """When something new can be heard of a job's install."""
        never = now + _FARTHEST
        install = self._estate.by_request.get(_request(run, job[KEY]))
        if install is None:
            return never
        if job["phase"] == Phase.UNCERTAIN:
            return max(now, install.at + install.lag) if install.is_in_bulk else never
        if install.word_at is None:
            return never
        if install.is_in_bulk:
            return max(now, install.word_at + install.lag)
        asked_from = install.at + self._limits.ask_directly_after
        return max(now, install.word_at, asked_from) if job.get("operation") else never


def _soonest(now: datetime, instants: Sequence[datetime]) -> datetime:
    soonest = min([now + _FARTHEST, *instants])
    return max(now + MINUTE, soonest).replace(second=0, microsecond=0)


def _of_job(job: Entity, now: datetime) -> datetime:
    """When a pass may do something for a job."""
    if job["phase"] in _WAITS_FOR_A_WORD:
        return now + _FARTHEST
    not_before = str(job.get("not_before") or "")
    if job["phase"] == Phase.QUEUED and job.get("held_by") in _WAITS_FOR_OTHERS:
        return _next_look(max(now, _instant(not_before)) if not_before else now)
    if job["phase"] != Phase.QUEUED or not not_before:
        return now
    return max(now, _instant(not_before))


def _next_look(instant: datetime) -> datetime:
    """The next quarter of an hour after an instant."""
    hour = instant.replace(minute=0, second=0, microsecond=0)
    return hour + ((instant - hour) // _LOOKS + 1) * _LOOKS


@cache
def _request(run: str, key: str) -> str:
    return client_request_id(RunId.parse(run), key)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@cache
def _duration(text: str) -> timedelta:
    return TypeAdapter(timedelta).validate_python(text)
