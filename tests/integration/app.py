"""The whole app on one machine for a test: real Azurite, the local Azure, `function_app` in the development host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueServiceClient

from localhost.azure.faults import Faults
from localhost.azure.generate import generate
from localhost.azure.limits import Limits
from localhost.azure.server import LocalAzure, serve
from localhost.clocks import ManualClock
from localhost.evidence import broken_invariants
from localhost.functions.host import Host
from localhost.stage import stage
from shared import bootstrap
from shared.application.invariants import Violation
from tests.builders import DAY_BEFORE, a_configuration, a_scope

API = "?api-version=2023-04-01"
LOSSY = Faults(drop_after_accept=0.2, seed=7)
"""A fifth of the installs are accepted and the connection is then dropped: the hard path is always in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running app and what a test does with it."""

    host: Host
    azure: LocalAzure
    clock: ManualClock
    http: aiohttp.ClientSession
    storage: str
    configuration_id: str

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """An HTTP request to the app: status and JSON."""
        separator = "&" if "?" in path else "?"
        url = f"{self.host.url}{path}{separator}{API[1:]}"
        async with self.http.request(method, url, json=body) as reply:
            return reply.status, await reply.json()

    async def configure(self) -> None:
        """A configuration, and a scope over the fleet's first subscription."""
        await self.call("PUT", self.configuration_id, a_configuration())
        subscription = self.configuration_id.split("/resourceGroups")[0]
        scope = f"{subscription}/providers/Microsoft.Maintenance/configurationAssignments/all"
        await self.call("PUT", scope, a_scope({}, self.configuration_id))

    async def put_message(self, queue: str, body: str) -> None:
        """Put a message into a queue by hand."""
        async with QueueServiceClient.from_connection_string(self.storage) as service:
            client = service.get_queue_client(queue, message_encode_policy=TextBase64EncodePolicy())
            await client.send_message(body)

    async def skip_to(self, instant: datetime) -> None:
        """Let time pass in silence: no tick comes before *instant*."""
        self.clock.advance_to(instant)
        await self.host.advance_to(instant)

    async def finish(self, run_path: str, *, within: timedelta = timedelta(hours=5)) -> Any:
        """Advance minute by minute until a run is closed; its reply."""
        until = self.clock.now() + within
        while self.clock.now() < until:
            await self.host.advance_to(self.clock.now() + timedelta(minutes=1))
            _, run = await self.call("GET", run_path)
            if run["properties"]["status"] not in ("Pending", "InProgress"):
                return run
        raise AssertionError(f"{run_path} is still open after {within}: {run}")

    async def broken(self) -> list[Violation]:
        """What the checker finds in storage and the local Azure's log."""
        return await broken_invariants(await bootstrap.services(), self.azure.calls.installs())

    def run_path(self, starts_at: datetime) -> str:
        """The path of a run of the configuration."""
        key = f"{starts_at.astimezone(UTC):%Y%m%d%H%M%S}"
        return f"{self.configuration_id}/providers/Microsoft.Maintenance/applyUpdates/{key}"


@asynccontextmanager
async def running(
    storage: str, *, machines: int = 45, faults: Faults = LOSSY, now: datetime = DAY_BEFORE
) -> AsyncIterator[App]:
    """The app over a generated fleet, its clock standing at *now*."""
    clock = ManualClock(now)
    azure = LocalAzure(
        generate(machines, 1),
        now=clock.now,
        faults=faults,
        limits=Limits().in_steps(timedelta(minutes=1)),
    )
    subscription = azure.fleet.machines()[0].subscription
    async with (
        serve(azure) as arm,
        stage(storage=storage, arm=arm, clock=clock) as host,
        aiohttp.ClientSession() as http,
    ):
        yield App(
            host=host,
            azure=azure,
            clock=clock,
            http=http,
            storage=storage,
            configuration_id=f"/subscriptions/{subscription}/resourceGroups/ops/providers"
            "/Microsoft.Maintenance/maintenanceConfigurations/nightly",
        )
