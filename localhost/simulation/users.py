"""The people and programs of a plan: what they ask for, one thing after the other in each lane, until it is answered.

Whoever gets no answer, or 503, asks again, as a client does; at last they give up, and what they asked for may have
been done or not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from localhost.campaign.plan import (
    CancelRun,
    DeleteConfiguration,
    PutAssignment,
    PutConfiguration,
    StartMachine,
    StartRun,
)
from localhost.simulation.chances import Chances
from localhost.simulation.hosts import Hosts
from localhost.simulation.journal import Journal
from localhost.simulation.ledger import Ledger
from localhost.simulation.process import Invocation
from localhost.simulation.queues import Queues
from localhost.simulation.steps import Action, CancelComing, Step
from localhost.simulation.timeline import Timeline
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration, put_configuration
from shared.application.documents import parse_configuration
from shared.application.messages import RUNS, RunRequest, encode
from shared.application.ports import Services, StoredAssignment
from shared.application.preconditions import Written
from shared.application.start_run import start_configuration_run, start_machine_runs
from shared.domain.records import Run, RunId, run_key
from shared.errors import ConflictError, MusterError, UnavailableError

_AGAIN = (timedelta(seconds=1), timedelta(seconds=15))
_WAITS = timedelta(seconds=30)
_TRIES = 400
"""More than any outage but the long one lasts."""

Work = Callable[[Services], Awaitable[object]]


@dataclass(slots=True)
class Users:
    """Everybody who asks for something."""

    timeline: Timeline
    chances: Chances
    journal: Journal
    hosts: Hosts
    queues: Queues
    ledger: Ledger
    open_runs: Callable[[], list[RunId]]
    lanes: dict[str, list[Step]] = field(default_factory=dict)

    def start(self, steps: list[Step]) -> None:
        """Begin with the first step of each lane."""
        for step in steps:
            self.lanes.setdefault(step.lane, []).append(step)
        for lane in self.lanes:
            self._next(lane)

    @property
    def are_done(self) -> bool:
        """Whether all has been asked for, and answered."""
        return not any(self.lanes.values())

    def _next(self, lane: str) -> None:
        if steps := self.lanes[lane]:
            self.timeline.at(steps[0].at, lambda: self._begin(steps[0]))

    def _done(self, step: Step) -> None:
        self.lanes[step.lane].pop(0)
        self._next(step.lane)

    def _begin(self, step: Step) -> None:
        self.journal.note(_words(step))
        now = self.timeline.now()
        match step.action:
            case PutConfiguration(id=one, document=document):
                self.ledger.ask_window(one, parse_configuration(one, document).window, now)
            case DeleteConfiguration(id=one):
                self.ledger.ask_deletion(one, now)
            case StartRun(configuration=one, request_id=ticket) if ticket:
                message = RunRequest(v=1, configuration=one, requestId=ticket)
                for _ in range(2):
                    self.queues.put(RUNS, encode(message))
        if work := self._work(step.action):
            self._ask(step, work, tries=0)
        else:
            self._done(step)

    def _work(self, action: Action) -> Work | None:
        """The request over HTTP; None for what is asked for by a message, or has become pointless."""
        match action:
            case PutConfiguration(id=one, document=body):
                return lambda services: put_configuration(
                    services, one, document=body, caller=LOCAL
                )
            case PutAssignment(scope=scope, name=name, document=body):
                return lambda services: put_assignment(
                    services, scope, name=name, document=body, caller=LOCAL
                )
            case StartRun(configuration=one, request_id=""):
                return lambda services: start_configuration_run(services, one, caller=LOCAL)
            case StartMachine(machine=machine):
                return lambda services: start_machine_runs(services, machine, caller=LOCAL)
            case CancelRun() | CancelComing() if run_id := self._to_cancel(action):
                return lambda services: cancel_run(services, run_id, caller=LOCAL)
            case DeleteConfiguration(id=one):
                return lambda services: delete_configuration(services, one, caller=LOCAL)
        return None

    def _to_cancel(self, action: CancelRun | CancelComing) -> RunId | None:
        one = action.configuration
        if isinstance(action, CancelRun):
            own = [run for run in self.open_runs() if run.configuration_id == one]
            return own[0] if own else None
        epoch = self.ledger.current(one)
        soon = self.timeline.now() + timedelta(minutes=1)
        coming = epoch.window.next_after(soon) if epoch and epoch.confirmed_at else None
        return RunId(configuration_id=one, key=run_key(coming)) if coming else None

    def _ask(self, step: Step, work: Work, *, tries: int) -> None:
        def again(after: timedelta | None = None) -> None:
            self._ask_again(step, work, tries=tries + 1, after=after)

        def ended(result: object, error: BaseException | None) -> None:
            match error:
                case UnavailableError():
                    again()
                case ConflictError(message=message) if "Try again" in message:
                    again(_WAITS)
                case None:
                    self._confirm(step, result)
                    self._done(step)
                case _:
                    self._refused(step, error)

        process = self.hosts.free()
        if process is None:
            again(_WAITS)
            return
        services = self.hosts.services_of(process)
        process.invoke(
            Invocation(name=step.lane, work=lambda: work(services), ended=ended, lost=again)
        )

    def _ask_again(self, step: Step, work: Work, *, tries: int, after: timedelta | None) -> None:
        if tries > _TRIES:
            self.journal.note(f"given up: {_words(step)}")
            self._done(step)
            return
        delay = after or self.chances.between(*_AGAIN)
        self.timeline.after(delay, lambda: self._ask(step, work, tries=tries))

    def _refused(self, step: Step, error: BaseException) -> None:
        if isinstance(error, MusterError):
            self.journal.note(f"refused: {error.message}")
        else:
            self.hosts.judge(_words(step), error)
        self._done(step)

    def _confirm(self, step: Step, result: object) -> None:
        now, ledger = self.timeline.now(), self.ledger
        self.journal.note(f"answered: {_words(step)}")
        match step.action:
            case PutConfiguration(id=one):
                ledger.confirm(one)
                ledger.confirm_window(one, now)
            case DeleteConfiguration(id=one):
                ledger.confirm_deletion(one, now)
            case CancelRun() | CancelComing() if isinstance(result, Run):
                ledger.confirm(result.id.text)
                ledger.stop(result.id.text, now)
        match result:
            case Run():
                ledger.confirm(result.id.text)
            case Written(stored=StoredAssignment() as stored):
                ledger.confirm(stored.id)
                ledger.homes[stored.id.lower()] = stored.configuration_id.lower()


def _words(step: Step) -> str:
    match step.action:
        case PutAssignment(name=name):
            about = name
        case PutConfiguration(document=document):
            window = document["properties"]["maintenanceWindow"]
            about = (
                f"{window['recurEvery']} from {window['startDateTime']} for {window['duration']}"
            )
        case StartRun(request_id=ticket):
            about = ticket
        case StartMachine(machine=machine):
            about = machine.rpartition("/")[2]
        case _:
            about = ""
    return f"{type(step.action).__name__} {step.lane} {about}".rstrip()
