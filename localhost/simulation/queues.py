"""The queues and what the host does with them: visibility, redelivery, poison, and messages that come twice or late.

A message that is taken stays invisible for ten minutes: that long nobody sees it again if its process dies. One whose
function fails is visible again after the `visibilityTimeout` of host.json; after the fifth try it goes to the poison
queue. The poison queue's own failures stay invisible for ten minutes, and are tried for ever.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localhost.simulation.chances import DELETE_LOST, MESSAGE_LATE, MESSAGE_TWICE, Chances
from localhost.simulation.hosts import Hosts
from localhost.simulation.journal import Journal
from localhost.simulation.process import Invocation
from localhost.simulation.timeline import Timeline
from shared.application.handle_messages import (
    handle_job_message,
    handle_poisoned_job_message,
    handle_poisoned_run_message,
    handle_run_message,
)
from shared.application.messages import JOBS, RUNS
from shared.application.ports import Services

TAKEN = timedelta(minutes=10)
"""How long a message that was taken is invisible (Microsoft.Azure.WebJobs.Extensions.Storage.Queues, QueueListener)."""
AGAIN = timedelta(seconds=30)
"""`visibilityTimeout` in host.json."""
TRIES = 5
"""`maxDequeueCount` in host.json."""
_POLLED = (timedelta(milliseconds=5), timedelta(seconds=2))
"""`maxPollingInterval` in host.json is two seconds."""
_LATE = (timedelta(seconds=10), timedelta(minutes=12))
_TWICE = (timedelta(), timedelta(minutes=11))
_POISON = "-poison"
_HANDLERS: Mapping[str, Callable[[Services, str], Awaitable[None]]] = {
    RUNS: handle_run_message,
    JOBS: handle_job_message,
    RUNS + _POISON: handle_poisoned_run_message,
    JOBS + _POISON: handle_poisoned_job_message,
}


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in a queue; `expires_at` is the end of its time to live."""

    queue: str
    body: str
    visible_at: datetime
    expires_at: datetime | None = None
    tries: int = 0
    is_gone: bool = False


@dataclass(slots=True)
class Queues:
    """All queues of the app, and the listeners of its hosts."""

    timeline: Timeline
    chances: Chances
    journal: Journal
    hosts: Hosts
    waiting: list[Message] = field(default_factory=list)
    poisoned: int = 0

    def put(self, queue: str, body: str, *, lives: timedelta | None = None) -> None:
        """Put a message; it is found within the time that listeners take to look."""
        now = self.timeline.now()
        message = Message(
            queue=queue, body=body, visible_at=now, expires_at=now + lives if lives else None
        )
        if self.chances.strikes(MESSAGE_LATE):
            message.visible_at += self.chances.between(*_LATE)
        self._look_for(message)
        if self.chances.strikes(MESSAGE_TWICE):
            later = now + self.chances.between(*_TWICE)
            self._look_for(Message(queue=queue, body=body, visible_at=later))

    def host_is_free(self) -> None:
        """Hand out what waited for a host."""
        waiting, self.waiting = self.waiting, []
        for message in waiting:
            self._look_for(message)

    def _look_for(self, message: Message) -> None:
        looked_at = message.visible_at + self.chances.between(*_POLLED)
        self.timeline.at(looked_at, lambda: self._deliver(message))

    def _deliver(self, message: Message) -> None:
        now = self.timeline.now()
        if message.is_gone or now < message.visible_at:
            return
        if message.expires_at and now >= message.expires_at:
            message.is_gone = True
            return
        process = self.hosts.free()
        if process is None:
            self.waiting.append(message)
            return
        message.tries += 1
        message.visible_at = now + TAKEN
        services = self.hosts.services_of(process)
        process.invoke(
            Invocation(
                name=message.queue,
                work=lambda: _HANDLERS[message.queue](services, message.body),
                ended=lambda _, error: self._ended(message, error),
                lost=lambda: self._look_for(message),
            )
        )

    def _ended(self, message: Message, error: BaseException | None) -> None:
        if error is None:
            self._delete(message)
        else:
            self._failed(message, error)
        if self.waiting:
            self.host_is_free()

    def _delete(self, message: Message) -> None:
        if self.chances.strikes(DELETE_LOST):
            self._look_for(message)
            return
        message.is_gone = True

    def _failed(self, message: Message, error: BaseException) -> None:
        now = self.timeline.now()
        self.hosts.judge(message.queue, error)
        if message.queue.endswith(_POISON):
            message.visible_at = now + TAKEN
        elif message.tries >= TRIES:
            message.is_gone = True
            self.poisoned += 1
            self.journal.note(f"poisoned in {message.queue}: {message.body}")
            self.put(message.queue + _POISON, message.body)
            return
        else:
            message.visible_at = now + AGAIN
        self._look_for(message)
