"""One run over the machines of one subscription: machines per second, requests per machine.

Everything shares this machine and one process, but for Azurite. Installs take one virtual minute; the clock is advanced
minute by minute. Compare ratios on one machine.
"""

import time
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from azure.core.pipeline.transport import AioHttpTransport

from benchmarks.calls import tallies
from benchmarks.configuration import EPOCH, configure
from benchmarks.report import print_rows
from localhost.azure.generate import generate, subscription_id
from localhost.azure.limits import Limits
from localhost.azure.server import LocalAzure, serve
from localhost.azurite import start_azurite
from localhost.clocks import ManualClock
from localhost.evidence import broken_invariants
from localhost.functions.host import Host
from localhost.stage import stage
from shared import bootstrap
from shared.domain.records import Run, RunId

_MINUTE = timedelta(minutes=1)
_DURATION = timedelta(hours=3)


class CountingTransport(AioHttpTransport):  # type: ignore[misc] # azure-core exports it lazily
    """Counts the requests of the storage clients by address."""

    sent: ClassVar[Counter[str]] = Counter()

    async def send(self, request: Any, **options: Any) -> Any:
        self.sent[urlsplit(request.url).netloc] += 1
        return await super().send(request, **options)


async def measure_single_run(machines: int) -> None:
    """Measure and print."""
    # The app makes its transports itself; only the benchmark wants to look at them.
    vars(bootstrap)["AioHttpTransport"] = CountingTransport
    clock = ManualClock(EPOCH)
    azure = LocalAzure(
        generate(machines, 1, subscriptions=1),
        now=clock.now,
        limits=Limits().in_steps(_MINUTE),
        install_time=(_MINUTE, _MINUTE),
    )
    with start_azurite() as azurite:
        async with (
            serve(azure) as arm,
            stage(storage=azurite.connection_string, arm=arm, clock=clock) as host,
        ):
            run_id = await configure(
                host.url, [subscription_id(1)], opens_at=EPOCH + _MINUTE, duration=_DURATION
            )
            CountingTransport.sent.clear()
            started = time.perf_counter()
            run = await _finish(host, clock, run_id)
            seconds = time.perf_counter() - started
            _print(run, seconds, azure, azurite.connection_string)
            broken = await broken_invariants(await bootstrap.services(), azure.calls.installs())
            print_rows({"invariants broken": len(broken)})


async def _finish(host: Host, clock: ManualClock, run_id: RunId) -> Run:
    services = await bootstrap.services()
    while True:
        await host.advance_to(clock.now() + _MINUTE)
        run = await services.runs.get(run_id)
        if run and not run.status.is_open:
            return run


def _print(run: Run, seconds: float, azure: LocalAzure, storage: str) -> None:
    machines = sum(run.counts.values())
    parts = dict(part.split("=", 1) for part in storage.split(";") if part)
    tables = CountingTransport.sent[urlsplit(parts["TableEndpoint"]).netloc]
    queues = CountingTransport.sent[urlsplit(parts["QueueEndpoint"]).netloc]
    print_rows(
        {
            "machines": machines,
            "seconds": seconds,
            "machines per second": machines / seconds,
            "table requests per machine": tables / machines,
            "queue requests per machine (app)": queues / machines,
            **{
                f"{kind} (local Azure)": tally.all
                for kind, tally in tallies(azure.calls.all()).items()
            },
            "outcomes": ", ".join(f"{name} {count}" for name, count in run.counts.items()),
        }
    )
