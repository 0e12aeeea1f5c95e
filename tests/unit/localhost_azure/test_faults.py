"""Faults strike as often as they are told to, and again in the same places."""

from dataclasses import asdict
from typing import get_args

import pytest

from localhost.azure.faults import Faults, OfCalls, OfMachines


def test_share_of_zero_never_strikes_and_one_always() -> None:
    names = [f"machine-{n}" for n in range(200)]
    assert not any(Faults().strikes("throttle", name) for name in names)
    assert all(Faults(throttle=1).strikes("throttle", name) for name in names)


def test_share_is_met_roughly() -> None:
    faults = Faults(seed=7, slow=0.25)
    struck = sum(faults.strikes("slow", f"machine-{n}") for n in range(2000))
    assert 400 < struck < 600


def test_same_seed_strikes_the_same_cases_without_case() -> None:
    def pattern(faults: Faults, prefix: str) -> list[bool]:
        return [faults.strikes("throttle", f"{prefix}{n}", attempt=n % 3) for n in range(100)]

    faults = Faults(seed=1, throttle=0.5)
    assert pattern(faults, "VM") == pattern(Faults(seed=1, throttle=0.5), "vm")
    assert pattern(faults, "vm") != pattern(Faults(seed=2, throttle=0.5), "vm")


def test_another_attempt_is_another_decision() -> None:
    faults = Faults(throttle=0.5)
    assert {faults.strikes("throttle", "vm", attempt=n) for n in range(50)} == {True, False}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([], id="no object"),
        pytest.param({"throtle": 1}, id="misspelt"),
        pytest.param({"throttle": "1"}, id="text"),
        pytest.param({"throttle": True}, id="truth value"),
        pytest.param({"throttle": 1.5}, id="above one"),
    ],
)
def test_wrong_shares_are_refused(document: object) -> None:
    with pytest.raises(ValueError, match="share"):
        Faults.parse(document)


def test_faults_everywhere_meet_about_their_share_of_every_type_of_request() -> None:
    faults = Faults.everywhere(0.05, seed=3)
    calls = [f"call-{n}" for n in range(4000)]
    types: dict[str, tuple[OfCalls, ...]] = {
        "writes": ("refuse_connection", "drop_after_accept", "throttle", "server_error", "hang"),
        "queries": ("throttle_reads", "fail_reads", "lose_reads", "half_page", "hang"),
    }
    for kinds in types.values():
        struck = [[kind for kind in kinds if faults.strikes(kind, call)] for call in calls]
        assert 160 < sum(map(bool, struck)) < 240
        assert {kind for met in struck for kind in met} == set(kinds)


def test_faults_everywhere_leave_the_machines_alone() -> None:
    shares = asdict(Faults.everywhere(0.5))
    assert not any(shares[kind] for kind in get_args(OfMachines))


def test_random_mixes_are_small_differ_and_come_again() -> None:
    mixes = [Faults.random(seed) for seed in range(40)]
    kinds = (*get_args(OfCalls), *get_args(OfMachines))
    for kind in kinds:
        shares = [getattr(mix, kind) for mix in mixes]
        assert 8 < sum(map(bool, shares)) < 32
        assert max(shares) <= 0.1
    assert mixes[7] == Faults.random(7)
    assert len(set(mixes)) == 40


def test_every_kind_is_explained_and_has_a_share() -> None:
    kinds = {*get_args(OfCalls), *get_args(OfMachines)}
    assert kinds == set(asdict(Faults())) - {"seed"}
    assert all(f"`{kind}`" in str(Faults.__doc__) for kind in kinds)
