"""The plan of a pass, row by row, and the tally."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.domain.dispatch import DispatchRules, plan, tally
from shared.domain.machine import MachineType
from shared.domain.records import Cancellation, JobGlance
from shared.domain.run import Outcome, Phase, Reason

NOW = datetime(2026, 6, 2, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CANCELLED = Cancellation(at=NOW, by="ann")
GONE = Cancellation(at=NOW, by="timer", reason=Reason.CONFIGURATION_GONE)


def a_job(phase: Phase = Phase.QUEUED, *, key: str = "a", **fields: Any) -> JobGlance:
    given = {"machine_id": f"/{key}", "machine_type": MachineType.AZURE_VM, "etag": f"e-{key}"}
    return JobGlance(key=key, phase=phase, **(given | fields))


def the_rules(*, left: timedelta = MINUTE, **fields: Any) -> DispatchRules:
    """Rules a minute before the cut-off of Azure's machines, *left* before, with room for two."""
    cut_offs = dict.fromkeys(MachineType, NOW + left)
    given = {"cut_offs": cut_offs, "cancellation": None, "in_flight": 2}
    return DispatchRules(now=NOW, unclaimed=60 * SECOND, skew=30 * SECOND, **(given | fields))


def planned(*jobs: JobGlance, rules: DispatchRules | None = None) -> dict[str, Any]:
    """What becomes of each job that changes: its phase, or outcome and reason."""
    return {
        change.key: (change.columns["outcome"], change.columns["reason"])
        if "outcome" in change.columns
        else change.columns["phase"]
        for change in plan(jobs, rules or the_rules())
    }


LATE = -SECOND

CASES = [
    # queued
    pytest.param(a_job(), the_rules(), Phase.DISPATCHED, id="queued: sent"),
    pytest.param(a_job(not_before=NOW), the_rules(), Phase.DISPATCHED, id="queued: its time came"),
    pytest.param(a_job(not_before=NOW + SECOND), the_rules(), None, id="queued: not yet"),
    pytest.param(a_job(), the_rules(in_flight=0), None, id="queued: no room"),
    pytest.param(a_job(), the_rules(left=timedelta()), Phase.DISPATCHED, id="queued: last instant"),
    pytest.param(
        a_job(), the_rules(left=LATE), (Outcome.TIMED_OUT, Reason.OUTAGE), id="queued: nobody came"
    ),
    pytest.param(
        a_job(),
        the_rules(left=LATE, in_flight=0),
        (Outcome.TIMED_OUT, Reason.MAX_CONCURRENCY),
        id="queued: never had its turn",
    ),
    pytest.param(
        a_job(held_by=Reason.PATCH_BUDGET, held_message="429"),
        the_rules(left=LATE),
        (Outcome.TIMED_OUT, Reason.PATCH_BUDGET),
        id="queued: throttled to the end",
    ),
    pytest.param(
        a_job(held_by=Reason.BUSY), the_rules(left=LATE), Phase.DISPATCHED, id="busy: a last look"
    ),
    pytest.param(
        a_job(held_by=Reason.BUSY),
        the_rules(left=-10 * MINUTE - SECOND),
        (Outcome.TIMED_OUT, Reason.BUSY),
        id="busy: nobody looked",
    ),
    pytest.param(
        a_job(),
        the_rules(cancellation=CANCELLED),
        (Outcome.CANCELLED, Reason.CANCELLED_BY_CALLER),
        id="queued: cancelled",
    ),
    pytest.param(
        a_job(),
        the_rules(cancellation=GONE, left=LATE),
        (Outcome.CANCELLED, Reason.CONFIGURATION_GONE),
        id="queued: cancelled beats late",
    ),
    # dispatched
    pytest.param(
        a_job(Phase.DISPATCHED, dispatched_at=NOW - 59 * SECOND), the_rules(), None, id="sent: wait"
    ),
    pytest.param(
        a_job(Phase.DISPATCHED, dispatched_at=NOW - 60 * SECOND),
        the_rules(in_flight=0),
        Phase.DISPATCHED,
        id="sent: nobody claimed it, sent again",
    ),
    pytest.param(
        a_job(Phase.DISPATCHED, dispatched_at=NOW - MINUTE),
        the_rules(left=LATE),
        (Outcome.TIMED_OUT, Reason.OUTAGE),
        id="sent: nobody claimed it until the cut-off",
    ),
    pytest.param(
        a_job(Phase.DISPATCHED, dispatched_at=NOW),
        the_rules(cancellation=CANCELLED),
        (Outcome.CANCELLED, Reason.CANCELLED_BY_CALLER),
        id="sent: cancelled",
    ),
    # claimed
    pytest.param(
        a_job(Phase.CLAIMED, claimed_until=NOW - 30 * SECOND),
        the_rules(),
        None,
        id="claimed: lives",
    ),
    pytest.param(
        a_job(Phase.CLAIMED, claimed_until=NOW - 31 * SECOND),
        the_rules(),
        Phase.DISPATCHED,
        id="claimed: the worker died",
    ),
    pytest.param(
        a_job(Phase.CLAIMED, claimed_until=NOW),
        the_rules(cancellation=CANCELLED, left=LATE),
        None,
        id="claimed: its worker ends it",
    ),
    # starting
    pytest.param(
        a_job(Phase.STARTING, claimed_until=NOW - 30 * SECOND), the_rules(), None, id="asks still"
    ),
    pytest.param(
        a_job(Phase.STARTING, claimed_until=NOW - 31 * SECOND),
        the_rules(cancellation=CANCELLED, left=LATE),
        Phase.UNCERTAIN,
        id="starting: the worker died, never asked again",
    ),
    # the collector's
    *(
        pytest.param(
            a_job(phase, outcome=outcome, claimed_until=NOW - timedelta(days=1)),
            the_rules(cancellation=CANCELLED, left=LATE),
            None,
            id=f"{phase}: not this pass's",
        )
        for phase, outcome in [
            (Phase.UNCERTAIN, None),
            (Phase.STARTED, None),
            (Phase.ENDED, Outcome.UNKNOWN),
        ]
    ),
]


