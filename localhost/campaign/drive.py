"""Driving the product as the Functions host does, through the steps of a plan, until nothing is left to come.

Each tick has the schedules' timer and half a minute later the collector's (while every minute counts, that one only
every second time), and messages are handled one after the other until none is left. What dies is the invocation: its
message comes back half a minute later, a timer's pass is gone.
"""

from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localhost.azure.faults import fraction
from localhost.campaign.journal import Noted
from localhost.campaign.mortal_rows import DiedError
from localhost.campaign.pace import is_open, next_tick, stride, wait_until
from localhost.campaign.plan import Plan
from localhost.campaign.requests import Acknowledged, Requests
from localhost.campaign.world import World
from localhost.passing_time import MINUTE
from shared.application.collect_results import collect_results
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.handle_messages import (
    handle_job_message,
    handle_poisoned_job_message,
    handle_poisoned_run_message,
    handle_run_message,
)
from shared.application.invariants import outcomes
from shared.application.messages import JOBS, RUNS
from shared.domain.records import Job
from shared.errors import ConflictError, NotFoundError

LATE_WORDS = timedelta(hours=25)
"""How long it goes on after the last run has closed."""
_HALF = timedelta(seconds=30)
_LONGEST = timedelta(days=4)
_MOST_TRIES = 5
_HANDLERS = {
    RUNS: (handle_run_message, handle_poisoned_run_message),
    JOBS: (handle_job_message, handle_poisoned_job_message),
}
# What a message to start a run may be answered with: the host can't tell it from trouble.
_ANSWERS = (NotFoundError, ConflictError)


@dataclass(slots=True)
class Driven:
    """What came of it: what was acknowledged, what invocations raised, and the outcomes once all runs had closed."""

    acknowledged: Acknowledged
    raised: list[str] = field(default_factory=list)
    before: Mapping[tuple[str, str], Job] = field(default_factory=dict)


async def drive(world: World, plan: Plan) -> Driven:
    """Take the plan's steps, and go on until the late words have passed."""
    return await _Host(world, plan).run()


class _Host:
    """Timers and queues, one thing at a time."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        self._steps = list(plan.steps)
        self._requests = Requests(world)
        self._coming_back: list[tuple[str, str]] = []
        self._messages = self._ticks = 0
        self._stride = MINUTE
        self._tries = Counter[str]()
        self._driven = Driven(acknowledged=self._requests.acknowledged)

    async def run(self) -> Driven:
        clock, services = self._world.clock, self._world.services
        latest = clock.now() + _LONGEST
        quiet_since: datetime | None = None
        while clock.now() < latest:
            await self._tick()
            if self._coming_back or await is_open(services):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = clock.now()
                self._driven.before = await outcomes(services)
            elif clock.now() - quiet_since >= LATE_WORDS:
                break
            await self._wait()
        return self._driven

    async def _wait(self) -> None:
        services = self._world.services
        self._stride = MINUTE if self._coming_back else await stride(services)
        step_at = self._steps[0].at if self._steps else None
        instant = await next_tick(services, within=self._stride, step_at=step_at)
        wait_until(self._world.clock, instant)

    async def _tick(self) -> None:
        clock, services = self._world.clock, self._world.services
        while self._steps and self._steps[0].at <= clock.now():
            await self._requests.make(self._steps.pop(0).action)
        await self._invoke("evaluate_schedules", evaluate_schedules(services))
        await self._drain()
        wait_until(clock, clock.now() + _HALF, grid=_HALF)
        self._ticks += 1
        if self._ticks % 2 == 0 or self._stride > MINUTE:
            await self._invoke("collect_results", collect_results(services))
        await self._drain()

    async def _drain(self) -> None:
        """Handle messages until none is left; those of dead workers are visible again."""
        queues = self._world.outbox.queues
        for queue, body in self._coming_back:
            queues[queue].append(body)
        self._coming_back.clear()
        while waiting := [name for name in (RUNS, JOBS) if queues[name]]:
            queue = waiting[0]
            body = queues[queue].pop(0)
            self._messages += 1
            if fraction(self._plan.seed, "echoes", self._messages) < self._plan.echoes:
                self._coming_back.append((queue, body))
            await self._handle(queue, body)

    async def _handle(self, queue: str, body: str) -> None:
        """One try; a message that fails comes back, and after its tries goes to the handler of poisoned ones."""
        handle, handle_poisoned = _HANDLERS[queue]
        if await self._invoke(queue, handle(self._world.services, body)):
            self._tries.pop(body, None)
            return
        self._tries[body] += 1
        if self._tries[body] < _MOST_TRIES:
            self._coming_back.append((queue, body))
            return
        del self._tries[body]
        await self._invoke(f"{queue}-poison", handle_poisoned(self._world.services, body))

    async def _invoke(self, name: str, invocation: Awaitable[None]) -> bool:
        """Whether it came to its end."""
        try:
            await invocation
        except DiedError:
            return False
        except _ANSWERS as error:
            self._note(f"{name}: {error.message}")
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we are looking for
            self._driven.raised.append(f"{name} raised {type(error).__name__}: {error}")
            self._note(self._driven.raised[-1])
            return False
        return True

    def _note(self, text: str) -> None:
        self._world.journal.add(Noted(at=self._world.clock.now(), text=text))
