"""A whole function app in the development host: what its functions and their callers can notice together."""

import asyncio
import base64
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.functions.timer import TimerRequest
from azure.storage.queue.aio import QueueClient

from localhost.clocks import ManualClock, ScaledClock
from localhost.functions.host import Host
from shared.application.ports import Clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def _nothing(given: Any) -> None:
    return None


@dataclass
class App:
    """A small app: a timer, the queues orders and parcels, the poison queue of orders, HTTP.

    `log` is what happened, in order; `on_tick` and `on_order` are what else these functions do.
    """

    storage: str
    folder: Path
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}")
    log: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    on_tick: Callable[[TimerRequest], Awaitable[None]] = _nothing
    on_order: Callable[[str], Awaitable[None]] = _nothing

    @asynccontextmanager
    async def host(self, clock: Clock, *, port: int = 0) -> AsyncIterator[Host]:
        """A host of the app with its two main queues in place."""
        queues = {"visibilityTimeout": "00:10:00", "maxDequeueCount": 3}
        extensions = {"http": {"routePrefix": "v1"}, "queues": queues}
        document = json.dumps({"version": "2.0", "extensions": extensions})
        (self.folder / "host.json").write_text(document, encoding="utf-8")
        for name in ("orders", "parcels"):
            async with self.queue(name) as queue:
                with suppress(ResourceExistsError):
                    await queue.create_queue()
        async with Host(
            self._function_app(),
            root=self.folder,
            clock=clock,
            port=port,
            state=self.folder / "state",
            environment={"AzureWebJobsStorage": self.storage, "PREFIX": self.prefix},
        ) as host:
            yield host

    def _function_app(self) -> func.FunctionApp:
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        connection = "AzureWebJobsStorage"

        @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
        async def tick(timer: func.TimerRequest) -> None:
            assert isinstance(timer, TimerRequest)
            self.log.append("tick, past due" if timer.past_due else "tick")
            await self.on_tick(timer)

        @app.queue_trigger(arg_name="order", queue_name="%PREFIX%-orders", connection=connection)
        async def take_order(order: func.QueueMessage) -> str:
            body = order.get_body().decode()
            self.log.append(f"order {body}")
            await self.on_order(body)
            return body

        @app.queue_trigger(arg_name="parcel", queue_name="%PREFIX%-parcels", connection=connection)
        def send_parcel(parcel: func.QueueMessage) -> None:
            self.log.append(f"parcel {parcel.get_body().decode()}")
            self.threads.add(threading.get_ident())

        @app.queue_trigger(
            arg_name="order", queue_name="%PREFIX%-orders-poison", connection=connection
        )
        async def bury_order(order: func.QueueMessage) -> None:
            self.log.append(f"buried {order.get_body().decode()}")

        @app.route(route="shop/{*rest}", methods=["GET"])
        async def shop(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse(req.route_params["rest"])

        return app

    @asynccontextmanager
    async def queue(self, name: str) -> AsyncIterator[QueueClient]:
        transport = AioHttpTransport(use_env_settings=False)
        async with QueueClient.from_connection_string(
            self.storage, f"{self.prefix}-{name}", transport=transport
        ) as queue:
            yield queue

    async def send(self, name: str, body: str) -> None:
        async with self.queue(name) as queue:
            await queue.send_message(base64.b64encode(body.encode()).decode())


@pytest.fixture
def app(azurite: str, tmp_path: Path) -> App:
    return App(storage=azurite, folder=tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


# --- pump ----------------------------------------------------------------------------------------


async def test_pump_follows_messages_from_queue_to_queue(app: App, clock: ManualClock) -> None:
    async def pass_on(body: str) -> None:
        await app.send("parcels", body)

    app.on_order = pass_on
    async with app.host(clock) as host:
        await app.send("orders", "tea")
        await host.pump()
    assert app.log == ["order tea", "parcel tea"]


async def test_pump_retries_without_waiting_and_ends_in_the_poison_function(
    app: App, clock: ManualClock
) -> None:
    async def fail(body: str) -> None:
        raise RuntimeError("as planned")

    app.on_order = fail
    async with app.host(clock) as host, asyncio.timeout(60):
        await app.send("orders", "tea")
        await host.pump()
    assert app.log == ["order tea"] * 3 + ["buried tea"]


async def test_synchronous_functions_run_in_a_thread(app: App, clock: ManualClock) -> None:
    async with app.host(clock) as host:
        await app.send("parcels", "box")
        await host.pump()
    assert len(app.threads) == 1
    assert threading.get_ident() not in app.threads


async def test_pump_waits_for_what_an_admin_call_started(app: App, clock: ManualClock) -> None:
    async def order_tea(timer: TimerRequest) -> None:
        await app.send("orders", "tea")

    app.on_tick = order_tea
    async with app.host(clock) as host, aiohttp.ClientSession(host.url) as client:
        async with client.post("/admin/functions/Tick", json={"input": ""}) as answer:
            assert answer.status == 202
        await host.pump()
    assert app.log == ["tick", "order tea"]


async def test_an_admin_call_runs_a_queue_function_with_its_input(
    app: App, clock: ManualClock
) -> None:
    async with app.host(clock) as host, aiohttp.ClientSession(host.url) as client:
        async with client.post("/admin/functions/take_order", json={"input": "tea"}) as answer:
            assert answer.status == 202
        await host.pump()
    assert app.log == ["order tea"]


# --- advance -------------------------------------------------------------------------------------


async def test_advance_stops_at_each_occurrence_and_drains_the_queues(
    app: App, clock: ManualClock
) -> None:
    instants: list[datetime] = []

    async def order_tea(timer: TimerRequest) -> None:
        instants.append(clock.now())
        await app.send("orders", f"{clock.now():%H:%M}")

    app.on_tick = order_tea
    async with app.host(clock) as host:
        await host.advance_to(NOON + 2 * MINUTE + timedelta(seconds=30))
    assert instants == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert app.log == ["tick", "order 12:01", "tick", "order 12:02"]
    assert clock.now() == NOON + 2 * MINUTE + timedelta(seconds=30)


async def test_advance_first_works_on_what_waits_at_the_present(
    app: App, clock: ManualClock
) -> None:
    async with app.host(clock) as host:
        await app.send("orders", "tea")
        await host.advance_to(NOON + MINUTE)
    assert app.log == ["order tea", "tick"]


async def test_a_restarted_host_runs_a_missed_timer_once_as_past_due(app: App) -> None:
    for start in (NOON, NOON + 10 * MINUTE):
        clock = ManualClock(start)
        async with app.host(clock) as host:
            await host.advance_to(start + MINUTE)
    assert app.log == ["tick", "tick, past due", "tick"]


# --- run -----------------------------------------------------------------------------------------


async def test_run_serves_timers_and_queues_until_cancelled(app: App) -> None:
    ordered = asyncio.Event()

    async def order_tea(timer: TimerRequest) -> None:
        await app.send("orders", "tea")
        await ordered.wait()  # time goes on: the next tick is not before this one has ended

    async def note(body: str) -> None:
        ordered.set()

    app.on_tick, app.on_order = order_tea, note
    clock = ScaledClock(NOON, origin=datetime.now(UTC), speed=600)
    async with app.host(clock) as host, asyncio.timeout(60):
        running = asyncio.create_task(host.run())
        await ordered.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert app.log[:2] == ["tick", "order tea"]


async def test_what_runs_when_the_host_stops_may_end(app: App) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def take_a_moment(timer: TimerRequest) -> None:
        started.set()
        await asyncio.sleep(0.1)
        ended.set()

    app.on_tick = take_a_moment
    clock = ScaledClock(NOON, origin=datetime.now(UTC), speed=600)
    async with app.host(clock) as host, asyncio.timeout(60):
        running = asyncio.create_task(host.run())
        await started.wait()
        running.cancel()
    assert ended.is_set()


async def test_a_manual_clock_is_advanced_and_any_other_runs(app: App, clock: ManualClock) -> None:
    async with app.host(clock) as host:
        with pytest.raises(RuntimeError, match="use advance_to"):
            await host.run()
    async with app.host(ScaledClock(NOON, origin=NOON)) as host:
        with pytest.raises(RuntimeError, match="use run"):
            await host.advance_to(NOON)


async def test_a_port_that_is_taken_is_an_error(app: App, clock: ManualClock) -> None:
    async with app.host(clock) as host:
        port = int(host.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with app.host(clock, port=port):
                pytest.fail("two hosts on one port")


# --- calls ---------------------------------------------------------------------------------------


async def test_http_is_served_on_loopback_below_the_prefix(app: App, clock: ManualClock) -> None:
    async with app.host(clock) as host, aiohttp.ClientSession() as client:
        assert host.url.startswith("http://127.0.0.1:")
        async with client.get(f"{host.url}/v1/shop/tea/green") as answer:
            assert (answer.status, await answer.text()) == (200, "tea/green")
        async with client.get(f"{host.url}/shop/tea") as answer:
            assert answer.status == 404


async def test_invoke_returns_what_the_function_returns(app: App, clock: ManualClock) -> None:
    async with app.host(clock) as host:
        assert await host.invoke("take_order", "tea") == "tea"
        with pytest.raises(ValueError, match="shop is an HTTP function"):
            await host.invoke("shop")
        with pytest.raises(KeyError):
            await host.invoke("nobody")