@pytest.mark.parametrize(("job", "rules", "expected"), CASES)
def test_one_job(job: JobGlance, rules: DispatchRules, expected: Any) -> None:
    assert planned(job, rules=rules) == ({} if expected is None else {"a": expected})


def test_change_is_made_under_the_etag_that_was_read_and_says_when() -> None:
    (change,) = plan([a_job()], the_rules())
    assert (change.key, change.etag) == ("a", "e-a")
    assert change.columns["dispatched_at"] == NOW
    (ending,) = plan([a_job()], the_rules(cancellation=CANCELLED))
    assert ending.columns["ended_at"] == NOW
    assert ending.columns["message"] == "The run was cancelled by ann."


def test_room_is_what_those_in_flight_leave() -> None:
    fresh = {"dispatched_at": NOW, "claimed_until": NOW}
    jobs = [
        a_job(Phase.DISPATCHED, key="a", **fresh),
        a_job(Phase.CLAIMED, key="b", **fresh),
        a_job(Phase.STARTING, key="c", **fresh),
        a_job(Phase.STARTED, key="d"),
        a_job(Phase.UNCERTAIN, key="e"),
        *(a_job(key=key) for key in "xyz"),
    ]
    assert planned(*jobs, rules=the_rules(in_flight=5)) == dict.fromkeys("xy", Phase.DISPATCHED)


def test_room_goes_by_key_whatever_the_order_of_the_rows() -> None:
    jobs = [a_job(key=key) for key in "abcd"]
    plans = [plan(order, the_rules()) for order in permutations(jobs)]
    assert [change.key for change in plans[0]] == ["a", "b"]
    assert all(one == plans[0] for one in plans)


def test_cut_off_is_the_one_of_the_machine_type() -> None:
    cut_offs = dict.fromkeys(MachineType, NOW - SECOND)
    cut_offs[MachineType.SERVER] = NOW
    jobs = [a_job(key="a"), a_job(key="b", machine_type=MachineType.SERVER)]
    found = planned(*jobs, rules=the_rules(cut_offs=cut_offs))
    assert found == {"a": (Outcome.TIMED_OUT, Reason.OUTAGE), "b": Phase.DISPATCHED}


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        pytest.param(5 * MINUTE, Reason.MAX_CONCURRENCY, id="others were being sent until now"),
        pytest.param(6 * MINUTE, Reason.OUTAGE, id="nothing was being sent any more"),
    ],
)
def test_job_that_never_had_its_turn_says_whether_the_app_was_at_work(
    ago: timedelta, reason: Reason
) -> None:
    ahead = a_job(Phase.STARTED, key="ahead", dispatched_at=NOW - ago)
    found = planned(ahead, a_job(key="last"), rules=the_rules(left=LATE))
    assert found == {"last": (Outcome.TIMED_OUT, reason)}


def test_tally_counts_outcomes_open_jobs_and_started_installs() -> None:
    jobs = [a_job(phase) for phase in Phase if phase is not Phase.ENDED]
    jobs += [a_job(Phase.ENDED, outcome=outcome) for outcome in Outcome]
    jobs.append(a_job(Phase.ENDED, outcome=Outcome.SKIPPED))
    found = tally(jobs)
    assert found.outcomes == {**dict.fromkeys(Outcome, 1), Outcome.SKIPPED: 2}
    assert found.open_jobs == 6
    # starting, uncertain, started; Succeeded, CompletedWithWarnings, Failed, Unknown
    assert found.installs_started == 7
    assert tally(reversed(jobs)) == replace(found)
