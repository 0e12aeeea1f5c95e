"""One queue and its function, on a real Azurite: each test names one thing that a function can notice."""

import asyncio
import base64
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport
from azure.functions.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from localhost.clocks import ManualClock
from localhost.functions.function_index import Handler, QueueFunction
from localhost.functions.host_settings import QueueSettings
from localhost.functions.queue_listener import QueueListener
from shared.application.ports import Clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
THREE_ATTEMPTS = QueueSettings(max_dequeue_count=3, visibility_timeout=timedelta(seconds=30))


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds())


async def _nothing(message: QueueMessage) -> None:
    return None


async def _fail(message: QueueMessage) -> None:
    raise RuntimeError("as planned")


@dataclass
class Workplace:
    """A queue of its own with the function that it triggers: `seen` is what came, `then` what is done with it."""

    storage: str
    name: str = field(default_factory=lambda: f"q{uuid.uuid4().hex[:12]}")
    seen: list[QueueMessage] = field(default_factory=list)
    then: Callable[[QueueMessage], Awaitable[None]] = _nothing

    @property
    def bodies(self) -> list[str]:
        return [message.get_body().decode() for message in self.seen]

    @asynccontextmanager
    async def listener(
        self, settings: QueueSettings = THREE_ATTEMPTS, *, clock: Clock | None = None
    ) -> AsyncIterator[QueueListener]:
        async def code(message: QueueMessage) -> None:
            self.seen.append(message)
            await self.then(message)

        handler = Handler(name="work", parameter="message", code=code)
        function = QueueFunction(handler=handler, queue=self.name, connection=self.storage)
        listener = QueueListener(function, settings=settings, clock=clock or ManualClock(NOON))
        try:
            yield listener
        finally:
            await listener.close(timedelta(0))

    async def work(
        self, settings: QueueSettings = THREE_ATTEMPTS, *, clock: Clock | None = None
    ) -> None:
        """Listen until nothing is visible and nothing runs."""
        async with self.listener(settings, clock=clock) as listener:
            while await listener.receive_batch():
                await listener.running.wait_until_at_most(0)

    @asynccontextmanager
    async def queue(self, suffix: str = "") -> AsyncIterator[QueueClient]:
        transport = AioHttpTransport(use_env_settings=False)
        async with QueueClient.from_connection_string(
            self.storage, self.name + suffix, transport=transport
        ) as queue:
            yield queue

    async def send(self, *bodies: str) -> None:
        """Create the queue and send as the host expects it: base64."""
        await self.send_raw(*(base64.b64encode(body.encode()).decode() for body in bodies))

    async def send_raw(self, *bodies: str) -> None:
        async with self.queue() as queue:
            await queue.create_queue()
            for body in bodies:
                await queue.send_message(body)

    async def visible(self, suffix: str = "") -> list[str]:
        """The raw bodies of what a receiver would get."""
        async with self.queue(suffix) as queue:
            return [str(message.content) for message in await queue.peek_messages(32)]

    async def count(self, suffix: str = "") -> int | None:
        """How many messages there are, invisible ones included."""
        async with self.queue(suffix) as queue:
            return (await queue.get_queue_properties()).approximate_message_count


@pytest.fixture
def place(azurite: str) -> Workplace:
    return Workplace(storage=azurite)


# --- success, failure, poison --------------------------------------------------------------------


async def test_a_message_runs_its_function_and_is_deleted(place: Workplace) -> None:
    await place.send("tea")
    await place.work()
    assert place.bodies == ["tea"]
    assert await place.count() == 0


async def test_a_function_sees_the_metadata_of_its_message(place: Workplace) -> None:
    await place.send("tea")
    await place.work()
    (message,) = place.seen
    assert (message.dequeue_count, bool(message.id), bool(message.pop_receipt)) == (1, True, True)
    assert message.expiration_time - message.insertion_time == timedelta(days=7)
    assert message.time_next_visible - message.insertion_time >= timedelta(minutes=10)


async def test_a_missing_queue_is_an_empty_one_and_is_not_created(place: Workplace) -> None:
    await place.work()
    with pytest.raises(ResourceNotFoundError):
        await place.count()


async def test_a_failed_message_comes_back_with_a_higher_count(place: Workplace) -> None:
    async def fail_once(message: QueueMessage) -> None:
        if message.dequeue_count == 1:
            await _fail(message)

    place.then = fail_once
    await place.send("tea")
    await place.work()
    assert [message.dequeue_count for message in place.seen] == [1, 2]
    assert await place.count() == 0


@pytest.mark.parametrize(
    ("delay", "attempts", "left"),
    [
        pytest.param(timedelta(0), 2, 0, id="at once"),
        pytest.param(timedelta(minutes=10), 1, 1, id="later"),
    ],
)
async def test_a_failed_message_comes_back_after_the_visibility_timeout(
    place: Workplace, delay: timedelta, attempts: int, left: int
) -> None:
    async def fail_once(message: QueueMessage) -> None:
        if message.dequeue_count == 1:
            await _fail(message)

    place.then = fail_once
    await place.send("tea")
    await place.work(QueueSettings(visibility_timeout=delay), clock=WallClock())
    assert (len(place.seen), await place.visible(), await place.count()) == (attempts, [], left)


