"""Many runs in the same minute, over the real adapters and the local Azure: what they share, and what they ask for."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from localhost.azure.calls import Call
from localhost.azure.fleet import Fleet
from localhost.azure.generate import generate
from localhost.azure.server import LocalAzure
from localhost.evidence import broken_invariants
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.domain.run import RunStatus
from tests.builders import WINDOW_OPENS, a_configuration, a_scope
from tests.drill import MINUTE, Drill
from tests.integration.azure_drill import reaching

RUNS = 250
LIMITS = Limits(configurations_per_region=RUNS)


def a_fleet() -> Fleet:
    """Forty machines of one subscription, each with a tag `slot` of its own."""
    fleet = generate(40, 3, subscriptions=1)
    for number, machine in enumerate(fleet.machines()):
        fleet.change(machine.id, tags={"slot": f"{number}"})
    return fleet


@asynccontextmanager
async def many_runs(filters: list[dict[str, Any]]) -> AsyncIterator[tuple[Drill, LocalAzure]]:
    """A configuration for each filter, all due at once, over the fleet of one subscription."""
    drill = Drill([], limits=LIMITS)
    azure = LocalAzure(a_fleet(), now=drill.clock.now)
    async with reaching(drill, azure):
        subscription = f"/subscriptions/{azure.machines()[0].subscription}"
        for number, wanted in enumerate(filters):
            configuration = (
                f"{subscription}/resourceGroups/ops/providers/Microsoft.Maintenance"
                f"/maintenanceConfigurations/c{number:03}"
            )
            await put_configuration(
                drill.services, configuration, document=a_configuration(), caller=LOCAL
            )
            await put_assignment(
                drill.services,
                subscription,
                name=f"s{number:03}",
                document=a_scope(wanted, configuration),
                caller=LOCAL,
            )
        drill.clock.instant = WINDOW_OPENS - MINUTE
        yield drill, azure


def queries(azure: LocalAzure) -> list[Call]:
    return [call for call in azure.calls.all() if call.path.endswith("/resources")]


BY_SLOT = [{"tagSettings": {"tags": {"slot": [f"{n % 40}"]}}} for n in range(RUNS)]
"""A filter for each run, by tags alone: each machine is in six runs or seven."""


async def test_runs_that_differ_by_tags_read_the_inventory_once() -> None:
    async with many_runs(BY_SLOT) as (drill, azure):
        await drill.run_until(WINDOW_OPENS)
        inventory, reports = queries(azure)
        assert inventory.at == reports.at == WINDOW_OPENS


async def test_runs_that_ask_for_different_places_read_the_whole_once() -> None:
    groups = [{"resourceGroups": [f"group-{number}"]} for number in range(RUNS)]
    async with many_runs(groups) as (drill, azure):
        await drill.run_until(WINDOW_OPENS)
        assert len(queries(azure)) == 3, "two on their own, then one for all the others"


async def test_results_of_all_runs_are_collected_by_one_query_a_minute() -> None:
    async with many_runs(BY_SLOT) as (drill, azure):
        await drill.run_until(WINDOW_OPENS + timedelta(minutes=15))
        subscription = f"/subscriptions/{azure.machines()[0].subscription}"
        runs = [run async for run in drill.services.runs.list_within(subscription)]
        statuses = Counter(run.status for run in runs)
        assert sum(statuses.values()) == RUNS
        # Each machine is patched by one run while the others wait for it.
        assert statuses[RunStatus.COMPLETED] > 20
        assert statuses[RunStatus.IN_PROGRESS] + statuses[RunStatus.PENDING] > 100
        minutes = Counter(call.at for call in queries(azure))
        assert max(minutes.values()) <= 2, "what changed, and its updates"
        assert not [call for call in azure.calls.all() if call.throttled]
        assert not await broken_invariants(drill.services, azure.calls.installs())
