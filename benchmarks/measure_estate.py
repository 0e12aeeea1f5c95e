"""Measuring a run over an estate: wait until it is done, have the checker look at it, keep what is to be printed."""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.calls import installs
from benchmarks.estate import Estate, Plan, an_estate
from benchmarks.processes import Memory
from benchmarks.queries import Query
from localhost.azure.calls import Call
from localhost.azurite import start_azurite
from localhost.evidence import broken_invariants
from shared.application.invariants import Violation
from shared.domain.records import Run

_LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """One host: before the window opened, and when all was settled."""

    at_start: Memory
    at_end: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that a run has left behind: `queries` by host, `is_settled` whether it was done within its window."""

    plan: Plan
    run: Run
    is_settled: bool
    settled_at: datetime
    calls: list[Call]
    queries: list[list[Query]]
    memory: list[HostMemory]
    complaints: Counter[str]
    broken: list[Violation]

    @property
    def is_sound(self) -> bool:
        """Whether the run did what it had to."""
        return self.is_settled and not self.broken


async def measure(plan: Plan) -> Measured:
    """Run it until the hosts have done what they can, close the run, and have it checked."""
    with TemporaryDirectory(prefix="estate-") as folder, start_azurite() as azurite:
        async with an_estate(
            plan, storage=azurite.connection_string, folder=Path(folder)
        ) as estate:
            at_start = [host.memory() for host in estate.hosts]
            is_settled = await _wait_until_settled(estate)
            print(file=sys.stderr)
            settled_at = estate.services.clock.now()
            at_end = [host.memory() for host in estate.hosts]
            estate.stop_hosts()
            services = await estate.close_run()
            run, calls = await estate.run(), await estate.calls()
            if run is None:
                raise RuntimeError("There is no run: see the hosts' logs.")
            return Measured(
                plan=plan,
                run=run,
                is_settled=is_settled,
                settled_at=settled_at,
                calls=calls,
                queries=estate.queries(),
                memory=[
                    HostMemory(at_start=first, at_end=last)
                    for first, last in zip(at_start, at_end, strict=True)
                ],
                complaints=estate.complaints(),
                broken=await broken_invariants(services, installs(calls)),
            )


async def _wait_until_settled(estate: Estate) -> bool:
    """Return True when it is, or False at the end of the window: the checker says then what is wrong."""
    while not await estate.is_settled():
        if estate.services.clock.now() > estate.ends_at:
            return False
        run = await estate.run()
        ended = sum(run.counts.values()) if run else 0
        print(f"\r{ended:,} machines have ended", end=" ", file=sys.stderr, flush=True)
        await asyncio.sleep(_LOOK_EVERY)
    return True
