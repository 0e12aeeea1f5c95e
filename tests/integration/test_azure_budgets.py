"""One region with more VMs than Azure takes requests for, over the real adapters and the local Azure's real limits."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from localhost.azure.fleet import Fleet, Kind
from localhost.azure.generate import generate
from localhost.azure.limits import Allowance, Limits
from localhost.azure.server import LocalAzure
from localhost.evidence import broken_invariants
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.domain.run import Outcome
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_configuration, a_scope
from tests.drill import MINUTE, Drill
from tests.integration.azure_drill import reaching

STEADILY = replace(
    Limits(),
    patches_3_min=Allowance(size=190, period=timedelta(minutes=3)),
    patches_30_min=Allowance(size=600, period=timedelta(minutes=30)),
)


def one_region(machines: int) -> Fleet:
    """VMs that may all be patched, and nothing goes wrong on any of them."""
    fleet = Fleet()
    for machine in generate(machines, 5, subscriptions=1).machines():
        fleet.add(
            replace(
                machine,
                kind=Kind.VM,
                location="westeurope",
                reachable=True,
                patch_mode="AutomaticByPlatform",
                bypass_checks=True,
                failing=frozenset(),
                reboot_fails=False,
            )
        )
    return fleet


@pytest.mark.parametrize(
    ("limits", "by_minute", "most_refused"),
    [
        pytest.param(Limits(), {0: 190, 3: 110}, 1, id="windows, as the recordings look"),
        pytest.param(STEADILY, {0: 190, 1: 1, 2: 62, 3: 47}, 0, id="an even flow"),
    ],
)
async def test_buckets_are_used_up_and_next_to_no_call_is_wasted(
    limits: Limits, by_minute: dict[int, int], most_refused: int
) -> None:
    drill = Drill([])
    azure = LocalAzure(one_region(300), now=drill.clock.now, limits=limits.in_steps(MINUTE))
    async with reaching(drill, azure):
        document = a_configuration()
        await put_configuration(drill.services, CONFIGURATION, document=document, caller=LOCAL)
        subscription = f"/subscriptions/{azure.machines()[0].subscription}"
        await drill.attach(subscription, "all", a_scope())
        drill.clock.instant = WINDOW_OPENS - MINUTE
        await drill.run_until(WINDOW_OPENS + 25 * MINUTE)
        assert {job.outcome for job in await drill.jobs()} <= {
            Outcome.SUCCEEDED,
            Outcome.COMPLETED_WITH_WARNINGS,
        }
        minutes = ((call.at - WINDOW_OPENS) // MINUTE for call in azure.calls.installs())
        assert Counter(minutes) == by_minute
        assert len(azure.calls.throttled()) <= most_refused
        assert not await broken_invariants(drill.services, azure.calls.installs())
