"""Keys of runs and jobs, ids of runs, and changes that only the right writer may make."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.domain.machine import MachineType
from shared.domain.records import (
    Job,
    Run,
    RunId,
    RunKind,
    job_key,
    move,
    parse_run_key,
    run_key,
)
from shared.domain.run import JOB_TRANSITIONS, Outcome, Phase, Reason, Writer
from shared.errors import IllegalTransitionError, InvalidRequestError
from tests.builders import CONFIGURATION, a_machine

AT = datetime(2026, 6, 2, 2, 0, 7, tzinfo=UTC)
RUN_ID = f"{CONFIGURATION}/providers/Microsoft.Maintenance/applyUpdates/20260602020007"

# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts_at", "key"),
    [
        (AT, "20260602020007"),
        (AT.astimezone(timezone(timedelta(hours=9))), "20260602020007"),
        (AT.replace(microsecond=999_999), "20260602020007"),
        (datetime(987, 1, 1, tzinfo=UTC), "09870101000000"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "99991231235959"),
    ],
)
def test_run_is_named_by_its_start_in_utc(starts_at: datetime, key: str) -> None:
    assert run_key(starts_at) == key
    assert parse_run_key(key) == starts_at.replace(microsecond=0)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "now",
        "2026060202000",
        "202606020200071",
        "20260602020060",
        "20260631020000",
        "00000101000000",
        "2026-06-02 020",
        "٢٠٢٦٠٦٠٢٠٢٠٠٠٧",
        " 2026060202000",
        "+2026060202000",
    ],
)
def test_key_that_names_no_second_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequestError, match="yyyyMMddHHmmss"):
        parse_run_key(key)


def test_job_key_is_the_same_for_every_spelling_of_a_machine() -> None:
    machine = a_machine().id
    assert job_key(machine) == job_key(machine.upper()) == job_key(machine + "/")
    assert job_key(machine) != job_key(machine + "0")
    assert len(job_key(machine)) == 32


# --- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [RUN_ID, RUN_ID.replace("applyUpdates", "APPLYUPDATES")])
def test_run_id_is_split_and_printed_as_it_was(text: str) -> None:
    found = RunId.parse(text)
    assert found == RunId(configuration_id=CONFIGURATION, key="20260602020007")
    assert found.text == RUN_ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        CONFIGURATION,
        RUN_ID + "/",
        RUN_ID + "/jobs",
        RUN_ID[:-1],
        RUN_ID.removeprefix(CONFIGURATION),
        RUN_ID.replace("20260602020007", "default"),
    ],
)
def test_text_that_is_no_runs_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        RunId.parse(text)


def test_run_knows_its_id_and_the_end_of_its_window() -> None:
    run = Run(
        configuration_id=CONFIGURATION,
        key="20260602020007",
        kind=RunKind.SCHEDULED,
        starts_at=AT,
        duration=timedelta(hours=23, minutes=59),
        created_at=AT,
        created_by="timer",
    )
    assert run.id.text == RUN_ID
    assert run.ends_at == datetime(2026, 6, 3, 1, 59, 7, tzinfo=UTC)


# --- changes -------------------------------------------------------------------------------------


def a_job(phase: Phase, outcome: Outcome | None = None) -> Job:
    return Job(
        key="k",
        machine_id="/m",
        machine_type=MachineType.SERVER,
        subscription="s",
        phase=phase,
        outcome=outcome,
        etag="e",
    )


def test_move_to_a_phase_names_it_and_what_changes_with_it() -> None:
    change = move(a_job(Phase.DISPATCHED), Phase.CLAIMED, by=Writer.START_JOB, claim="c")
    assert (change.key, change.etag) == ("k", "e")
    assert change.columns == {"phase": Phase.CLAIMED, "claim": "c"}


def test_move_to_an_outcome_ends_the_job() -> None:
    change = move(
        a_job(Phase.STARTED), Outcome.FAILED, by=Writer.COLLECT_RESULTS, reason=Reason.REFUSED
    )
    assert change.columns == {
        "phase": Phase.ENDED,
        "outcome": Outcome.FAILED,
        "reason": Reason.REFUSED,
    }


def test_unknown_is_corrected_by_the_collector_alone() -> None:
    unknown = a_job(Phase.ENDED, Outcome.UNKNOWN)
    change = move(unknown, Outcome.SUCCEEDED, by=Writer.COLLECT_RESULTS)
    assert change.columns["outcome"] is Outcome.SUCCEEDED
    for writer in (Writer.START_JOB, Writer.RECONCILE_RUN):
        with pytest.raises(IllegalTransitionError):
            move(unknown, Outcome.SUCCEEDED, by=writer)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.UNKNOWN])
def test_nothing_follows_a_known_outcome(outcome: Outcome) -> None:
    assert outcome not in JOB_TRANSITIONS
    for writer in Writer:
        for target in (*Phase, *Outcome):
            with pytest.raises(IllegalTransitionError):
                move(a_job(Phase.ENDED, outcome), target, by=writer)
