"""Token buckets of one place: what may be taken, by whom, and what Azure's word does to the estimate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.budget import (
    Bucket,
    Budget,
    Claim,
    Demand,
    Level,
    Place,
    Seen,
    Tokens,
    allowance,
    blocked,
    corrected,
    cost,
    read_left,
    reserve,
    throttled_by,
)
from shared.domain.machine import MachineType

NOW = datetime(2026, 6, 2, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLACE = Place.of("S", "West Europe")
FULL = Budget(place=PLACE)
SHORT, LONG, WRITES = Bucket


ALL = Demand(waiting={SHORT: 5000, LONG: 5000, WRITES: 10_000}, reserved={})
"""Five thousand VMs, and as many Arc servers."""


def a_claim(waiting: int = 0, *, had: int = 0, at: datetime = NOW, **reserved: int) -> Claim:
    """A claim of a run that waits for so many tokens of each bucket, and has had so many of each."""
    return Claim(
        waiting=dict.fromkeys(Bucket, waiting),
        reserved={Bucket[name.upper()]: count for name, count in reserved.items()},
        had=dict.fromkeys(Bucket, had),
        at=at,
    )


def allowed(budget: Budget, *, run: str = "a", now: datetime = NOW) -> Tokens:
    """What a run may take that wants a thousand of each."""
    return allowance(budget, run, ALL, now=now)


def taken(budget: Budget, tokens: Tokens, *, run: str = "a", at: datetime = NOW) -> Budget:
    return reserve(budget, run, Demand(waiting=tokens, reserved={}), taken=tokens, now=at)


def test_a_place_is_the_same_in_every_spelling() -> None:
    assert Place.of("ABC", "Japan East") == Place.of("abc", "japaneast")


def test_a_vm_takes_of_every_bucket_an_arc_server_of_the_writes_and_a_server_of_none() -> None:
    vm, arc, server = MachineType
    assert cost([vm, vm, arc, server]) == {SHORT: 2, LONG: 2, WRITES: 3}


def test_a_place_that_nobody_has_used_is_full() -> None:
    assert allowed(FULL) == {SHORT: 190, LONG: 600, WRITES: 200}


def test_writes_flow_evenly_and_never_above_the_full_bucket() -> None:
    budget = taken(FULL, {WRITES: 200})
    for seconds, there in ((0, 0), (5, 50), (20, 200), (60, 200)):
        assert allowed(budget, now=NOW + timedelta(seconds=seconds))[WRITES] == there


def test_patch_operations_come_back_when_the_time_of_their_bucket_is_over() -> None:
    budget = taken(FULL, {SHORT: 100, LONG: 100})
    for minutes, short, long in ((0, 90, 500), (2.99, 90, 500), (3, 190, 500), (30, 190, 600)):
        found = allowed(budget, now=NOW + minutes * MINUTE)
        assert (found[SHORT], found[LONG]) == (short, long)


def test_where_nothing_is_left_one_request_may_ask_for_azures_word() -> None:
    budget = replace(taken(FULL, {SHORT: 190, LONG: 600, WRITES: 200}), claims={})
    assert allowed(budget) == {SHORT: 1, LONG: 1, WRITES: 0}


def test_what_asks_for_a_word_does_not_put_off_the_refill() -> None:
    budget = taken(FULL, {SHORT: 190})
    for minute in (1, 2):
        budget = taken(budget, {SHORT: 1}, at=NOW + minute * MINUTE)
    assert allowed(budget, now=NOW + 3 * MINUTE)[SHORT] == 190


def test_a_clock_behind_the_writers_takes_nothing_back() -> None:
    budget = taken(FULL, {SHORT: 100})
    assert allowed(budget, now=NOW - MINUTE)[SHORT] == 90


def test_nobody_gets_more_than_it_waits_for() -> None:
    demand = Demand(waiting={WRITES: 5}, reserved={})
    assert allowance(FULL, "a", demand, now=NOW) == {SHORT: 0, LONG: 0, WRITES: 5}


@pytest.mark.parametrize(
    ("claims", "share"),
    [
        pytest.param({}, 190, id="alone"),
        pytest.param({"b": a_claim(1000)}, 95, id="one that waits"),
        pytest.param({"b": a_claim(1000), "c": a_claim(1000)}, 64, id="two, rounded up"),
        pytest.param({"b": a_claim(5)}, 185, id="one that wants little"),
        pytest.param({"b": a_claim(0)}, 190, id="one that has all it wanted"),
        pytest.param({"b": a_claim(1000, had=600)}, 95, id="one that was there before"),
        pytest.param({"b": a_claim(5, at=NOW - 3 * MINUTE)}, 190, id="one that came no more"),
        pytest.param({"a": a_claim(5)}, 190, id="itself"),
        pytest.param(
            {"a": a_claim(9, had=100), "b": a_claim(1000, had=40)}, 65, id="one that has had less"
        ),
        pytest.param(
            {"a": a_claim(9, had=300), "b": a_claim(1000, had=40)},
            0,
            id="one that has had much less",
        ),
        pytest.param(
            {"a": a_claim(9, had=300), "b": a_claim(20, had=40)},
            170,
            id="nor is a token left lying",
        ),
    ],
)
def test_runs_that_wait_share_what_is_there(claims: dict[str, Claim], share: int) -> None:
    assert allowed(replace(FULL, claims=claims))[SHORT] == share


def test_vms_take_no_writes_that_they_could_not_use() -> None:
    vms = Demand(waiting=dict.fromkeys(Bucket, 5000), reserved={})
    assert allowance(FULL, "a", vms, now=NOW) == {SHORT: 190, LONG: 600, WRITES: 190}
    used_up = reserve(FULL, "a", vms, taken=dict.fromkeys(Bucket, 190), now=NOW)
    later = reserve(used_up, "a", vms, taken={}, now=NOW + MINUTE)
    assert later.claims["a"].waiting.get(WRITES, 0) == 1, "for the one that asks for a word"
    assert allowed(later, run="b", now=NOW + MINUTE)[WRITES] == 199


def test_a_run_without_vms_does_not_compete_for_patch_operations() -> None:
    arc = Claim(waiting={WRITES: 1000}, reserved={}, had={}, at=NOW)
    assert allowed(replace(FULL, claims={"arc": arc})) == {SHORT: 190, LONG: 600, WRITES: 100}


def test_the_last_token_is_not_divided_away() -> None:
    budget = replace(
        FULL, levels={SHORT: Level(tokens=1, at=NOW)}, claims={"b": a_claim(5), "c": a_claim(5)}
    )
    assert allowed(budget)[SHORT] == 1


def test_from_when_the_last_came_all_runs_get_the_same_and_no_token_is_left_lying() -> None:
    budget, got = FULL, dict.fromkeys("abc", 0)
    for minute in range(40):
        for run in "abc"[: 1 + minute // 10]:
            now = NOW + minute * MINUTE
            tokens = {WRITES: allowed(budget, run=run, now=now)[WRITES]}
            if minute >= 20:
                got[run] += tokens[WRITES]
            budget = reserve(budget, run, ALL, taken=tokens, now=now)
    assert sum(got.values()) == 20 * 200
    assert max(got.values()) - min(got.values()) <= 200


def test_where_azure_has_asked_to_wait_nothing_may_be_taken_until_then() -> None:
    budget = blocked(FULL, {SHORT: NOW + MINUTE})
    assert allowed(budget) == {SHORT: 0, LONG: 600, WRITES: 200}
    assert allowed(budget, now=NOW + MINUTE) == allowed(FULL)


def test_of_two_waits_the_longer_holds() -> None:
    budget = blocked(blocked(FULL, {SHORT: NOW + MINUTE}), {SHORT: NOW, LONG: NOW})
    assert budget.blocked_until == {SHORT: NOW + MINUTE, LONG: NOW}


def test_a_vm_is_throttled_by_patch_operations_and_an_arc_server_by_writes() -> None:
    vm, arc, server = MachineType
    assert (throttled_by(vm), throttled_by(arc), throttled_by(server)) == (
        (SHORT, LONG),
        (WRITES,),
        (),
    )


def seen(left: Tokens, *, at: datetime = NOW) -> Seen:
    return Seen(left=left, at=at)


def test_azures_word_replaces_the_estimate_less_what_is_reserved_and_not_yet_spent() -> None:
    rival = {"b": a_claim(patch_3_minutes=20)}
    budget = replace(taken(FULL, {SHORT: 10}), claims=rival)
    found = corrected(budget, "a", seen=seen({SHORT: 150}), reserved={SHORT: 30}, now=NOW)
    assert allowed(found)[SHORT] == 100
    assert allowed(found)[LONG] == 600, "of the others nothing was said"


def test_azures_word_gives_back_what_was_reserved_and_never_sent() -> None:
    budget = taken(FULL, {SHORT: 190})
    found = corrected(budget, "a", seen=seen({SHORT: 170}), reserved={}, now=NOW)
    assert allowed(found)[SHORT] == 170


def test_a_word_ages_from_when_it_was_said() -> None:
    word = seen({SHORT: 0, WRITES: 0})
    found = corrected(FULL, "a", seen=word, reserved={}, now=NOW + 2 * MINUTE)
    assert allowed(found, now=NOW + 2 * MINUTE) == {SHORT: 1, LONG: 600, WRITES: 200}
    assert allowed(found, now=NOW + 3 * MINUTE)[SHORT] == 190


def test_a_word_that_is_known_already_changes_nothing() -> None:
    known = corrected(FULL, "a", seen=seen({SHORT: 100}), reserved={}, now=NOW)
    later = taken(known, {SHORT: 40})
    assert corrected(later, "a", seen=seen({SHORT: 100}), reserved={}, now=NOW) == later
    assert corrected(later, "a", seen=None, reserved={}, now=NOW) == later


def test_azure_is_believed_when_it_allows_more_than_is_known() -> None:
    found = corrected(FULL, "a", seen=seen({WRITES: 1199}), reserved={}, now=NOW)
    assert allowed(found)[WRITES] == 1199


def test_more_reserved_than_there_is_leaves_nothing() -> None:
    word = seen({SHORT: 5, WRITES: 5})
    found = corrected(FULL, "a", seen=word, reserved={SHORT: 30, WRITES: 30}, now=NOW)
    assert allowed(found)[WRITES] == 0
    assert allowed(found)[SHORT] == 1
    assert allowed(found, now=NOW + timedelta(seconds=4))[WRITES] == 15, "what is owed comes first"


def test_claims_that_nobody_renewed_are_forgotten() -> None:
    budget = replace(FULL, claims={"old": a_claim(5, at=NOW - 3 * MINUTE), "b": a_claim(5)})
    assert set(reserve(budget, "a", ALL, taken={}, now=NOW).claims) == {"a", "b"}


def test_claims_of_nothing_are_not_kept() -> None:
    assert taken(FULL, {}).claims == {}
    assert set(taken(FULL, {WRITES: 1}).claims) == {"a"}, "reserved, and not spent yet"


def test_workers_whose_clocks_differ_make_no_tokens_out_of_nothing() -> None:
    budget, got = FULL, 0
    for number in range(250):
        now = NOW + number * timedelta(seconds=0.24) + timedelta(seconds=number % 2)
        tokens = {WRITES: min(5, allowed(budget, now=now)[WRITES])}
        got += tokens[WRITES]
        budget = reserve(budget, "a", ALL, taken=tokens, now=now)
    assert got <= 200 + 61 * 10


def test_one_request_at_a_time_asks_for_a_word() -> None:
    empty = taken(FULL, {SHORT: 190})
    asked = replace(empty, claims={"b": a_claim(5, patch_3_minutes=1)})
    assert allowed(asked)[SHORT] == 0
    own = Demand(waiting={SHORT: 5}, reserved={SHORT: 1})
    assert allowance(replace(empty, claims={}), "a", own, now=NOW)[SHORT] == 0


def test_who_does_not_take_what_it_is_offered_saves_nothing_up() -> None:
    budget = FULL
    for minute in range(10):
        now = NOW + minute * MINUTE
        budget = reserve(budget, "idle", ALL, taken={}, now=now)
        tokens = {WRITES: allowed(budget, run="busy", now=now)[WRITES]}
        assert tokens[WRITES] >= 100
        budget = reserve(budget, "busy", ALL, taken=tokens, now=now)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Microsoft.Compute/PatchOperation3Min;189,Microsoft.Compute/PatchOperation30Min;599",
            {SHORT: 189, LONG: 599},
        ),
        ("writes;799", {WRITES: 799}),
        ("Microsoft.Compute/GetOperation3Min;14996, writes;0", {WRITES: 0}),
        ("Microsoft.Compute/PatchOperation3Min;-1,writes;many,writes", {}),
        ("", {}),
    ],
)
def test_what_is_left_is_read_in_azures_notation(text: str, left: Tokens) -> None:
    assert read_left(text) == left
