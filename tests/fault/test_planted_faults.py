"""Faults planted into the product: the simulation finds each of them, or it has fallen asleep."""

import pytest

from localhost.simulation.planted_faults import PLANTED, planted
from localhost.simulation.trial import try_seed

ENOUGH = 200
"""Seeds within which a planted fault has to be found."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    with planted(name) as fault:
        for seed in range(1, 1 + ENOUGH):
            if any(fault.sign in violation for violation in try_seed(seed).violations):
                return
    pytest.fail(f"{ENOUGH} seeds do not find it")


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_taken_out_again(name: str) -> None:
    fault = PLANTED[name]
    before = getattr(fault.owner, fault.attribute)
    with planted(name):
        assert getattr(fault.owner, fault.attribute) is fault.replacement
    assert getattr(fault.owner, fault.attribute) is before
