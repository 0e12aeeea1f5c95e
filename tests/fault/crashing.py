"""A pipeline in memory of which one call of a port goes wrong, once, in a way of one's choice; and it goes on.

The process may die over the call, and then the invocation is gone: the message that it was working on comes back with
the next tick, a timer's pass is over, and a caller of the API asks again. It may live and be told that the service is
not available. The call may take effect twice, or only after the other workers have gone on for minutes, or, put into
a queue, minutes after it was answered.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from shared.adapters.memory.machines import LOST, MemoryFleet
from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.rows import Condition, Row, Write
from shared.application.collect_results import collect_results
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.handle_messages import handle_job_message, handle_run_message
from shared.application.limits import Limits
from shared.application.messages import JOBS, RUNS
from shared.application.ports import (
    InstallOrder,
    InstallReply,
    InventoryPage,
    NotNow,
    StaleError,
)
from shared.domain.machine import Ineligible, MachineState, MachineType
from shared.domain.records import Job, RunId
from shared.domain.report import InstallReport
from shared.domain.scope import Scope
from shared.domain.updates import UpdateRecord
from shared.errors import UnavailableError
from tests.drill import MINUTE, Drill

T = TypeVar("T")


class CrashError(Exception):
    """The process is dead."""


class When(Enum):
    """What becomes of the call, and whether it has taken effect."""

    BEFORE = "died before it took effect"
    AFTER = "died after it took effect"
    REFUSED = "failed before it took effect"
    LOST = "failed after it took effect"
    TWICE = "took effect twice"
    STALLED = "took effect minutes later, and others went on"
    LATE = "was answered, and took effect minutes later"


DEATHS = (When.BEFORE, When.AFTER)
_EARLY = (When.BEFORE, When.REFUSED)
_ENDS = (When.AFTER, When.LOST)
_STALLS_FOR = 2
"""Minutes: longer than claims and leases live."""
_LATE_BY = 5 * MINUTE


async def _nobody() -> None:
    """Nobody else goes on meanwhile."""


class Fuse:
    """Counts the calls that could go wrong, and lets number `at` do so; `hit` then says which one it was.

    `meanwhile` is what the others do while a call stalls.
    """

    def __init__(self, at: int, when: When) -> None:
        self.at = at
        self.when = when
        self.calls = 0
        self.hit = ""
        self.meanwhile: Callable[[], Awaitable[None]] = _nobody
        self._is_armed = True

    async def read(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """A call without effect: it matters only that its answer never comes."""
        self.step(name)
        return await call()

    async def write(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """A call with an effect."""
        self.step(name)
        if self.when is When.STALLED and self._is_up(name):
            await self.meanwhile()
        answer = await call()
        if self.when in _ENDS and self._is_up(name):
            self._fail(name)
        if self.when is When.TWICE and self._is_up(name):
            # Whoever loses against itself has won: that is what stores promise.
            with suppress(StaleError):
                answer = await call()
        return answer

    async def put(self, name: str, call: Callable[[], Awaitable[None]]) -> bool:
        """A message; whether it is on its way, and for the caller to bring in when it is late."""
        if self.when is When.LATE and self._is_up(name):
            return False
        await self.write(name, call)
        return True

    async def order(self, name: str, call: Callable[[], Awaitable[InstallReply]]) -> InstallReply:
        """A request that is never made twice, and that has a reply for every failure."""
        if self.when is When.TWICE:
            return await call()
        try:
            return await self.write(name, call)
        except UnavailableError as error:
            again_in = timedelta(minutes=1)
            refused = NotNow(message=error.message, cause="unreachable", again_in=again_in)
            return refused if self.when is When.REFUSED else LOST

    def step(self, name: str) -> None:
        """A call that is about to be made."""
        if self.when in _EARLY and self._is_up(name):
            self._fail(name)

    def arm(self) -> None:
        """Count from here on."""
        self._is_armed = True

    def rest(self) -> None:
        """Neither count nor burn."""
        self._is_armed = False

    def _is_up(self, name: str) -> bool:
        self.calls += self._is_armed
        if self.hit or self.calls != self.at:
            return False
        self.hit = name
        return True

    def _fail(self, name: str) -> None:
        if self.when in DEATHS:
            raise CrashError(name)
        raise UnavailableError(f"{name} did not answer.")


class CrashingRows(MemoryRows):
    """Rows of which a call may go wrong."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return await self._fuse.read(
            f"get {table}", lambda: MemoryRows.get(self, table, partition, key)
        )

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        phases = sorted({str(write.row.values.get("phase", "")) for write in writes})
        name = " ".join(["write", table, *phases]).strip()
        return await self._fuse.write(name, lambda: MemoryRows.transact(self, table, writes))

    async def query(
        self, table: str, where: Sequence[Condition], *, select: Sequence[str] = ()
    ) -> AsyncIterator[Row]:
        self._fuse.step(f"query {table}")
        async for row in super().query(table, where, select=select):
            yield row


