"""The tables of a job's states, written out once more, and what a run's status follows from."""

from itertools import product

import pytest

from shared.domain.run import (
    Outcome,
    Phase,
    RunFacts,
    RunStatus,
    Target,
    Writer,
    check_transition,
    run_status,
)
from shared.errors import IllegalTransitionError

# semantics.md, section 5: from, who writes, to.
LEGAL = {
    ("queued", "reconcile_run", "dispatched"),
    ("queued", "reconcile_run", "TimedOut"),
    ("queued", "reconcile_run", "Skipped"),
    ("queued", "reconcile_run", "Cancelled"),
    ("dispatched", "reconcile_run", "dispatched"),
    ("dispatched", "reconcile_run", "TimedOut"),
    ("dispatched", "reconcile_run", "Skipped"),
    ("dispatched", "reconcile_run", "Cancelled"),
    ("dispatched", "start_job", "claimed"),
    ("claimed", "start_job", "starting"),
    ("claimed", "start_job", "queued"),
    ("claimed", "start_job", "Skipped"),
    ("claimed", "start_job", "TimedOut"),
    ("claimed", "start_job", "Cancelled"),
    ("claimed", "reconcile_run", "dispatched"),
    ("starting", "start_job", "started"),
    ("starting", "start_job", "queued"),
    ("starting", "start_job", "Failed"),
    ("starting", "start_job", "uncertain"),
    ("starting", "reconcile_run", "uncertain"),
    ("uncertain", "collect_results", "started"),
    ("uncertain", "collect_results", "Succeeded"),
    ("uncertain", "collect_results", "CompletedWithWarnings"),
    ("uncertain", "collect_results", "Failed"),
    ("uncertain", "collect_results", "Unknown"),
    ("started", "collect_results", "Succeeded"),
    ("started", "collect_results", "CompletedWithWarnings"),
    ("started", "collect_results", "Failed"),
    ("started", "collect_results", "Unknown"),
    ("Unknown", "collect_results", "Succeeded"),
    ("Unknown", "collect_results", "CompletedWithWarnings"),
    ("Unknown", "collect_results", "Failed"),
}

STATES: list[Target] = [*Phase, *Outcome]


def is_legal(current: Target, writer: Writer, target: Target) -> bool:
    try:
        check_transition(current, target, by=writer)
    except IllegalTransitionError:
        return False
    return True


def test_exactly_the_transitions_of_the_rule_are_legal() -> None:
    legal = {
        (str(current), str(writer), str(target))
        for current, writer, target in product(STATES, Writer, STATES)
        if is_legal(current, writer, target)
    }

    assert legal == LEGAL


def test_refused_transition_names_the_writer_and_both_states() -> None:
    with pytest.raises(IllegalTransitionError) as refusal:
        check_transition(Outcome.SUCCEEDED, Phase.STARTING, by=Writer.START_JOB)

    assert all(word in refusal.value.message for word in ("start_job", "Succeeded", "starting"))


EVERY_OUTCOME = dict.fromkeys(Outcome, 1)


@pytest.mark.parametrize(
    ("outcomes", "open_jobs", "facts", "status"),
    [
        pytest.param({}, 0, RunFacts(missed=True), RunStatus.MISSED, id="missed"),
        pytest.param(
            EVERY_OUTCOME,
            1,
            RunFacts(missed=True, cancelled=True, unresolved_scopes=1, installs_started=1),
            RunStatus.MISSED,
            id="missed goes before everything",
        ),
        pytest.param({}, 1, RunFacts(), RunStatus.PENDING, id="open before its first install"),
        pytest.param(
            EVERY_OUTCOME,
            1,
            RunFacts(cancelled=True, unresolved_scopes=1),
            RunStatus.PENDING,
            id="open although it will end cancelled",
        ),
        pytest.param(
            EVERY_OUTCOME,
            1,
            RunFacts(installs_started=1, unresolved_scopes=1),
            RunStatus.IN_PROGRESS,
            id="open after its first install",
        ),
        pytest.param(
            {Outcome.CANCELLED: 2},
            0,
            RunFacts(cancelled=True, unresolved_scopes=1),
            RunStatus.CANCELLED,
            id="cancelled before anything started, whatever was not resolved",
        ),
        pytest.param({}, 0, RunFacts(cancelled=True), RunStatus.CANCELLED, id="cancelled empty"),
        pytest.param(
            {Outcome.SUCCEEDED: 1, Outcome.CANCELLED: 1},
            0,
            RunFacts(cancelled=True, installs_started=1),
            RunStatus.COMPLETED_WITH_WARNINGS,
            id="cancelled after an install started",
        ),
        pytest.param(
            {Outcome.FAILED: 1, Outcome.CANCELLED: 1},
            0,
            RunFacts(cancelled=True, installs_started=1),
            RunStatus.FAILED,
            id="cancelled after an install that failed",
        ),
        pytest.param(
            {Outcome.FAILED: 1, Outcome.SUCCEEDED: 9},
            0,
            RunFacts(installs_started=10),
            RunStatus.FAILED,
            id="one job of ten failed",
        ),
        pytest.param(
            {Outcome.SUCCEEDED: 9},
            0,
            RunFacts(unresolved_scopes=1, installs_started=9),
            RunStatus.FAILED,
            id="a scope could not be resolved",
        ),
        pytest.param(
            {Outcome.SUCCEEDED: 3}, 0, RunFacts(installs_started=3), RunStatus.COMPLETED, id="all"
        ),
        pytest.param({}, 0, RunFacts(), RunStatus.COMPLETED, id="no machine at all"),
        pytest.param(
            dict.fromkeys(Outcome, 0), 0, RunFacts(), RunStatus.COMPLETED, id="counts of zero"
        ),
    ],
)
def test_status_follows_in_the_order_of_the_rule(
    outcomes: dict[Outcome, int], open_jobs: int, facts: RunFacts, status: RunStatus
) -> None:
    assert run_status(outcomes, open_jobs=open_jobs, facts=facts) is status


@pytest.mark.parametrize(
    "outcome",
    [outcome for outcome in Outcome if outcome not in (Outcome.SUCCEEDED, Outcome.FAILED)],
)
def test_any_job_that_did_not_succeed_is_a_warning(outcome: Outcome) -> None:
    counts = {Outcome.SUCCEEDED: 5, outcome: 1}

    assert (
        run_status(counts, open_jobs=0, facts=RunFacts(installs_started=5))
        is RunStatus.COMPLETED_WITH_WARNINGS
    )


def test_only_pending_and_in_progress_are_open() -> None:
    assert [status for status in RunStatus if status.is_open] == [
        RunStatus.PENDING,
        RunStatus.IN_PROGRESS,
    ]
