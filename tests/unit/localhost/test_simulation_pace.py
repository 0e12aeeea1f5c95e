"""When the simulation's timers are needed: at each minute in which a pass could do something, and at no others."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from localhost.simulation.chances import Chances
from localhost.simulation.estate import Estate
from localhost.simulation.pace import Pace
from localhost.simulation.tables import Tables
from shared.adapters.storage.codec import instant
from shared.adapters.storage.keys import id_to_key
from shared.application.limits import Limits
from shared.application.start_job import client_request_id
from shared.domain.records import RunId, job_key, run_key
from tests.builders import CONFIGURATION, a_machine

NOW = datetime(2026, 6, 2, 2, 10, tzinfo=UTC)
OPENS = NOW - timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
FAR = timedelta(hours=1)
RUN = RunId(configuration_id=CONFIGURATION, key=run_key(OPENS))
KEY = job_key(a_machine().id)


class Stored:
    """An open run of three hours that is resolved, its job if it has one, and the machine."""

    def __init__(self, **job: str) -> None:
        self.tables = Tables()
        self.estate = Estate(Chances(Random(1), {}), {})
        self.pace = Pace(self.tables, self.estate, Limits())
        self.put("Agenda", "runs", id_to_key(RUN.text), run=RUN.text, at=instant(OPENS))
        self.put(
            "Runs",
            id_to_key(CONFIGURATION),
            RUN.key,
            starts_at=instant(OPENS),
            duration="PT3H",
            resolved_at=instant(OPENS),
        )
        if job:
            columns = {"machine_id": a_machine().id, "starting_at": instant(OPENS), **job}
            self.put("Jobs", id_to_key(RUN.text), KEY, **columns)

    def put(self, table: str, partition: str, key: str, **columns: str) -> None:
        """Store a row."""
        row = {"PartitionKey": partition, "RowKey": key, **columns}
        self.tables.apply(table, ("upsert", row, {}))


@pytest.mark.parametrize(
    "job",
    [
        pytest.param({}, id="nothing left to do but to close it"),
        pytest.param({"phase": "queued"}, id="queued"),
        pytest.param({"phase": "dispatched"}, id="dispatched"),
        pytest.param({"phase": "claimed"}, id="claimed"),
        pytest.param({"phase": "starting"}, id="starting"),
        pytest.param({"phase": "ended", "outcome": "Succeeded"}, id="ended"),
    ],
)
def test_a_run_that_moves_needs_every_minute(job: dict[str, str]) -> None:
    assert Stored(**job).pace.next_evaluation(NOW) == NOW + MINUTE


@pytest.mark.parametrize("phase", ["started", "uncertain"])
def test_a_run_that_waits_for_words_needs_no_evaluation(phase: str) -> None:
    assert Stored(phase=phase).pace.next_evaluation(NOW) > NOW + FAR


def test_a_job_that_was_told_to_wait_is_looked_at_then() -> None:
    later = instant(NOW + 4 * MINUTE)
    stored = Stored(phase="queued", held_by="PatchBudget", not_before=later)
    assert stored.pace.next_evaluation(NOW) == NOW + 4 * MINUTE


@pytest.mark.parametrize("reason", ["Busy", "MaxConcurrency"])
def test_a_job_that_waits_for_others_is_looked_at_each_quarter(reason: str) -> None:
    stored = Stored(phase="queued", held_by=reason, not_before=instant(NOW))
    assert stored.pace.next_evaluation(NOW) == NOW + 5 * MINUTE


def test_what_is_due_is_looked_at_when_it_is() -> None:
    stored = Stored(phase="started")
    due = NOW + 20 * MINUTE
    stored.put("Agenda", "configurations", "c", next_due=instant(due))
    assert stored.pace.next_evaluation(NOW) == due


def test_an_install_is_asked_after_when_its_word_can_be_heard() -> None:
    stored = Stored(phase="started")
    install = stored.estate.begin(a_machine().id, client_request_id(RUN, KEY), now=NOW)
    assert install.word_at
    heard = install.word_at + install.lag
    assert stored.pace.next_collection(NOW) == heard.replace(second=0, microsecond=0)
    # Once it can be heard, every minute counts until it is.
    assert stored.pace.next_collection(heard + 5 * MINUTE) <= heard + 6 * MINUTE


def test_a_job_of_which_nothing_is_heard_is_given_up_in_time() -> None:
    stored = Stored(phase="started")
    over_at = OPENS + timedelta(hours=3) + Limits().final_word
    assert stored.pace.next_collection(NOW) == over_at


def test_only_runs_with_a_row_are_open() -> None:
    stored = Stored()
    other = RunId(configuration_id=f"{CONFIGURATION}-2", key=RUN.key)
    stored.put("Agenda", "runs", id_to_key(other.text), run=other.text, at=instant(NOW))
    assert stored.pace.open_runs() == [RUN]
    assert not stored.pace.is_quiet()
