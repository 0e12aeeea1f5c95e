"""The simulation's queues: when a message is seen again, how often it is tried, and where it goes then."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from localhost.simulation import chances as kinds
from localhost.simulation import queues as simulated
from localhost.simulation.chances import Chances
from localhost.simulation.hosts import Hosts
from localhost.simulation.journal import Journal
from localhost.simulation.queues import AGAIN, TAKEN, TRIES, Queues
from localhost.simulation.timeline import Timeline, run_on
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services
from shared.application.messages import RUNS
from shared.application.ports import Services
from shared.errors import InvalidRequestError, UnavailableError

START = datetime(2026, 6, 1, tzinfo=UTC)
POLLED = timedelta(seconds=3)


class Listeners:
    """Queues, two hosts, and every try of a message with its instant; `work` is what a try does.

    `goes_wrong` is the kind of fault that strikes every time.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, goes_wrong: str = "") -> None:
        self.timeline = Timeline(START)
        self.tries: list[tuple[str, timedelta]] = []
        self.work: Callable[[], Awaitable[None]] = self.succeed
        journal = Journal(self.timeline.now)
        self.chances = Chances(Random(1), {goes_wrong: 1.0})
        self.hosts = Hosts(
            self.timeline,
            self.chances,
            journal=journal,
            skews=(timedelta(), timedelta()),
            build=lambda _: services(MemoryClock(START)),
        )
        self.queues = Queues(self.timeline, self.chances, journal, self.hosts)
        self.hosts.started.append(self.queues.host_is_free)
        handlers = {name: self._handler(name) for name in (RUNS, f"{RUNS}-poison")}
        monkeypatch.setattr(simulated, "_HANDLERS", handlers)

    def _handler(self, queue: str) -> Any:
        async def handle(_: Services, body: str) -> None:
            self.tries.append((queue, self.timeline.now() - START))
            if queue == RUNS:
                await self.work()

        return handle

    async def succeed(self) -> None:
        """A try that ends well."""

    async def fail(self) -> None:
        """A try that fails."""
        raise UnavailableError("storage is down")

    async def die_once(self) -> None:
        """The first try costs its host the life."""
        if len(self.tries) == 1:
            for process in self.hosts.alive():
                process.die("in a test")
            await asyncio.get_running_loop().create_future()

    def put(self, *, lives: timedelta | None = None) -> None:
        """Put a message, and let two hours pass."""

        async def pass_time() -> None:
            self.hosts.start()
            self.queues.put(RUNS, "{}", lives=lives)
            done = asyncio.get_running_loop().create_future()
            self.timeline.after(timedelta(hours=2), lambda: done.set_result(None))
            await done

        run_on(self.timeline, pass_time())


def test_a_message_is_handled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners = Listeners(monkeypatch)
    listeners.put()
    ((queue, at),) = listeners.tries
    assert queue == RUNS
    assert at < POLLED


def test_a_message_that_fails_is_seen_again_and_poisoned_after_its_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listeners = Listeners(monkeypatch)
    listeners.work = listeners.fail
    listeners.put()
    *tries, (last, _) = listeners.tries
    assert [queue for queue, _ in tries] == [RUNS] * TRIES
    assert last == f"{RUNS}-poison"
    instants = [at for _, at in tries]
    pauses = [later - at for at, later in pairwise(instants)]
    assert all(AGAIN <= pause < AGAIN + POLLED for pause in pauses)


def test_a_message_of_a_dead_host_stays_invisible_for_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listeners = Listeners(monkeypatch)
    listeners.work = listeners.die_once
    listeners.put()
    (_, first), (_, second) = listeners.tries
    assert TAKEN <= second - first < TAKEN + POLLED


def test_a_message_whose_deletion_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners = Listeners(monkeypatch, kinds.DELETE_LOST)
    listeners.put()
    assert len(listeners.tries) > 2


def test_a_message_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners = Listeners(monkeypatch, kinds.MESSAGE_TWICE)
    listeners.put()
    assert len(listeners.tries) == 2


def test_a_message_that_comes_too_late_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners = Listeners(monkeypatch, kinds.MESSAGE_LATE)
    listeners.put(lives=timedelta(seconds=5))
    assert listeners.tries == []


@pytest.mark.parametrize(
    ("error", "is_news"),
    [
        pytest.param(UnavailableError("503"), False, id="storage that is down"),
        pytest.param(InvalidRequestError("malformed"), False, id="a malformed message"),
        pytest.param(ValueError("a mistake"), True, id="a mistake of ours"),
    ],
)
def test_only_what_no_invocation_may_raise_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_news: bool
) -> None:
    listeners = Listeners(monkeypatch)
    listeners.hosts.judge("runs", error)
    journal = listeners.queues.journal
    assert bool(journal.broken) is is_news
