"""The two timers: once a minute, on one host at a time, a second early or late, or silent for a while.

A pass that takes longer than its minute is followed by one more at once. Whoever wakes after a silence runs at once,
past due. Sometimes two hosts believe that the timer is theirs. Minutes in which nothing can happen are left out: a tick
that is lost is no more than that.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from localhost.passing_time import MINUTE
from localhost.simulation.chances import TIMER_EARLY, TIMER_LATE, TIMER_TWICE, Chances
from localhost.simulation.hosts import Hosts
from localhost.simulation.process import Invocation, Process
from localhost.simulation.timeline import Timeline
from shared.application.ports import Services

_JITTER = (timedelta(milliseconds=200), timedelta(seconds=1))
_USUAL = (timedelta(milliseconds=1), timedelta(milliseconds=60))
_TAKEN_OVER = (timedelta(seconds=60), timedelta(seconds=120))
"""The lease of the timer's lock lives sixty seconds, and others ask for it every sixty."""


class Timer:
    """One timer function; it fires so many *seconds* past the minute of its host's clock."""

    def __init__(
        self,
        name: str,
        work: Callable[[Services], Awaitable[None]],
        *,
        second: int,
        timeline: Timeline,
        chances: Chances,
        hosts: Hosts,
        next_needed: Callable[[datetime], datetime],
    ) -> None:
        self._name = name
        self._work = work
        self._offset = timedelta(seconds=second)
        self._timeline = timeline
        self._chances = chances
        self._hosts = hosts
        self._next_needed = next_needed
        self._holder: Process | None = None
        self._silent_until = timeline.now()
        self._planned = 0
        self._planned_at = timeline.now()
        self._began_at: datetime | None = None
        self.passes: list[tuple[datetime, datetime]] = []
        """When each pass that came to its end began and ended."""

    def start(self) -> None:
        """Begin to tick."""
        self._plan(self._timeline.now())

    def be_silent(self, until: datetime) -> None:
        """Fire no more until then."""
        self._silent_until = max(until, self._silent_until)

    def wake(self) -> None:
        """Something has changed: the next tick may be needed sooner."""
        now = self._timeline.now()
        if self._began_at is None and self._planned_at > now + MINUTE:
            needed = self._next_needed(now)
            if needed < self._planned_at - MINUTE:
                self._plan(needed)

    def _plan(self, instant: datetime) -> None:
        """Fire at the first full minute from *instant* on, by the host's clock, or about then."""
        skew = self._holder.skew if self._holder else timedelta()
        shown = instant + skew - self._offset
        full = shown.replace(second=0, microsecond=0)
        nominal = (full if full == shown else full + MINUTE) + self._offset - skew
        fires_at = nominal + self._jitter()
        if fires_at <= self._timeline.now():
            fires_at += MINUTE
        self._planned += 1
        number, self._planned_at = self._planned, fires_at
        self._timeline.at(fires_at, lambda: self._fire(number))

    def _jitter(self) -> timedelta:
        match self._chances.first_of(TIMER_EARLY, TIMER_LATE):
            case "":
                return self._chances.between(*_USUAL)
            case kind:
                drawn = self._chances.between(*_JITTER)
                return -drawn if kind == TIMER_EARLY else drawn

    def _fire(self, number: int) -> None:
        if number != self._planned:
            return
        now = self._timeline.now()
        if now < self._silent_until:
            self._wait_until(self._silent_until)
        elif self._began_at is not None:
            return  # it plans anew when it ends
        elif self._holder is None or not self._holder.is_alive:
            self._change_holder(now)
        else:
            self._run(self._holder)

    def _wait_until(self, instant: datetime) -> None:
        """Fire exactly then: past due."""
        self._planned += 1
        number, self._planned_at = self._planned, instant
        self._timeline.at(instant, lambda: self._fire(number))

    def _change_holder(self, now: datetime) -> None:
        """Another host takes the timer's lock, after a while if it was somebody's."""
        alive = self._hosts.alive()
        is_first = self._holder is None
        self._holder = self._chances.one_of(tuple(alive)) if alive else self._holder
        delay = timedelta() if is_first and alive else self._chances.between(*_TAKEN_OVER)
        self._wait_until(now + delay)

    def _run(self, process: Process) -> None:
        self._began_at = self._timeline.now()
        services = self._hosts.services_of(process)
        process.invoke(
            Invocation(
                name=self._name,
                work=lambda: self._work(services),
                ended=lambda _, error: self._ended(error),
                lost=self._lost,
            )
        )
        if self._chances.strikes(TIMER_TWICE):
            self._run_beside()

    def _run_beside(self) -> None:
        """Another host believes that the timer's lock is its own."""
        process = self._chances.one_of(tuple(self._hosts.alive()))
        services = self._hosts.services_of(process)
        process.invoke(
            Invocation(
                name=self._name,
                work=lambda: self._work(services),
                ended=lambda _, error: self._hosts.judge(self._name, error) if error else None,
                lost=lambda: None,
            )
        )

    def _ended(self, error: BaseException | None) -> None:
        now, began_at = self._timeline.now(), self._began_at or self._timeline.now()
        self._began_at = None
        if error is None:
            self.passes.append((began_at, now))
        else:
            self._hosts.judge(self._name, error)
        if now - began_at >= MINUTE and self._holder and self._holder.is_alive:
            self._run(self._holder)
        else:
            self._plan(self._next_needed(now))

    def _lost(self) -> None:
        self._began_at = None
        self._plan(self._timeline.now())
