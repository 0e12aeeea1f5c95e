"""The hosts of the app: each has a clock of its own, dies and starts again, and has room for so many invocations.

The machines' clock is the one of the fastest host: all others are behind it, by up to thirty seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from localhost.simulation.chances import Chances
from localhost.simulation.journal import Journal
from localhost.simulation.process import Process
from localhost.simulation.timeline import Timeline
from shared.application.ports import Services
from shared.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError

ROOM = 24
"""`batchSize` and `newBatchThreshold` of host.json, for two queues that are never full here."""
MOST_SKEW = timedelta(seconds=30)
_RESTARTS = (timedelta(seconds=5), timedelta(minutes=3))
_EXPECTED = (UnavailableError, NotFoundError, ConflictError, InvalidRequestError)
"""What an invocation may raise: the host can't tell it from trouble, and tries again."""


@dataclass(slots=True)
class Host:
    """A place where one process after the other runs."""

    name: str
    skew: timedelta
    process: Process | None = None
    services: Services | None = None
    lives: int = 0


class Hosts:
    """All hosts; `started` is told whenever one has room again."""

    def __init__(
        self,
        timeline: Timeline,
        chances: Chances,
        *,
        journal: Journal,
        skews: tuple[timedelta, ...],
        build: Callable[[Process], Services],
    ) -> None:
        self._timeline = timeline
        self._chances = chances
        self._journal = journal
        self._build = build
        self._hosts = [Host(f"host {n}", skew) for n, skew in enumerate(skews, start=1)]
        self._is_down = False
        self.started: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start all of them."""
        self._is_down = False
        for host in self._hosts:
            self._start(host)

    def stop(self) -> None:
        """End all of them at once; nothing starts until `start`."""
        self._is_down = True
        for process in self.alive():
            process.die("with the whole app")

    def alive(self) -> list[Process]:
        """The processes that run."""
        return [host.process for host in self._hosts if host.process and host.process.is_alive]

    def free(self) -> Process | None:
        """One that has room, whichever is first to look."""
        free = tuple(process for process in self.alive() if process.running < ROOM)
        return self._chances.one_of(free) if free else None

    def services_of(self, process: Process) -> Services:
        """What the functions of a process are handed."""
        for host in self._hosts:
            if host.process is process and host.services:
                return host.services
        raise LookupError(process.name)

    def judge(self, name: str, error: BaseException) -> None:
        """Note an error that no invocation may end with."""
        if not isinstance(error, _EXPECTED):
            self._journal.breaks(f"{name} raised {type(error).__name__}: {error}")

    def _start(self, host: Host) -> None:
        if self._is_down or (host.process and host.process.is_alive):
            return
        host.lives += 1
        name = host.name if host.lives == 1 else f"{host.name} ({host.lives})"
        process = Process(
            name, self._timeline, self._chances, journal=self._journal, skew=host.skew
        )
        process.died = lambda: self._timeline.after(
            self._chances.between(*_RESTARTS), lambda: self._start(host)
        )
        host.process, host.services = process, self._build(process)
        for told in self.started:
            told()
