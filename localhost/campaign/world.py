"""The product as it runs in Azure, and the Azure that it runs in, together in this process.

Adapters of Azure, client and HTTP are the real ones, put together as `shared.bootstrap` does it; storage is in memory.
One thing happens at a time, and every call takes a moment of the virtual clock. One that hangs takes its client's
patience.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from localhost.azure.calls import Call, Calls
from localhost.azure.faults import Faults, Share, fraction
from localhost.azure.fleet import Fleet
from localhost.azure.generate import generate
from localhost.azure.server import serve
from localhost.campaign.journal import Called, Journal
from localhost.campaign.mortal_rows import MortalRows
from localhost.campaign.plan import START, SUBSCRIPTIONS, Plan
from localhost.campaign.virtual_time import VirtualClock
from localhost.campaign.watched_azure import WatchedAzure, azure_limits
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.patching.assessments import ResourceGraphAssessments
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.reports import ResourceGraphReports
from shared.adapters.storage.stores import stores
from shared.application.limits import Limits
from shared.application.ports import Services

_PATIENCE_OF_READS = timedelta(seconds=60)
_PATIENCE_OF_SENDS = timedelta(seconds=45)
_LONGEST_CALL = timedelta(seconds=1)


class CountedFaults(Faults):
    """Faults that note whom they struck: kind, subject and attempt."""

    struck: set[tuple[Share, str, int]]

    def __post_init__(self) -> None:
        Faults.__post_init__(self)
        object.__setattr__(self, "struck", set())  # frozen, as its base is

    def strikes(self, kind: Share, subject: str, *, attempt: int = 0) -> bool:
        does = Faults.strikes(self, kind, subject, attempt=attempt)
        if does:
            self.struck.add((kind, subject.lower(), attempt))
        return does


class _TimedCalls(Calls):
    """The log of calls, each of which takes its time."""

    def __init__(self, journal: Journal, clock: VirtualClock, *, seed: int) -> None:
        super().__init__()
        self._journal = journal
        self._clock = clock
        self._seed = seed
        self._number = 0

    def record(self, call: Call) -> None:
        super().record(call)
        self._journal.add(Called(call=call))
        self._number += 1
        self._clock.leap(self._takes(call))

    def _takes(self, call: Call) -> timedelta:
        if call.status != "hung":
            return _LONGEST_CALL * fraction(self._seed, "takes", self._number)
        is_sent_once = call.machine and call.method != "GET"
        return _PATIENCE_OF_SENDS if is_sent_once else _PATIENCE_OF_READS


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a campaign drives and looks at."""

    clock: VirtualClock
    azure: WatchedAzure
    rows: MortalRows
    outbox: MemoryOutbox
    services: Services
    journal: Journal
    faults: CountedFaults


@asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[World]:
    """The world of a plan at its start."""
    clock, journal = VirtualClock(START), Journal()
    faults = CountedFaults.random(plan.seed)
    azure = WatchedAzure(
        _fleet(plan),
        now=clock.now,
        faults=faults,
        limits=azure_limits(plan),
    )
    azure.calls = _TimedCalls(journal, clock, seed=plan.seed)
    rows = MortalRows(journal, clock.now, seed=plan.seed, mortality=plan.mortality)
    async with serve(azure) as url, _client(url, clock) as arm:
        outbox = MemoryOutbox()
        yield World(
            clock=clock,
            azure=azure,
            rows=rows,
            outbox=outbox,
            services=_services(arm, clock, rows=rows, outbox=outbox),
            journal=journal,
            faults=faults,
        )


def _fleet(plan: Plan) -> Fleet:
    """The machines of a plan: in one region where its patch requests are few, so that they are used up."""
    fleet = generate(plan.machines, plan.seed, subscriptions=SUBSCRIPTIONS)
    if plan.patch_tokens is None:
        return fleet
    return Fleet([replace(machine, location="westeurope") for machine in fleet.machines()])


def _client(url: str, clock: VirtualClock) -> ArmClient:
    return ArmClient(
        url,
        StaticCredential(),
        clock=clock,
        read_within=_PATIENCE_OF_READS,
        send_within=_PATIENCE_OF_SENDS,
    )


def _services(
    arm: ArmClient, clock: VirtualClock, *, rows: MortalRows, outbox: MemoryOutbox
) -> Services:
    return Services(
        clock=clock,
        limits=Limits(parallel=1),
        outbox=outbox,
        inventory=ResourceGraphInventory(arm, clock),
        patching=AzurePatching(arm, clock),
        reports=ResourceGraphReports(arm),
        assessment_reports=ResourceGraphAssessments(arm),
        **stores(rows),
    )
