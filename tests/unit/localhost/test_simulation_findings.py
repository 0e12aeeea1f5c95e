"""What the simulation finds: each rule is broken once, and kept once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from localhost.simulation import findings, occurrences
from localhost.simulation.estate import Install
from localhost.simulation.findings import Told
from localhost.simulation.journal import Asked, Changed, Journal
from localhost.simulation.ledger import Ledger
from localhost.simulation.tables import Entity
from localhost.simulation.watch import Watch
from shared.adapters.storage.codec import instant
from shared.adapters.storage.keys import id_to_key
from shared.application.documents import parse_configuration
from shared.application.limits import Limits
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunId, RunKind, UpdateCounts, job_key, run_key
from shared.domain.report import InstallReport
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from shared.domain.updates import UpdateRecord, UpdateState
from tests.builders import CONFIGURATION, DAY_BEFORE, WINDOW_OPENS, a_configuration, a_machine

MINUTE = timedelta(minutes=1)
MACHINE = a_machine().id
KEY = job_key(MACHINE)
RUN = Run(
    configuration_id=CONFIGURATION,
    key=run_key(WINDOW_OPENS),
    kind=RunKind.SCHEDULED,
    starts_at=WINDOW_OPENS,
    duration=timedelta(hours=3),
    created_at=WINDOW_OPENS,
    created_by="timer",
    document=a_configuration(),
    status=RunStatus.COMPLETED,
    closed_at=WINDOW_OPENS + 10 * MINUTE,
    frozen_at=WINDOW_OPENS,
)
JOB = Job(
    key=KEY,
    machine_id=MACHINE,
    machine_type=MachineType.AZURE_VM,
    subscription="s",
    phase=Phase.ENDED,
    outcome=Outcome.SUCCEEDED,
    starting_at=WINDOW_OPENS,
)
REPORT = InstallReport(
    machine_id=MACHINE,
    activity_id="activity-1",
    status="Succeeded",
    started_at=WINDOW_OPENS,
    modified_at=WINDOW_OPENS + 5 * MINUTE,
)
INSTALL = Install(
    machine_key=MACHINE.lower(),
    machine_id=MACHINE,
    client_request_id=client_request_id(RUN.id, KEY),
    activity="activity-1",
    at=WINDOW_OPENS,
    ends_at=WINDOW_OPENS + 5 * MINUTE,
    status="Succeeded",
    updates=(),
    word_at=WINDOW_OPENS + 5 * MINUTE,
    lag=MINUTE,
    is_in_bulk=True,
    updates_after=timedelta(),
    first=REPORT,
    final=REPORT,
)
TOLD = Told(run=RUN, job=JOB, asked=(), install=INSTALL)


def asked(reply: str, at: datetime = WINDOW_OPENS) -> Asked:
    return Asked(
        at=at,
        machine=MACHINE.lower(),
        client_request_id=INSTALL.client_request_id,
        reply=reply,
    )


def changed(state: str, at: datetime, run: RunId = RUN.id) -> Changed:
    return Changed(at=at, run=id_to_key(run.text), key=KEY, machine=MACHINE.lower(), state=state)


def a_journal(*events: Asked | Changed) -> Journal:
    journal = Journal(lambda: WINDOW_OPENS)
    journal.events += events
    return journal


@pytest.mark.parametrize(
    ("first", "is_found"),
    [("accepted", True), ("uncertain", True), ("throttled", False), ("busy", False)],
)
def test_an_install_is_never_asked_for_again_unless_it_was_refused(
    first: str, is_found: bool
) -> None:
    twice = replace(TOLD, asked=(asked(first), asked("accepted", WINDOW_OPENS + MINUTE)))
    assert bool(list(findings.repeated([twice]))) is is_found


@pytest.mark.parametrize(
    ("state", "is_found"),
    [(Phase.STARTED, True), (Phase.UNCERTAIN, True), (Outcome.SUCCEEDED, False)],
)
def test_no_machine_is_asked_while_another_run_holds_it(state: str, is_found: bool) -> None:
    other = RunId(configuration_id=f"{CONFIGURATION}-2", key=RUN.key)
    journal = a_journal(changed(state, DAY_BEFORE, other), asked("accepted"))
    told = [replace(TOLD, asked=(asked("accepted"),))]
    found = list(findings.crowded(journal, told, unknown_holds=timedelta(hours=24)))
    assert bool(found) is is_found


@pytest.mark.parametrize(
    ("begun", "sent", "is_found"),
    [
        pytest.param(-1, -1, False, id="begun and sent before"),
        pytest.param(-1, 1, False, id="on its way when it was stopped"),
        pytest.param(-1, 30, True, id="sent long after"),
        pytest.param(1, 2, True, id="begun after"),
    ],
)
def test_nothing_is_begun_after_a_cancellation_was_confirmed(
    begun: int, sent: int, is_found: bool
) -> None:
    stopped_at, second = WINDOW_OPENS + MINUTE, timedelta(seconds=1)
    ledger = Ledger()
    ledger.stop(RUN.id.text, stopped_at)
    request = asked("accepted", stopped_at + sent * second)
    journal = a_journal(changed(Phase.STARTING, stopped_at + begun * second), request)
    found = findings.unstopped(
        journal,
        [replace(TOLD, asked=(request,))],
        ledger,
        appeared={(id_to_key(CONFIGURATION), RUN.key): WINDOW_OPENS},
    )
    assert bool(list(found)) is is_found


@pytest.mark.parametrize("appeared", [WINDOW_OPENS, WINDOW_OPENS + 2 * MINUTE])
def test_a_deletion_stops_the_runs_that_were_there_and_no_later_ones(appeared: datetime) -> None:
    ledger = Ledger()
    ledger.confirm_deletion(CONFIGURATION, WINDOW_OPENS + MINUTE)
    request = asked("accepted", WINDOW_OPENS + 3 * MINUTE)
    found = findings.unstopped(
        a_journal(request),
        [replace(TOLD, asked=(request,))],
        ledger,
        appeared={(id_to_key(CONFIGURATION), RUN.key): appeared},
    )
    assert bool(list(found)) is (appeared == WINDOW_OPENS)


UPDATE = UpdateRecord(
    name="a", version="1", kb=None, classification="Other", state=UpdateState.INSTALLED
)
UNKNOWN = replace(JOB, outcome=Outcome.UNKNOWN, reason=Reason.NO_FINAL_WORD, operation="a")


@pytest.mark.parametrize(
    ("told", "word"),
    [
        pytest.param(TOLD, "", id="the truth"),
        pytest.param(replace(TOLD, install=None), "nothing was accepted", id="never accepted"),
        pytest.param(
            replace(TOLD, install=replace(INSTALL, word_at=None)), "has not ended", id="still busy"
        ),
        pytest.param(
            replace(TOLD, install=replace(INSTALL, status="Failed")), "says Failed", id="failed"
        ),
        pytest.param(
            replace(TOLD, job=replace(JOB, counts=UpdateCounts(installed=1))), "counts", id="counts"
        ),
        pytest.param(replace(TOLD, job=UNKNOWN), "machine said Succeeded", id="a word not heard"),
        pytest.param(
            replace(TOLD, job=UNKNOWN, install=None), "nothing was sent", id="unknown for nothing"
        ),
        pytest.param(
            replace(TOLD, job=UNKNOWN, install=None, asked=(asked("uncertain"),)),
            "",
            id="unknown for a lost reply",
        ),
    ],
)
def test_a_job_claims_what_its_machine_did(told: Told, word: str) -> None:
    found = list(findings.untrue([told], a_journal(), limits=Limits(), pauses=[]))
    assert len(found) == bool(word)
    assert all(word in text for text in found)


@pytest.mark.parametrize(
    ("before_the_end", "is_found"),
    [pytest.param(2, False, id="too late to be heard"), pytest.param(60, True, id="in time")],
)
def test_updates_that_come_at_the_last_moment_may_be_missing(
    before_the_end: int, is_found: bool
) -> None:
    """Seed 315 met it: the word came just before the last moment, the updates after it."""
    word_at = RUN.ends_at + Limits().final_word - before_the_end * MINUTE
    late = replace(INSTALL, word_at=word_at, updates=(UPDATE,), updates_after=4 * MINUTE)
    job = replace(JOB, outcome=Outcome.COMPLETED_WITH_WARNINGS)
    told = replace(TOLD, job=job, install=late)
    found = list(findings.untrue([told], a_journal(), limits=Limits(), pauses=[]))
    assert bool(found) is is_found


def test_a_word_that_was_said_while_nobody_listened_is_no_finding() -> None:
    told = replace(TOLD, job=UNKNOWN)
    pause = (WINDOW_OPENS, WINDOW_OPENS + timedelta(hours=30))
    assert not list(findings.untrue([told], a_journal(), limits=Limits(), pauses=[pause]))


# --- occurrences ---------------------------------------------------------------------------------


def a_ledger() -> Ledger:
    """The configuration was put the day before, and confirmed."""
    ledger = Ledger()
    window = parse_configuration(CONFIGURATION, a_configuration()).window
    ledger.ask_window(CONFIGURATION, window, DAY_BEFORE)
    ledger.confirm_window(CONFIGURATION, DAY_BEFORE + MINUTE)
    return ledger


def test_every_occurrence_of_a_window_has_a_run() -> None:
    until = WINDOW_OPENS + timedelta(hours=1)
    assert list(occurrences.lost(a_ledger(), [RUN], until=until)) == []
    assert len(list(occurrences.lost(a_ledger(), [], until=until))) == 1


def test_no_run_is_looked_for_after_another_window_was_asked_for() -> None:
    ledger = a_ledger()
    ledger.ask_end(CONFIGURATION, WINDOW_OPENS + timedelta(seconds=10))
    assert list(occurrences.lost(ledger, [], until=WINDOW_OPENS + timedelta(hours=1))) == []


def test_every_run_has_an_occurrence() -> None:
    off = replace(RUN, starts_at=WINDOW_OPENS + MINUTE)
    assert list(occurrences.unfounded(a_ledger(), [RUN])) == []
    assert len(list(occurrences.unfounded(a_ledger(), [off]))) == 1


def passes(minutes: int) -> list[tuple[datetime, datetime]]:
    began = WINDOW_OPENS + minutes * MINUTE
    return [(began, began + timedelta(seconds=5))]


@pytest.mark.parametrize(
    ("minutes", "is_found"),
    [
        pytest.param(-1, False, id="before it was due"),
        pytest.param(2, True, id="in time"),
        pytest.param(160, False, id="too late"),
    ],
)
def test_nothing_is_missed_that_a_pass_could_have_started(minutes: int, is_found: bool) -> None:
    missed = replace(RUN, status=RunStatus.MISSED)
    found = occurrences.missed_in_vain(a_ledger(), [missed], passes(minutes), journal=a_journal())
    assert bool(list(found)) is is_found


def test_a_pass_that_was_disturbed_could_not_start_anything() -> None:
    missed, journal = replace(RUN, status=RunStatus.MISSED), a_journal()
    journal.mishaps.append(WINDOW_OPENS + 2 * MINUTE)
    found = occurrences.missed_in_vain(a_ledger(), [missed], passes(2), journal=journal)
    assert list(found) == []


# --- what is seen of each write ------------------------------------------------------------------


def row(**values: str) -> Entity:
    place = {"PartitionKey": id_to_key(RUN.id.text), "RowKey": "k", "machine_id": MACHINE}
    return Entity({**place, **values}, "1")


def run_row(**values: str) -> Entity:
    place = {"PartitionKey": id_to_key(CONFIGURATION), "RowKey": RUN.key, "status": "Pending"}
    return Entity({**place, **values}, "1")


def sights() -> Iterator[tuple[str, Entity, Entity, bool]]:
    succeeded, unknown = {"phase": "ended", "outcome": "Succeeded"}, {"phase": "ended"}
    unknown |= {"outcome": "Unknown"}
    failed = {"phase": "ended", "outcome": "Failed"}
    yield "Jobs", row(**succeeded), row(**failed), True
    yield "Jobs", row(**unknown), row(**failed), False
    yield "Runs", run_row(status="Completed"), run_row(), True
    yield "Runs", run_row(), run_row(status="Completed"), False
    later, before = instant(WINDOW_OPENS + MINUTE), instant(WINDOW_OPENS - MINUTE)
    yield "Runs", run_row(lease="a", leased_until=later), run_row(lease="b"), True
    yield "Runs", run_row(lease="a", leased_until=before), run_row(lease="b"), False


@pytest.mark.parametrize(("table", "before", "after", "is_found"), list(sights()))
def test_what_must_not_happen_to_a_row_is_seen_at_once(
    table: str, before: Entity, after: Entity, is_found: bool
) -> None:
    journal = a_journal()
    Watch(journal, lambda: WINDOW_OPENS).see(table, before, after)
    assert bool(journal.broken) is is_found


def test_a_ledger_knows_what_a_deletion_takes_along() -> None:
    ledger = a_ledger()
    coming = RunId(configuration_id=CONFIGURATION, key="20300101000000").text
    for one in (CONFIGURATION, RUN.id.text, coming):
        ledger.confirm(one)
    ledger.stop(coming, DAY_BEFORE)
    ledger.ask_deletion(CONFIGURATION, datetime(2026, 7, 1, tzinfo=UTC))
    assert set(ledger.ids.values()) == {RUN.id.text}
    assert ledger.stopped == {}
    assert ledger.current(CONFIGURATION) is None