async def test_the_last_failure_moves_the_raw_body_to_the_poison_queue(place: Workplace) -> None:
    place.then = _fail
    await place.send("tea")
    await place.work()
    assert [message.dequeue_count for message in place.seen] == [1, 2, 3]
    assert (await place.visible("-poison"), await place.count()) == (["dGVh"], 0)


async def test_a_receipt_beyond_the_count_is_poisoned_without_a_run(place: Workplace) -> None:
    await place.send("tea")
    await _receive_three_times(place)
    await place.work()
    assert place.seen == []
    assert (await place.visible("-poison"), await place.count()) == (["dGVh"], 0)


async def _receive_three_times(place: Workplace) -> None:
    """As a host does that dies each time."""
    async with place.queue() as queue:
        for _ in range(3):
            message = await queue.receive_message(visibility_timeout=600)
            assert message is not None
            await queue.update_message(message, visibility_timeout=0)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("no base64!", id="plain text"),
        pytest.param("//79", id="base64 of what is not UTF-8"),
    ],
)
async def test_an_undecodable_message_is_poisoned_at_once_as_it_was(
    place: Workplace, raw: str
) -> None:
    await place.send_raw(raw, raw)
    await place.work()
    assert place.seen == []
    assert (await place.visible("-poison"), await place.count()) == ([raw, raw], 0)


async def test_plain_text_is_read_where_host_json_says_so(place: Workplace) -> None:
    await place.send_raw("plain <tea>")
    await place.work(QueueSettings(base64=False))
    assert place.bodies == ["plain <tea>"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("{id}-poison", id="a poison queue"),
        pytest.param("{id}-" + "x" * 44, id="a name too long for one"),
    ],
)
async def test_without_a_poison_queue_a_failed_message_stays_and_is_invisible(
    place: Workplace, name: str
) -> None:
    place.name = name.format(id=place.name)
    place.then = _fail
    await place.send("tea")
    await place.work(QueueSettings(max_dequeue_count=1))
    assert (len(place.seen), await place.visible(), await place.count()) == (1, [], 1)


async def test_the_count_does_not_hold_for_a_poison_queue(place: Workplace) -> None:
    place.name += "-poison"
    await place.send("tea")
    await _receive_three_times(place)
    await place.work()
    assert [message.dequeue_count for message in place.seen] == [4]
    assert await place.count() == 0


async def test_a_message_that_is_gone_when_it_is_done_is_no_error(
    place: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    async def delete_all(message: QueueMessage) -> None:
        async with place.queue() as queue:
            await queue.clear_messages()

    place.then = delete_all
    await place.send("tea")
    with caplog.at_level(logging.WARNING, logger="localhost"):
        await place.work()
    assert place.bodies == ["tea"]
    assert caplog.messages == []


async def test_a_storage_that_does_not_answer_is_an_empty_poll(
    place: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(*args: Any, **options: Any) -> None:
        raise ServiceRequestError("connection refused")

    async with place.listener() as listener:
        listener._queue.receive = refuse  # type: ignore[method-assign, assignment]
        assert await listener.receive_batch() == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# --- batches and leases --------------------------------------------------------------------------


async def test_messages_of_a_batch_run_side_by_side(place: Workplace) -> None:
    all_there = asyncio.Barrier(4)

    async def meet(message: QueueMessage) -> None:
        await asyncio.wait_for(all_there.wait(), timeout=60)

    place.then = meet
    await place.send("a", "b", "c", "d")
    await place.work()
    assert Counter(place.bodies) == Counter("abcd")


async def test_the_next_batch_comes_when_the_threshold_is_reached(place: Workplace) -> None:
    arrivals: asyncio.Queue[asyncio.Event] = asyncio.Queue()
    running = most = 0

    async def wait_for_leave(message: QueueMessage) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        leave = asyncio.Event()
        await arrivals.put(leave)
        await leave.wait()
        running -= 1

    place.then = wait_for_leave
    await place.send(*"abcd")
    async with (
        asyncio.timeout(60),
        place.listener(QueueSettings(batch_size=2, new_batch_threshold=1)) as listener,
    ):
        task = asyncio.create_task(listener.run())
        first, second = await arrivals.get(), await arrivals.get()
        assert len(await place.visible()) == 2
        first.set()
        third, fourth = await arrivals.get(), await arrivals.get()
        for leave in (second, third, fourth):
            leave.set()
        await listener.running.wait_until_at_most(0)
        task.cancel()
    assert most == 3  # batchSize + newBatchThreshold


async def test_a_message_stays_invisible_as_long_as_its_function_runs(place: Workplace) -> None:
    seen_by_another: list[object] = []

    async def outlast_the_lease(message: QueueMessage) -> None:
        await asyncio.sleep(6.5)
        async with place.queue() as queue:
            seen_by_another.append(await queue.receive_message())

    place.then = outlast_the_lease
    await place.send("tea")
    await place.work(QueueSettings(lease=timedelta(seconds=6)))
    assert (len(place.seen), seen_by_another) == (1, [None])
    # Deleted, so the receipt that the renewals changed was the one that was used.
    assert await place.count() == 0


async def test_what_does_not_end_within_the_grace_is_handed_back(place: Workplace) -> None:
    started = asyncio.Event()

    async def never_end(message: QueueMessage) -> None:
        started.set()
        await asyncio.Event().wait()

    place.then = never_end
    await place.send("tea")
    async with asyncio.timeout(60), place.listener() as listener:
        await listener.receive_batch()
        await started.wait()
    assert await place.visible() == ["dGVh"]
