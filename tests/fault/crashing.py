"""A pipeline in memory whose process dies at a chosen call of a port, once, and goes on as Azure would let it.

A call that dies either never happened or has happened and nobody was told. What dies is the invocation: the message
that it was working on comes back with the next tick, a timer's pass is gone, and a caller of the API asks again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.rows import Condition, Row, Write
from shared.application.collect_results import collect_results
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.handle_messages import handle_job_message, handle_run_message
from shared.application.limits import Limits
from shared.application.messages import JOBS, RUNS
from shared.application.ports import InstallOrder, InstallReply, InventoryPage
from shared.domain.machine import MachineState, MachineType
from shared.domain.records import RunId
from shared.domain.report import InstallReport
from shared.domain.scope import Scope
from shared.domain.updates import UpdateRecord
from tests.drill import Drill

T = TypeVar("T")


class CrashError(Exception):
    """The process is dead."""


class When(Enum):
    """Whether the call that dies has taken effect."""

    BEFORE = "before it took effect"
    AFTER = "after it took effect"


class Fuse:
    """Counts the calls that could die, and lets number `at` die; `hit` then says which one it was."""

    def __init__(self, at: int, when: When) -> None:
        self.at = at
        self.when = when
        self.calls = 0
        self.hit = ""
        self._is_armed = True

    async def read(self, name: str, call: Awaitable[T]) -> T:
        """A call without effect: it matters only that its answer never comes."""
        if self.when is When.BEFORE:
            self._burn(name, call)
        return await call

    async def write(self, name: str, call: Awaitable[T]) -> T:
        """A call with an effect."""
        if self.when is When.BEFORE:
            self._burn(name, call)
            return await call
        answer = await call
        self._burn(name)
        return answer

    def step(self, name: str) -> None:
        """A query, which is a read."""
        if self.when is When.BEFORE:
            self._burn(name)

    def arm(self) -> None:
        """Count from here on."""
        self._is_armed = True

    def rest(self) -> None:
        """Neither count nor burn."""
        self._is_armed = False

    def _burn(self, name: str, call: Awaitable[object] | None = None) -> None:
        self.calls += self._is_armed
        if self.hit or self.calls != self.at:
            return
        self.hit = name
        if call is not None and hasattr(call, "close"):
            call.close()  # it never began
        raise CrashError(name)


class CrashingRows(MemoryRows):
    """Rows over which the process may die."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return await self._fuse.read(f"get {table}", super().get(table, partition, key))

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        phases = sorted({str(write.row.values.get("phase", "")) for write in writes})
        name = " ".join(["write", table, *phases]).strip()
        return await self._fuse.write(name, super().transact(table, writes))

    async def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        self._fuse.step(f"query {table}")
        async for row in super().query(table, where, select=select):
            yield row


class CrashingOutbox(MemoryOutbox):
    """Queues over which the process may die."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        asked = super().ask_for_pass(run_id, time_to_live=time_to_live)
        await self._fuse.write("ask for pass", asked)

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        await self._fuse.write("ask for start", super().ask_for_start(run_id, machine_id))


class CrashingFleet(MemoryFleet):
    """Machines over which the process may die."""

    fuse: Fuse

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        page = super().page(scope, after=after, limit=limit, since=since)
        return await self.fuse.read("page", page)

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        return await self.fuse.read("inspect", super().inspect(machine_id, machine_type))

    async def install(self, order: InstallOrder) -> InstallReply:
        return await self.fuse.write("install", super().install(order))

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        self.fuse.step("changed since")
        async for page in super().changed_since(instant, limit=limit):
            yield page

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        return await self.fuse.read("updates of", super().updates_of(expected, limit=limit))


class CrashingDrill(Drill):
    """A drill whose process dies once; `died` says whether it has."""

    def __init__(self, states: list[MachineState], fuse: Fuse, *, limits: Limits) -> None:
        super().__init__(states, limits=limits)
        self.fuse = fuse
        self.rows = CrashingRows(fuse)
        self.outbox = CrashingOutbox(fuse)
        self.fleet = CrashingFleet(self.clock, states)
        self.fleet.fuse = fuse
        self.services = memory_services(
            self.clock, rows=self.rows, outbox=self.outbox, fleet=self.fleet, limits=limits
        )

    async def ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """Call the API, again if its process died: the caller got no answer."""
        try:
            return await request()
        except CrashError:
            return await request()

    async def tick(self) -> None:
        await self._invoke(evaluate_schedules(self.services))
        await self.drain()
        await self._invoke(collect_results(self.services))
        await self.drain()

    async def drain(self) -> None:
        queues, again = self.outbox.queues, list[tuple[str, str]]()
        while queue := next((name for name in (RUNS, JOBS) if queues[name]), None):
            body = queues[queue].pop(0)
            handle = handle_run_message if queue == RUNS else handle_job_message
            if not await self._invoke(handle(self.services, body)):
                again.append((queue, body))
        for queue, body in again:
            queues[queue].append(body)

    async def _invoke(self, invocation: Awaitable[None]) -> bool:
        try:
            await invocation
        except CrashError:
            return False
        return True
