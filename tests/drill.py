"""The whole pipeline in memory: ticks on a clock, messages until none is left, and the checker at the end."""

from datetime import datetime, timedelta
from typing import Any

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.collect_results import collect_results
from shared.application.configurations import put_configuration
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.handle_messages import handle_job_message, handle_run_message
from shared.application.invariants import Evidence, LoggedInstall, Violation, violations
from shared.application.limits import Limits
from shared.application.messages import JOBS, RUNS
from shared.domain.machine import MachineState
from shared.domain.records import Job, Run
from tests.builders import CONFIGURATION, DAY_BEFORE, SUBSCRIPTION, a_configuration, a_scope

MINUTE = timedelta(minutes=1)


class Drill:
    """A configuration, a fleet, and a clock that starts the day before the first window."""

    def __init__(
        self,
        states: list[MachineState],
        *,
        now: datetime = DAY_BEFORE,
        limits: Limits | None = None,
        takes: timedelta = timedelta(minutes=5),
    ) -> None:
        self.clock = MemoryClock(now)
        self.rows = MemoryRows()
        self.outbox = MemoryOutbox()
        self.fleet = MemoryFleet(self.clock, states, takes=takes)
        self.services = memory_services(
            self.clock, rows=self.rows, outbox=self.outbox, fleet=self.fleet, limits=limits
        )

    async def configure(self, document: dict[str, Any] | None = None) -> None:
        """Store the configuration, and a scope over the whole subscription."""
        await put_configuration(
            self.services, CONFIGURATION, document=document or a_configuration(), caller=LOCAL
        )
        await self.attach(f"/subscriptions/{SUBSCRIPTION}", "everything", a_scope())

    async def attach(self, scope_id: str, name: str, document: dict[str, Any]) -> None:
        """Store an assignment."""
        await put_assignment(self.services, scope_id, name=name, document=document, caller=LOCAL)

    async def tick(self) -> None:
        """One minute's work: both timers, and every message that they cause."""
        await evaluate_schedules(self.services)
        await self.drain()
        await collect_results(self.services)
        await self.drain()

    async def drain(self) -> None:
        """Handle messages until none is left."""
        queues = self.outbox.queues
        while queues[RUNS] or queues[JOBS]:
            while queues[RUNS]:
                await handle_run_message(self.services, queues[RUNS].pop(0))
            while queues[JOBS]:
                await handle_job_message(self.services, queues[JOBS].pop(0))

    async def run_until(self, instant: datetime, *, step: timedelta = MINUTE) -> None:
        """Tick every *step* up to and including *instant*."""
        while self.clock.instant < instant:
            self.clock.instant = min(self.clock.instant + step, instant)
            await self.tick()

    async def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return [run async for run in self.services.runs.list(CONFIGURATION)]

    async def jobs(self, run: Run | None = None) -> list[Job]:
        """The jobs of a run, or of the only one."""
        one = run or (await self.runs())[0]
        return [job async for job in self.services.jobs.list(one.id)]

    def evidence(self, **more: Any) -> Evidence:
        """What the machines' own log shows."""
        installs = [
            LoggedInstall(
                machine_id=install.order.machine.id,
                at=install.at,
                client_request_id=install.order.client_request_id,
            )
            for install in self.fleet.installs
        ]
        return Evidence(installs=installs, **more)

    async def broken(self, **more: Any) -> list[Violation]:
        """The broken invariants."""
        return await violations(self.services, self.evidence(**more))
