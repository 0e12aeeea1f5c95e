"""A process of the app: it invokes functions, its calls of the world take time, and it may die at any of them.

A call arrives after a while, and only then takes effect. A process that dies at an arrival has had the effect, or has
not; a request that is under way when its process dies or its caller gives up may still arrive.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from localhost.simulation.chances import DEATH, Chances
from localhost.simulation.journal import Journal
from localhost.simulation.timeline import Timeline

T = TypeVar("T")

FUNCTION_TIMEOUT = timedelta(minutes=5)
"""`functionTimeout` in host.json: the host then ends the whole process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a process is asked to do, and who is told of its end: by the error if there is one, or of the death."""

    name: str
    work: Callable[[], Awaitable[object]]
    ended: Callable[[object, BaseException | None], None]
    lost: Callable[[], None]


class Process:
    """One life of one host; its clock is *skew* beside the machines' own."""

    def __init__(
        self, name: str, timeline: Timeline, chances: Chances, *, journal: Journal, skew: timedelta
    ) -> None:
        self.name = name
        self.is_alive = True
        self.died: Callable[[], None] = lambda: None
        self._timeline = timeline
        self._chances = chances
        self._journal = journal
        self.skew = skew
        self._running: dict[asyncio.Task[None], Invocation] = {}

    # --- the port Clock ---------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._timeline.now() + self.skew

    async def sleep(self, delay: timedelta) -> None:
        await self.call("sleep", lambda: None, takes=delay)

    # --- calls ------------------------------------------------------------------------------------

    async def call(
        self,
        name: str,
        effect: Callable[[], T],
        *,
        takes: timedelta | None = None,
        danger: float = 1.0,
    ) -> T:
        """What *effect* answers when it happens; *danger* makes the process likelier to die over it."""
        if not self.is_alive:
            raise asyncio.CancelledError
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        delay = self._chances.latency() if takes is None else takes
        self._timeline.after(delay, lambda: self._arrive(name, effect, answer, danger))
        return await answer

    def _arrive(
        self, name: str, effect: Callable[[], T], answer: asyncio.Future[T], danger: float
    ) -> None:
        if answer.done() or not self.is_alive:
            if self._chances.either():
                with suppress(Exception):
                    effect()
            return
        self._journal.call(self.name, name)
        dies = self._chances.strikes(DEATH, weight=danger)
        if dies and self._chances.either():
            self.die(f"before {name}")
            return
        try:
            result = effect()
        except Exception as error:  # noqa: BLE001 - the caller's, whatever it is
            if dies:
                self.die(f"after {name}")
            else:
                answer.set_exception(error)
            return
        if dies:
            self.die(f"after {name}")
        elif self._chances.replies_late():
            self._timeline.after(self._chances.latency(), lambda: _reply(answer, result))
        else:
            answer.set_result(result)

    # --- invocations ------------------------------------------------------------------------------

    @property
    def running(self) -> int:
        """How many invocations are under way."""
        return len(self._running)

    def invoke(self, invocation: Invocation) -> None:
        """Begin it; one that takes too long costs the process its life, as the host has it."""
        task = asyncio.get_running_loop().create_task(self._run(invocation))
        self._running[task] = invocation
        self._timeline.after(FUNCTION_TIMEOUT, lambda: self._check_time(task, invocation))

    def _check_time(self, task: "asyncio.Task[None]", invocation: Invocation) -> None:
        if task in self._running and self.is_alive:
            self.die(f"{invocation.name} took too long")

    async def _run(self, invocation: Invocation) -> None:
        task = asyncio.current_task()
        result: object = None
        failure: BaseException | None = None
        try:
            result = await invocation.work()
        except Exception as error:  # noqa: BLE001 - as the host does
            failure = error
        finally:
            if task is not None:
                self._running.pop(task, None)
        if not self.is_alive:
            return
        try:
            invocation.ended(result, failure)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            self._timeline.failure = error

    def die(self, why: str) -> None:
        """Nothing of it goes on; who waits for an invocation of it hears nothing, or notices."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._journal.note(f"{self.name} dies {why}")
        self._journal.mishap()
        running, self._running = self._running, {}
        for task, invocation in running.items():
            task.cancel()
            invocation.lost()
        self.died()


def _reply(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)
