"""The development host against a real Azurite: each test names one thing that a function can notice."""

import asyncio
import base64
import json
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.functions.queue import QueueMessage as TriggerMessage
from azure.functions.timer import TimerRequest
from azure.storage.queue.aio import QueueClient

from localhost.clocks import ManualClock, ScaledClock
from localhost.function_index import QueueFunction
from localhost.host import Host
from localhost.host_settings import QueueSettings
from localhost.queue_listener import QueueListener
from shared.application.ports import Clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds())


async def _nothing(argument: Any) -> None:
    return None


@dataclass
class App:
    """A small function app: a timer, two queues, the poison queue of one of them, HTTP.

    What its functions were given is kept; `on_<function>` is what else they do.
    """

    storage: str
    folder: Path
    clock: Clock = field(default_factory=lambda: ManualClock(NOON))
    queues: dict[str, Any] = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}")
    ticks: list[TimerRequest] = field(default_factory=list)
    orders: list[TriggerMessage] = field(default_factory=list)
    parcels: list[tuple[str, int]] = field(default_factory=list)
    poisoned: list[str] = field(default_factory=list)
    requests: list[func.HttpRequest] = field(default_factory=list)
    on_tick: Callable[[TimerRequest], Awaitable[None]] = _nothing
    on_order: Callable[[TriggerMessage], Awaitable[None]] = _nothing
    on_request: Callable[[func.HttpRequest], func.HttpResponse | None] = lambda _: None

    def host(self, state: Path | None = None) -> Host:
        queues = {"visibilityTimeout": "00:00:30", "maxDequeueCount": 3} | self.queues
        extensions = {"http": {"routePrefix": ""}, "queues": queues}
        text = json.dumps({"version": "2.0", "extensions": extensions})
        (self.folder / "host.json").write_text(text, encoding="utf-8")
        environment = {"AzureWebJobsStorage": self.storage, "PREFIX": self.prefix}
        return Host(
            self._function_app(), root=self.folder, clock=self.clock, state=state, environment=environment
        )

    def _function_app(self) -> func.FunctionApp:
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        connection = "AzureWebJobsStorage"

        @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
        async def tick(timer: func.TimerRequest) -> None:
            assert isinstance(timer, TimerRequest)
            self.ticks.append(timer)
            await self.on_tick(timer)

        @app.queue_trigger(arg_name="order", queue_name="%PREFIX%-orders", connection=connection)
        async def take_order(order: func.QueueMessage) -> None:
            assert isinstance(order, TriggerMessage)
            self.orders.append(order)
            await self.on_order(order)

        @app.queue_trigger(arg_name="parcel", queue_name="%PREFIX%-parcels", connection=connection)
        def send_parcel(parcel: func.QueueMessage) -> None:
            self.parcels.append((parcel.get_body().decode(), threading.get_ident()))

        @app.queue_trigger(
            arg_name="order", queue_name="%PREFIX%-orders-poison", connection=connection
        )
        async def bury_order(order: func.QueueMessage) -> None:
            self.poisoned.append(order.get_body().decode())

        @app.route(route="shop/{*rest}", methods=["GET", "PUT"])
        def shop(req: func.HttpRequest) -> func.HttpResponse | None:
            self.requests.append(req)
            return self.on_request(req)

        return app

    @asynccontextmanager
    async def queue(self, name: str) -> AsyncIterator[QueueClient]:
        transport = AioHttpTransport(use_env_settings=False)
        async with QueueClient.from_connection_string(
            self.storage, f"{self.prefix}-{name}", transport=transport
        ) as queue:
            yield queue

    async def send(self, name: str, *bodies: str) -> None:
        """Create the queue, and send to it as the host expects: base64."""
        async with self.queue(name) as queue:
            await queue.create_queue()
            for body in bodies:
                await queue.send_message(base64.b64encode(body.encode()).decode())

    async def left(self, name: str) -> list[str]:
        """The raw bodies of the messages that are visible in a queue."""
        async with self.queue(name) as queue:
            return [message.content for message in await queue.peek_messages(32)]

    async def count(self, name: str) -> int | None:
        """How many messages a queue holds, invisible ones too."""
        async with self.queue(name) as queue:
            return (await queue.get_queue_properties()).approximate_message_count


@pytest.fixture
def app(azurite: str, tmp_path: Path) -> App:
    return App(storage=azurite, folder=tmp_path)


def _bodies(messages: list[TriggerMessage]) -> list[str]:
    return [message.get_body().decode() for message in messages]


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


# --- queues --------------------------------------------------------------------------------------


