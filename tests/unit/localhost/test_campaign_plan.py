"""What a seed of the fault campaign stands for."""

from datetime import timedelta

import pytest

from localhost.campaign.plan import (
    START,
    CancelRun,
    DeleteConfiguration,
    HealAzure,
    PutAssignment,
    PutConfiguration,
    StartMachine,
    StartRun,
    draw,
)
from shared.application.documents import parse_assignment, parse_configuration

SEEDS = range(1, 101)
NIGHT = timedelta(hours=5)


def test_a_seed_always_draws_the_same_plan() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_can_be_carried_out_in_one_night(seed: int) -> None:
    plan = draw(seed)
    assert 20 <= plan.machines <= 40
    assert [step.at for step in plan.steps] == sorted(step.at for step in plan.steps)
    configurations = {
        step.action.id for step in plan.steps if isinstance(step.action, PutConfiguration)
    }
    for step in plan.steps:
        match step.action:
            case PutConfiguration(id=one, document=document):
                window = parse_configuration(one, document).window
                assert window.next_after(START)
                assert window.next_after(START + NIGHT) is None
            case PutAssignment(scope=scope, document=document):
                assert parse_assignment(scope, document).configuration_id in configurations
            case StartRun(configuration=one) | CancelRun(configuration=one):
                assert one in configurations
            case DeleteConfiguration(id=one):
                assert one in configurations


def test_among_the_seeds_is_everything_that_people_do() -> None:
    plans = [draw(seed) for seed in SEEDS]
    done = [{type(step.action) for step in plan.steps} for plan in plans]
    always = {PutConfiguration, PutAssignment, StartRun, StartMachine, CancelRun}
    assert all(always <= kinds for kinds in done)
    for sometimes in (DeleteConfiguration, HealAzure):
        assert 0 < sum(sometimes in kinds for kinds in done) < len(plans)
    assert {plan.mortality > 0 for plan in plans} == {True, False}
    assert {plan.echoes > 0 for plan in plans} == {True, False}
    assert {plan.patch_tokens is None for plan in plans} == {True, False}
