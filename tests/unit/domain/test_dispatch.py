"""The plan of a pass, row by row, and the tally."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.domain.budget import Bucket, Place
from shared.domain.configuration import MaxConcurrency
from shared.domain.dispatch import DispatchRules, place_of, plan, spent, tally, waits
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
    """What becomes of each job that changes: its phase, or outcome and reason, or what holds it."""
    changes = {change.key: change.columns for change in plan(jobs, rules or the_rules())}
    return {
        key: (columns["outcome"], columns["reason"])
        if "outcome" in columns
        else columns.get("phase") or columns["held_by"]
        for key, columns in changes.items()
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
        a_job(held_by=Reason.BUSY, not_before=NOW - 70 * MINUTE),
        the_rules(left=-10 * MINUTE - SECOND),
        (Outcome.SKIPPED, Reason.BUSY),
        id="busy: nobody looked again",
    ),
    pytest.param(
        a_job(held_by=Reason.BUSY, not_before=NOW - 71 * MINUTE, dispatched_at=NOW - 72 * MINUTE),
        the_rules(left=-10 * MINUTE - SECOND),
        (Outcome.TIMED_OUT, Reason.OUTAGE),
        id="busy: long ago, and nobody came since",
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


def test_who_had_no_turn_yet_goes_first_then_who_had_the_oldest() -> None:
    held: dict[str, Any] = {"held_by": Reason.BUSY, "not_before": NOW}
    jobs = [
        a_job(key="a", dispatched_at=NOW - MINUTE, **held),
        a_job(key="b", dispatched_at=NOW - 2 * MINUTE, **held),
        a_job(key="c"),
    ]
    assert list(planned(*jobs, rules=the_rules(in_flight=2))) == ["c", "b"]


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        pytest.param(MaxConcurrency(number=4), "w", id="a number"),
        pytest.param(MaxConcurrency(number=3), "", id="as many as there are"),
        pytest.param(MaxConcurrency(number=1), "", id="fewer than there are"),
        pytest.param(MaxConcurrency(number=50, is_percent=True), "w", id="a share, rounded up"),
        pytest.param(MaxConcurrency(number=100, is_percent=True), "wxyz", id="all"),
    ],
)
def test_no_more_machines_of_a_run_are_patched_at_once_than_it_allows(
    limit: MaxConcurrency, sent: str
) -> None:
    jobs = [
        a_job(Phase.STARTED, key="a"),
        a_job(Phase.UNCERTAIN, key="b"),
        a_job(Phase.STARTING, key="c", claimed_until=NOW),
        *(a_job(key=key) for key in "wxyz"),
    ]
    found = planned(*jobs, rules=the_rules(in_flight=100, max_concurrency=limit))
    waiting = {key: Reason.MAX_CONCURRENCY for key in "wxyz" if key not in sent}
    assert found == dict.fromkeys(sent, Phase.DISPATCHED) | waiting


def test_a_lost_request_that_nobody_saw_for_half_an_hour_makes_room_again() -> None:
    lost = a_job(Phase.UNCERTAIN, key="a", starting_at=NOW - 60 * MINUTE)
    for heard_until, expected in (
        (None, Reason.MAX_CONCURRENCY),
        (NOW - 30 * MINUTE, Reason.MAX_CONCURRENCY),
        (NOW - 29 * MINUTE, Phase.DISPATCHED),
    ):
        rules = the_rules(max_concurrency=MaxConcurrency(number=1), heard_until=heard_until)
        assert planned(lost, a_job(key="b"), rules=rules) == {"b": expected}


def test_what_was_busy_long_ago_says_what_holds_it_now() -> None:
    rules = the_rules(in_flight=9, max_concurrency=MaxConcurrency(number=1))
    patched = a_job(Phase.STARTED, key="a")
    for ago, expected in ((60, {}), (61, {"b": Reason.MAX_CONCURRENCY})):
        busy = a_job(key="b", held_by=Reason.BUSY, not_before=NOW - ago * MINUTE)
        assert planned(patched, busy, rules=rules) == expected


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        pytest.param(59 * SECOND, Reason.MAX_CONCURRENCY, id="it was sent just now"),
        pytest.param(60 * SECOND, Reason.OUTAGE, id="nobody came for it"),
    ],
)
def test_what_held_a_job_once_is_not_what_ends_it_when_nobody_comes(
    ago: timedelta, reason: Reason
) -> None:
    held: dict[str, Any] = {"held_by": Reason.MAX_CONCURRENCY, "dispatched_at": NOW - ago}
    found = planned(a_job(Phase.DISPATCHED, **held), rules=the_rules(left=LATE))
    assert found == {"a": (Outcome.TIMED_OUT, reason)}


def test_a_machine_that_has_ended_makes_room_for_the_next() -> None:
    done = a_job(Phase.ENDED, key="a", outcome=Outcome.SUCCEEDED)
    rules = the_rules(max_concurrency=MaxConcurrency(number=1))
    assert planned(done, a_job(key="b"), rules=rules) == {"b": Phase.DISPATCHED}


WEST: dict[str, Any] = {"subscription": "S", "location": "West Europe"}
EAST: dict[str, Any] = {"subscription": "S", "location": "eastus"}
HERE, THERE = Place.of("s", "westeurope"), Place.of("s", "eastus")
PLENTY = dict.fromkeys(Bucket, 100)


def in_places(*jobs: JobGlance, **allowances: Any) -> dict[str, Any]:
    places = {HERE: allowances.get("here", PLENTY), THERE: allowances.get("there", PLENTY)}
    return planned(*jobs, rules=the_rules(in_flight=100, allowances=places))


def test_a_place_without_tokens_holds_its_machines_and_no_others() -> None:
    jobs = [a_job(key="a", **WEST), a_job(key="b", **EAST), a_job(key="c", **WEST)]
    found = in_places(*jobs, here=PLENTY | {Bucket.PATCH_30_MINUTES: 1})
    assert found == {
        "a": Phase.DISPATCHED,
        "b": Phase.DISPATCHED,
        "c": Reason.PATCH_BUDGET,
    }


def test_an_arc_server_needs_no_patch_operation_of_compute() -> None:
    arc = a_job(key="a", machine_type=MachineType.ARC_SERVER, **WEST)
    assert in_places(arc, here={Bucket.WRITES: 1}) == {"a": Phase.DISPATCHED}
    assert in_places(arc, here={Bucket.WRITES: 0}) == {"a": Reason.PATCH_BUDGET}


def test_a_server_of_ones_own_has_no_budget() -> None:
    server = a_job(key="a", machine_type=MachineType.SERVER, **WEST)
    assert in_places(server, here={}) == {"a": Phase.DISPATCHED}


def test_what_is_dispatched_again_takes_nothing_again() -> None:
    job = a_job(Phase.DISPATCHED, dispatched_at=NOW - MINUTE, **WEST)
    assert in_places(job, here={}) == {"a": Phase.DISPATCHED}


def test_a_machine_that_waits_for_another_run_takes_no_token() -> None:
    assert in_places(a_job(held_by=Reason.BUSY, **WEST), here={}) == {"a": Phase.DISPATCHED}


def test_a_machine_that_azure_itself_found_busy_was_asked_and_takes_a_token() -> None:
    asked = a_job(held_by=Reason.BUSY, not_before=NOW, starting_at=NOW - MINUTE, **WEST)
    assert in_places(asked, here={}) == {}


def test_what_holds_a_job_is_noted_once() -> None:
    held = a_job(held_by=Reason.PATCH_BUDGET, **WEST)
    other = a_job(key="b", held_by=Reason.OUTAGE, **WEST)
    assert in_places(held, other, here={}) == {"b": Reason.PATCH_BUDGET}


def test_a_full_queue_is_not_noted() -> None:
    assert planned(a_job(), rules=the_rules(in_flight=0)) == {}


def test_what_a_plan_takes_is_counted_by_place_and_bucket() -> None:
    jobs = [
        a_job(key="a", **WEST),
        a_job(key="b", machine_type=MachineType.ARC_SERVER, **WEST),
        a_job(key="c", held_by=Reason.BUSY, **WEST),
        a_job(Phase.DISPATCHED, key="d", dispatched_at=NOW - MINUTE, **WEST),
        a_job(key="e", **EAST),
        a_job(key="f", machine_type=MachineType.SERVER, **(EAST | {"location": "berlin"})),
    ]
    rules = the_rules(in_flight=100)
    taken = spent({job.key: job for job in jobs}, plan(jobs, rules))
    one = dict.fromkeys(Bucket, 1)
    assert taken == {HERE: one | {Bucket.WRITES: 2}, THERE: one}
    assert place_of(jobs[0]) == HERE


@pytest.mark.parametrize(
    ("job", "rules", "expected"),
    [
        pytest.param(a_job(), the_rules(), True, id="queued"),
        pytest.param(a_job(not_before=NOW + SECOND), the_rules(), False, id="not yet"),
        pytest.param(a_job(Phase.DISPATCHED), the_rules(), False, id="on its way"),
        pytest.param(a_job(), the_rules(left=LATE), False, id="late"),
        pytest.param(a_job(), the_rules(cancellation=CANCELLED), False, id="cancelled"),
    ],
)
def test_who_waits(job: JobGlance, rules: DispatchRules, expected: bool) -> None:
    assert waits(job, rules) is expected


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
