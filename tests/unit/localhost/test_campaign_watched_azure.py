"""What the local Azure of a campaign keeps beside its log of calls."""

from dataclasses import replace
from datetime import timedelta

import pytest

from localhost.azure.fleet import Fleet
from localhost.azure.limits import Cost, Limits
from localhost.campaign.plan import draw
from localhost.campaign.watched_azure import WatchedAzure, azure_limits
from tests.builders import SUBSCRIPTION, WINDOW_OPENS

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("tokens", "sizes"),
    [
        pytest.param(None, (190, 600), id="Azure's own"),
        pytest.param((2, 5), (2, 5), id="a plan's"),
    ],
)
def test_a_plan_says_how_many_patch_requests_azure_takes(
    tokens: tuple[int, int] | None, sizes: tuple[int, int]
) -> None:
    limits = azure_limits(replace(draw(1), patch_tokens=tokens))
    assert (limits.patches_3_min.size, limits.patches_30_min.size) == sizes
    assert limits.writes == Limits().writes


def test_a_refusal_is_kept_with_its_place_and_its_end() -> None:
    limits = azure_limits(replace(draw(1), patch_tokens=(2, 5)))
    azure = WatchedAzure(Fleet([]), now=lambda: WINDOW_OPENS, limits=limits)
    for cost in (Cost.VM_PATCH, Cost.VM_PATCH, Cost.VM_PATCH, Cost.READ):
        azure.meter.charge(
            cost, subscription=SUBSCRIPTION, region="West Europe", now=WINDOW_OPENS + MINUTE
        )
    [refusal] = azure.refusals
    assert refusal.at == WINDOW_OPENS + MINUTE
    assert refusal.until == WINDOW_OPENS + 4 * MINUTE
    assert refusal.place == (SUBSCRIPTION.lower(), "westeurope")
    azure.close()