class CrashingOutbox(MemoryOutbox):
    """Queues of which a call may go wrong; `late` are messages that are still on their way."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse
        self.late: list[Callable[[], Awaitable[None]]] = []

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        await self._put(
            "ask for pass",
            lambda: MemoryOutbox.ask_for_pass(self, run_id, time_to_live=time_to_live),
        )

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        await self._put(
            "ask for start", lambda: MemoryOutbox.ask_for_start(self, run_id, machine_id)
        )

    async def _put(self, name: str, call: Callable[[], Awaitable[None]]) -> None:
        if not await self._fuse.put(name, call):
            self.late.append(call)


class CrashingFleet(MemoryFleet):
    """Machines of which a call may go wrong."""

    fuse: Fuse

    def show_late(self, lag: timedelta) -> None:
        """Let installs be in bulk reports only so long after they began."""
        self._lag = lag

    async def is_readable(self, subscription: str) -> bool:
        return await self.fuse.read(
            "is readable", lambda: MemoryFleet.is_readable(self, subscription)
        )

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        return await self.fuse.read(
            "page", lambda: MemoryFleet.page(self, scope, after=after, limit=limit, since=since)
        )

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        return await self.fuse.read(
            "inspect", lambda: MemoryFleet.inspect(self, machine_id, machine_type)
        )

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        if self.fuse.when not in DEATHS:
            return await super().prepare(
                order
            )  # its failures are replies, as those of an inspection are not
        return await self.fuse.write("prepare", lambda: MemoryFleet.prepare(self, order))

    async def install(self, order: InstallOrder) -> InstallReply:
        return await self.fuse.order("install", lambda: MemoryFleet.install(self, order))

    async def ask_after(self, job: Job) -> InstallReport | None:
        return await self.fuse.read("ask after", lambda: MemoryFleet.ask_after(self, job))

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        self.fuse.step("changed since")
        async for page in super().changed_since(instant, limit=limit):
            yield page

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        return await self.fuse.read(
            "updates of", lambda: MemoryFleet.updates_of(self, expected, limit=limit)
        )


class CrashingDrill(Drill):
    """A drill of which one call goes wrong."""

    def __init__(self, states: list[MachineState], fuse: Fuse, *, limits: Limits) -> None:
        super().__init__(states, limits=limits)
        self.fuse = fuse
        fuse.meanwhile = self._go_on
        self.rows = CrashingRows(fuse)
        self.outbox = self.queues = CrashingOutbox(fuse)
        self.fleet = self.machines = CrashingFleet(self.clock, states)
        self.machines.fuse = fuse
        self.services = memory_services(
            self.clock, rows=self.rows, outbox=self.outbox, fleet=self.fleet, limits=limits
        )
        self._late_at: datetime | None = None

    async def ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """Call the API, again if it failed: the caller got no answer, or a 503."""
        try:
            return await request()
        except (CrashError, UnavailableError):
            return await request()

    async def tick(self) -> None:
        await self._bring_in()
        await self._invoke(evaluate_schedules(self.services))
        await self.drain()
        await self._invoke(collect_results(self.services))
        await self.drain()

    async def drain(self) -> None:
        queues, again = self.queues.queues, list[tuple[str, str]]()
        while queue := next((name for name in (RUNS, JOBS) if queues[name]), None):
            body = queues[queue].pop(0)
            handle = handle_run_message if queue == RUNS else handle_job_message
            if not await self._invoke(handle(self.services, body)):
                again.append((queue, body))
        for queue, body in again:
            queues[queue].append(body)

    async def _go_on(self) -> None:
        """What the other workers do in the minutes that a call takes."""
        for _ in range(_STALLS_FOR):
            self.clock.instant += MINUTE
            await self.tick()

    async def _bring_in(self) -> None:
        """Put what is late into its queue, when it is late enough."""
        if not self.queues.late:
            return
        self._late_at = self._late_at or self.clock.instant + _LATE_BY
        if self.clock.instant >= self._late_at:
            for bring in self.queues.late:
                await bring()
            self.queues.late.clear()

    async def _invoke(self, invocation: Awaitable[None]) -> bool:
        try:
            await invocation
        except (CrashError, UnavailableError):
            return False
        return True
