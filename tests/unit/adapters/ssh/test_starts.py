"""What is asked of a server to start a task, and what of its answers is believed."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.ssh.commands import Command, Step
from shared.adapters.ssh.detached import Started, Task, start
from shared.adapters.ssh.errors import CommandFailedError, LostError, NotConnectedError

STEP = Step(name="one", command=Command(words=("/bin/true",)))
NOW = b"1700000000 boot-1 5000\n"


class Server:
    """Answers in turn; an error is raised. `passes` is what its first answer takes, by the app's clock."""

    def __init__(self, *answers: bytes | Exception, passes: timedelta = timedelta(0)) -> None:
        self._answers = list(answers)
        self._passes = passes
        self.asked: list[bytes] = []

    async def run(self, script: str, data: bytes, *, within: timedelta, largest: int = 0) -> bytes:
        assert script
        assert within <= timedelta(seconds=60)
        assert largest <= 1 << 16
        self.asked.append(data)
        if self._passes and len(self.asked) == 1:
            let_pass(self._passes)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def let_pass(time: timedelta) -> None:
    """Set the event loop's clock forward."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + time.total_seconds()  # type: ignore[method-assign]


def task(*, not_after: timedelta | None = None) -> Task:
    return Task(key="job", steps=(STEP,), note="n", not_after=not_after)


async def test_a_task_that_may_begin_at_any_time_is_started_at_once() -> None:
    server = Server(b"created\n")
    assert await start(server, task()) is Started.CREATED
    assert len(server.asked) == 1
    assert b"begin-by" not in server.asked[0]


async def test_the_time_that_is_left_is_counted_from_when_the_start_was_asked_for() -> None:
    server = Server(NOW, b"found\n", passes=timedelta(seconds=10))
    not_after = timedelta(seconds=60, milliseconds=900)
    assert await start(server, task(not_after=not_after)) is Started.FOUND
    assert server.asked[0] == b""
    assert server.asked[1].splitlines()[-2:] == [b"begin-by boot-1 5050", b"end"]


@pytest.mark.parametrize(
    ("not_after", "passes"),
    [
        pytest.param(timedelta(0), timedelta(0), id="there was no time"),
        pytest.param(timedelta(days=-1), timedelta(0), id="it was over long ago"),
        pytest.param(timedelta(seconds=9), timedelta(seconds=10), id="it passed in asking"),
    ],
)
async def test_what_is_late_is_not_sent(not_after: timedelta, passes: timedelta) -> None:
    server = Server(NOW, passes=passes)
    assert await start(server, task(not_after=not_after)) is Started.LATE
    assert server.asked == [b""]


async def test_the_server_may_say_that_it_is_late() -> None:
    server = Server(NOW, b"late\n")
    assert await start(server, task(not_after=timedelta(minutes=1))) is Started.LATE


async def test_who_is_lost_in_asking_for_the_time_was_sent_nothing() -> None:
    server = Server(LostError("The connection broke."))
    with pytest.raises(NotConnectedError, match="The connection broke"):
        await start(server, task(not_after=timedelta(minutes=1)))


@given(said=st.binary())
async def test_whatever_is_no_time_is_not_understood(said: bytes) -> None:
    with pytest.raises(CommandFailedError):
        await start(Server(said), task(not_after=timedelta(minutes=1)))


@given(said=st.binary() | st.sampled_from([b"made\n", b"created\nfound\n", b"\xff"]))
async def test_whatever_is_no_answer_to_a_start_is_not_understood(said: bytes) -> None:
    with pytest.raises(CommandFailedError):
        await start(Server(said), task())
