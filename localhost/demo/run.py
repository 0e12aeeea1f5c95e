"""The main job before the user's eyes: a schedule with dynamic scopes patches a simulated fleet, in virtual time.

1. Real are Azurite, the HTTP interface, the queues, the tables and the functions of `function_app`; simulated are the
   machines and the Azure in front of them. That Azure misbehaves: its reports lag, some replies get lost.
2. The clock is moved by hand: a jump to the first occurrence, then minute by minute until the run has closed.
3. What is shown at the end is read back from Table Storage, and the checker of the invariants has the last word.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from localhost.azure.faults import Faults
from localhost.azure.generate import generate, subscription_id
from localhost.azure.limits import Limits
from localhost.azure.server import LocalAzure, serve
from localhost.azurite import start_azurite
from localhost.clocks import ManualClock
from localhost.demo.output import DemoOutput
from localhost.demo.report import Findings, Report, read_report
from localhost.errors import LocalhostError
from localhost.evidence import broken_invariants
from localhost.functions.host import Host
from localhost.passing_time import MINUTE, next_occurrence
from localhost.stage import stage
from shared import bootstrap
from shared.application.invariants import TICKS, Violation, outcomes
from shared.application.ports import Services
from shared.domain.records import Run, RunId, run_key

EXAMPLE = Path(__file__).resolve().parent / "example"
API_VERSION = "2023-04-01"
CONFIGURATION = (
    f"/subscriptions/{subscription_id(1)}/resourceGroups/ops"
    "/providers/Microsoft.Maintenance/maintenanceConfigurations/saturday"
)
LOST_REPLIES = 0.05

_STARTS_AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_ASSIGNMENTS = "/providers/Microsoft.Maintenance/configurationAssignments"
_AFTERWARDS = 5 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How large the simulated fleet is, and which one of that size."""

    machines: int = 200
    seed: int = 1


async def run_demo(options: DemoOptions, output: DemoOutput) -> bool:
    """Play it; whether the run closed and all invariants hold. Raises AzuriteError or LocalhostError."""
    output.opening(machines=options.machines, seed=options.seed, lost_replies=LOST_REPLIES)
    clock = ManualClock(_STARTS_AT)
    with start_azurite() as storage:
        azure = LocalAzure(
            generate(options.machines, options.seed),
            now=clock.now,
            faults=Faults(seed=options.seed, drop_after_accept=LOST_REPLIES),
            limits=Limits().in_steps(MINUTE),
        )
        async with (
            serve(azure) as arm,
            stage(storage=storage.connection_string, arm=arm, clock=clock) as host,
        ):
            services = await bootstrap.services()
            play = _Play(host=host, clock=clock, azure=azure, services=services, output=output)
            report = await play.perform()
    output.report(report)
    return report.holds


@dataclass(slots=True, kw_only=True)
class _Play:
    """One performance. `acknowledged` is what the HTTP interface confirmed, `broken` what the checker found."""

    host: Host
    clock: ManualClock
    azure: LocalAzure
    services: Services
    output: DemoOutput
    acknowledged: list[str] = field(default_factory=list)
    broken: list[Violation] = field(default_factory=list)

    async def perform(self) -> Report:
        await self._create()
        await self._jump()
        started = time.perf_counter()
        run = await self._patch()
        took = timedelta(seconds=time.perf_counter() - started)
        await self._check_afterwards(run)
        installs = self.azure.calls.installs()
        asked = {call.client_request_id for call in installs}
        findings = Findings(
            took=took,
            installs=len(installs),
            lost_replies=sum(call.status == "dropped" for call in installs),
            repeated=len(installs) - len(asked),
            broken=tuple(dict.fromkeys(self.broken)),
        )
        return await read_report(self.services, run.id, findings)

    async def _create(self) -> None:
        self.output.step("A schedule, two dynamic scopes and one machine, over HTTP")
        bodies = {
            CONFIGURATION: "configuration.json",
            f"/subscriptions/{subscription_id(1)}{_ASSIGNMENTS}/production": "scope-by-tag.json",
            f"/subscriptions/{subscription_id(2)}{_ASSIGNMENTS}/linux": "scope-by-system.json",
            f"{self._single_machine()}{_ASSIGNMENTS}/by-name": "static-machine.json",
        }
        async with aiohttp.ClientSession(self.host.url) as http:
            for resource_id, file in bodies.items():
                await self._put(http, resource_id, example(file))
        self.output.explain(example("configuration.json"))

    async def _put(
        self, http: aiohttp.ClientSession, resource_id: str, body: Mapping[str, Any]
    ) -> None:
        query = {"api-version": API_VERSION}
        async with http.put(resource_id, params=query, json=body) as response:
            answer = await response.text()
        self.output.request("PUT", resource_id, status=response.status)
        if response.status not in (200, 201):
            raise LocalhostError(f"PUT {resource_id} was refused: {answer}")
        self.acknowledged.append(resource_id)

    def _single_machine(self) -> str:
        """A machine that neither scope can match: both hang on other subscriptions, if the fleet has several."""
        machines = self.azure.machines()
        outside = [one for one in machines if one.subscription == subscription_id(3)]
        return (outside or machines)[0].id

    async def _jump(self) -> None:
        # One tick, so that the timer sees the new schedule and puts its first occurrence on the agenda.
        await self.host.advance_to(self.clock.now() + MINUTE)
        occurrence = await next_occurrence(self.services)
        if occurrence is None:
            raise LocalhostError("The new schedule is not on the agenda.")
        self.output.jump(self.clock.now(), occurrence)
        self.clock.advance_to(occurrence)

    async def _patch(self) -> Run:
        self.output.step("Patching, minute by minute of virtual time")
        opened_at = self.clock.now()
        run_id = RunId(configuration_id=CONFIGURATION, key=run_key(opened_at))
        with self.output.progress(opened_at) as progress:
            while True:
                await self.host.advance_to(self.clock.now())
                run = await self.services.runs.get(run_id)
                if run is None:
                    raise LocalhostError("The occurrence came, but no run was started.")
                progress.show(run, now=self.clock.now())
                if not run.status.is_open or self.clock.now() > self._last_word(run):
                    return run
                # Once while it is under way: one invariant says something about open runs only.
                if self.clock.now() == opened_at + _AFTERWARDS:
                    await self._check(before={})
                self.clock.advance_to(self.clock.now() + MINUTE)

    def _last_word(self, run: Run) -> datetime:
        return run.ends_at + self.services.limits.final_word + TICKS

    async def _check_afterwards(self, run: Run) -> None:
        """Look again a little later: an outcome must not change any more."""
        before = await outcomes(self.services)
        await self.host.advance_to(self.clock.now() + _AFTERWARDS)
        self.acknowledged.append(run.id.text)
        await self._check(before=before)

    async def _check(self, *, before: Mapping[tuple[str, str], Any]) -> None:
        self.broken += await broken_invariants(
            self.services,
            self.azure.calls.installs(),
            acknowledged=self.acknowledged,
            before=before,
        )


def example(name: str) -> dict[str, Any]:
    """One of the documents that the demo sends."""
    document: dict[str, Any] = json.loads((EXAMPLE / name).read_text(encoding="utf-8"))
    return document