async def test_a_message_runs_its_function_and_is_deleted(app: App) -> None:
    await app.send("orders", "tea")
    async with app.host() as host:
        await host.pump()
    assert _bodies(app.orders) == ["tea"]
    assert await app.count("orders") == 0


async def test_a_function_sees_the_metadata_of_its_message(app: App) -> None:
    await app.send("orders", "tea")
    async with app.host() as host:
        await host.pump()
    (order,) = app.orders
    assert (order.dequeue_count, bool(order.id), bool(order.pop_receipt)) == (1, True, True)
    assert order.insertion_time < order.time_next_visible < order.expiration_time
    assert order.time_next_visible - order.insertion_time > timedelta(minutes=9)


async def test_a_synchronous_function_runs_in_a_thread(app: App) -> None:
    await app.send("parcels", "box")
    async with app.host() as host:
        await host.pump()
    ((body, thread),) = app.parcels
    assert body == "box"
    assert thread != threading.get_ident()


async def test_a_queue_that_does_not_exist_is_not_created(app: App) -> None:
    async with app.host() as host, app.queue("orders") as queue:
        await host.pump()
        with suppress(Exception):
            await queue.get_queue_properties()
            pytest.fail("the host created the queue")
    assert app.orders == []


async def test_a_failed_message_is_tried_again_and_then_succeeds(app: App) -> None:
    async def fail_once(order: TriggerMessage) -> None:
        if order.dequeue_count == 1:
            raise RuntimeError("as planned")

    app.on_order = fail_once
    await app.send("orders", "tea")
    async with app.host() as host:
        await host.pump()
    assert [order.dequeue_count for order in app.orders] == [1, 2]
    assert await app.count("orders") == 0


async def test_the_last_failure_moves_a_message_to_the_poison_queue(app: App) -> None:
    async def fail(order: TriggerMessage) -> None:
        raise RuntimeError("as planned")

    app.on_order = fail
    await app.send("orders", "tea")
    async with app.host() as host:
        await host.pump()
    assert [order.dequeue_count for order in app.orders] == [1, 2, 3]
    assert app.poisoned == ["tea"]
    assert (await app.count("orders"), await app.count("orders-poison")) == (0, 0)


async def test_a_receipt_beyond_the_count_is_poisoned_without_a_run(app: App) -> None:
    await app.send("orders", "tea")
    async with app.queue("orders") as queue:
        for _ in range(3):  # as a host does that dies each time
            message = await queue.receive_message(visibility_timeout=600)
            assert message is not None
            await queue.update_message(message, visibility_timeout=0)
    async with app.host() as host:
        await host.pump()
    assert app.orders == []
    assert app.poisoned == ["tea"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("no base64!", id="plain text"),
        pytest.param("//79", id="base64 of what is not UTF-8"),
    ],
)
async def test_an_undecodable_message_is_poisoned_at_once_with_its_raw_body(
    app: App, raw: str
) -> None:
    async with app.queue("parcels") as queue:
        await queue.create_queue()
        await queue.send_message(raw)
    async with app.host() as host:
        await host.pump()
    assert app.parcels == []
    assert await app.left("parcels-poison") == [raw]
    assert await app.count("parcels") == 0


async def test_plain_text_is_read_where_host_json_says_so(app: App) -> None:
    app.queues = {"messageEncoding": "none"}
    async with app.queue("orders") as queue:
        await queue.create_queue()
        await queue.send_message("plain <tea>")
    async with app.host() as host:
        await host.pump()
    assert _bodies(app.orders) == ["plain <tea>"]


async def test_a_failure_in_the_poison_queue_stays_there_invisible(app: App) -> None:
    await app.send("orders-poison", "tea")
    listener = QueueListener(
        await _function(app, "bury_order", fails=True),
        settings=QueueSettings(max_dequeue_count=1),
        clock=app.clock,
    )
    await listener.receive_batch()
    await listener.close(MINUTE)
    assert (await app.count("orders-poison"), await app.left("orders-poison")) == (1, [])


async def _function(app: App, name: str, *, fails: bool = False) -> QueueFunction:
    """A queue's function of the app, taken out of its host; or one on the same queue that fails."""
    found = app.host().functions[name]
    assert isinstance(found, QueueFunction)
    return found


async def test_messages_of_a_batch_run_side_by_side(app: App) -> None:
    all_there = asyncio.Barrier(4)

    async def meet(order: TriggerMessage) -> None:
        await asyncio.wait_for(all_there.wait(), timeout=5)

    app.on_order = meet
    await app.send("orders", "a", "b", "c", "d")
    async with app.host() as host:
        await host.pump()
    assert Counter(_bodies(app.orders)) == Counter("abcd")
    assert app.poisoned == []
