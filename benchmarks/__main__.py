"""One run over many machines, through real Azurite and the local Azure: machines per second, requests per machine.

`make bench`, or `python -m benchmarks --machines 2000`. Everything shares this machine: Azurite, the local Azure, the
host and the app. Installs take one virtual minute; the clock is advanced minute by minute. Compare ratios on one
machine.
"""

import argparse
import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport

from localhost.azure.generate import generate
from localhost.azure.server import LocalAzure, serve
from localhost.azurite import start_azurite
from localhost.clocks import ManualClock
from localhost.evidence import broken_invariants
from localhost.functions.host import Host
from localhost.stage import stage
from shared import bootstrap
from shared.application.ports import Services
from shared.domain.records import Run, RunId

NOW = datetime(2026, 6, 1, 1, 59, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN = "20260601020000"


class CountingTransport(AioHttpTransport):  # type: ignore[misc] # azure-core exports it lazily
    """Counts the requests of the storage clients by address."""

    sent: ClassVar[Counter[str]] = Counter()

    async def send(self, request: Any, **options: Any) -> Any:
        self.sent[urlsplit(request.url).netloc] += 1
        return await super().send(request, **options)


async def main(machines: int) -> None:
    """Measure and print."""
    # The app makes its transports itself; only the benchmark wants to look at them.
    vars(bootstrap)["AioHttpTransport"] = CountingTransport
    clock = ManualClock(NOW)
    fleet = generate(machines, 1, subscriptions=1)
    azure = LocalAzure(fleet, now=clock.now, install_time=(MINUTE, MINUTE))
    with start_azurite() as azurite:
        async with (
            serve(azure) as arm,
            stage(storage=azurite.connection_string, arm=arm, clock=clock) as host,
        ):
            configuration_id = await _configure(host, fleet.machines()[0].subscription)
            CountingTransport.sent.clear()
            started = time.perf_counter()
            run = await _finish(host, clock, configuration_id)
            seconds = time.perf_counter() - started
            _print(run, seconds, azure, azurite.connection_string)
            broken = await broken_invariants(await bootstrap.services(), azure.calls.installs())
            print(f"{'invariants broken':<36}{len(broken):>10}")


async def _configure(host: Host, subscription: str) -> str:
    group = f"/subscriptions/{subscription}/resourceGroups/ops"
    configuration_id = f"{group}/providers/Microsoft.Maintenance/maintenanceConfigurations/bench"
    everything = {"classificationsToInclude": ["Critical", "Security"]}
    configuration = {
        "location": "westeurope",
        "properties": {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": {"InGuestPatchMode": "User"},
            "maintenanceWindow": {
                "startDateTime": "2026-06-01 02:00",
                "duration": "03:00",
                "timeZone": "UTC",
                "recurEvery": "Day",
            },
            "installPatches": {"windowsParameters": everything, "linuxParameters": everything},
        },
    }
    assignment = {
        "properties": {"maintenanceConfigurationId": configuration_id, "filter": {}},
    }
    scope = f"/subscriptions/{subscription}/providers/Microsoft.Maintenance/configurationAssignments/all"
    async with aiohttp.ClientSession() as http:
        for path, body in ((configuration_id, configuration), (scope, assignment)):
            url = f"{host.url}{path}?api-version=2023-04-01"
            async with http.put(url, json=body, raise_for_status=True):
                pass
    return configuration_id


async def _finish(host: Host, clock: ManualClock, configuration_id: str) -> Run:
    services: Services = await bootstrap.services()
    run_id = RunId(configuration_id=configuration_id, key=RUN)
    while True:
        await host.advance_to(clock.now() + MINUTE)
        run = await services.runs.get(run_id)
        if run and not run.status.is_open:
            return run


def _print(run: Run, seconds: float, azure: LocalAzure, storage: str) -> None:
    machines = sum(run.counts.values())
    parts = dict(part.split("=", 1) for part in storage.split(";") if part)
    tables = CountingTransport.sent[urlsplit(parts["TableEndpoint"]).netloc]
    queues = CountingTransport.sent[urlsplit(parts["QueueEndpoint"]).netloc]
    calls = Counter(f"{call.method} {_kind(call.path)}" for call in azure.calls.all())
    rows: dict[str, float] = {
        "machines": machines,
        "seconds": seconds,
        "machines per second": machines / seconds,
        "table requests per machine": tables / machines,
        "queue requests per machine (app)": queues / machines,
        **{f"{kind} (local Azure)": count for kind, count in sorted(calls.items())},
    }
    for name, value in rows.items():
        print(
            f"{name:<36}{value:>10,.2f}" if isinstance(value, float) else f"{name:<36}{value:>10,}"
        )
    print(f"{'outcomes':<36}{', '.join(f'{k} {v}' for k, v in run.counts.items())}")


def _kind(path: str) -> str:
    for name in ("resources", "installPatches", "operations"):
        if path.lower().endswith(name.lower()) or f"/{name.lower()}/" in path.lower():
            return name
    return "machine"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--machines", type=int, default=2000)
    asyncio.run(main(parser.parse_args().machines))
