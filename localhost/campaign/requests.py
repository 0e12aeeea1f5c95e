"""The people and programs of a plan: what they ask of the product, and what it acknowledged.

Whoever gets no answer, because the process died, asks again, as a client does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from localhost.azure.faults import Faults
from localhost.campaign.journal import Noted
from localhost.campaign.mortal_rows import DiedError
from localhost.campaign.plan import (
    Action,
    CancelRun,
    DeleteConfiguration,
    HealAzure,
    PutAssignment,
    PutConfiguration,
    StartMachine,
    StartRun,
)
from localhost.campaign.world import World
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration, put_configuration
from shared.application.messages import RUNS, RunRequest, encode
from shared.application.start_run import start_configuration_run, start_machine_runs
from shared.errors import MusterError

T = TypeVar("T")


@dataclass(slots=True)
class Acknowledged:
    """What the product confirmed: ids that have to be there, and runs of which nothing may start after an instant.

    `homes` are the configurations of the assignments; `stopped` is by a prefix of the run's id, in lower case.
    """

    ids: set[str] = field(default_factory=set)
    homes: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, datetime] = field(default_factory=dict)


class Requests:
    """Does what the steps of a plan say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.acknowledged = Acknowledged()

    async def make(self, action: Action) -> None:
        """Ask for it; a refusal is an answer too."""
        self._note(_words(action))
        try:
            await self._make(action)
        except MusterError as error:
            self._note(f"refused: {error.message}")

    async def _make(self, action: Action) -> None:
        match action:
            case PutConfiguration():
                await self._put_configuration(action)
            case PutAssignment():
                await self._put_assignment(action)
            case StartRun():
                await self._start_run(action)
            case StartMachine(machine=machine):
                services = self._world.services
                run = await self._ask(lambda: start_machine_runs(services, machine, caller=LOCAL))
                self._confirm(run.id.text)
            case CancelRun():
                await self._cancel_run(action)
            case DeleteConfiguration():
                await self._delete_configuration(action)
            case HealAzure():
                self._world.azure.faults = Faults(seed=self._world.faults.seed)

    async def _put_configuration(self, action: PutConfiguration) -> None:
        services = self._world.services
        written = await self._ask(
            lambda: put_configuration(services, action.id, document=action.document, caller=LOCAL)
        )
        self._confirm(written.stored.id)

    async def _put_assignment(self, action: PutAssignment) -> None:
        written = await self._ask(
            lambda: put_assignment(
                self._world.services,
                action.scope,
                name=action.name,
                document=action.document,
                caller=LOCAL,
            )
        )
        self._confirm(written.stored.id)
        self.acknowledged.homes[written.stored.id] = written.stored.configuration_id.lower()

    async def _start_run(self, action: StartRun) -> None:
        services = self._world.services
        if action.request_id:
            message = RunRequest(
                v=1, configuration=action.configuration, requestId=action.request_id
            )
            self._world.outbox.queues[RUNS] += [encode(message)] * 2
            return
        run = await self._ask(
            lambda: start_configuration_run(services, action.configuration, caller=LOCAL)
        )
        self._confirm(run.id.text)

    async def _cancel_run(self, action: CancelRun) -> None:
        services = self._world.services
        async for run_id, _ in services.agenda.open_runs():
            if run_id.configuration_id.lower() == action.configuration.lower():
                break
        else:
            self._note("it has no open run")
            return
        run = await self._ask(lambda: cancel_run(services, run_id, caller=LOCAL))
        self._confirm(run.id.text)
        self._stop(run.id.text)

    async def _delete_configuration(self, action: DeleteConfiguration) -> None:
        services = self._world.services
        await self._ask(lambda: delete_configuration(services, action.id, caller=LOCAL))
        gone = action.id.lower()
        confirmed = self.acknowledged
        with_it = {one for one, home in confirmed.homes.items() if home == gone}
        confirmed.ids -= with_it | {one for one in confirmed.ids if one.lower() == gone}
        self._stop(action.id)

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await request()
            except DiedError:
                self._note("no answer: asked again")

    def _confirm(self, resource_id: str) -> None:
        self.acknowledged.ids.add(resource_id)

    def _stop(self, prefix: str) -> None:
        self.acknowledged.stopped.setdefault(prefix.lower(), self._world.clock.now())

    def _note(self, text: str) -> None:
        self._world.journal.add(Noted(at=self._world.clock.now(), text=text))


def _words(action: Action) -> str:
    """What is asked for, and of what."""
    match action:
        case PutAssignment(name=name, scope=scope):
            about = f"{name} on {scope}"
        case PutConfiguration(id=one) | DeleteConfiguration(id=one) | StartMachine(machine=one):
            about = one.rpartition("/")[2]
        case StartRun(configuration=one) | CancelRun(configuration=one):
            about = one.rpartition("/")[2]
        case HealAzure():
            about = ""
    return f"{type(action).__name__} {about}".rstrip()
