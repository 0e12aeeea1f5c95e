"""Faults strike as often as they are told to, and again in the same places."""

import pytest

from localhost.azure.faults import Faults


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
