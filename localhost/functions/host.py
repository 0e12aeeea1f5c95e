"""A development host: runs the functions of an Azure Functions app on one machine, without the real host.

It reads the decorators and `host.json` of the app as it is and imitates what the app can notice: queues
(`queue_listener`), timers (`timer_listener`), HTTP routes and admin calls (`http_listener`). Not imitated: keys and
`authLevel` (as with Core Tools, nobody is asked for one), throttles, `functionTimeout`, scaling, and the blob leases by
which only one of many hosts fires a timer: here every host fires. It listens on 127.0.0.1 only and is not meant for
anything but development.

Two ways to let time pass: `run` with the computer's or a scaled clock, or `advance_to` and `pump` with a `ManualClock`.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import azure.functions as func
from azure.functions.queue import QueueMessage
from azure.functions.timer import TimerRequest

from localhost.clocks import ManualClock
from localhost.functions.function_index import (
    Function,
    HttpFunction,
    QueueFunction,
    TimerFunction,
    index,
)
from localhost.functions.host_settings import read_host_settings
from localhost.functions.http_listener import HttpListener
from localhost.functions.http_routes import RouteTable
from localhost.functions.invocations import Invocations
from localhost.functions.queue_listener import QueueListener
from localhost.functions.timer_listener import TimerListener
from shared.application.ports import Clock

logger = logging.getLogger(__name__)

_GRACE = timedelta(seconds=5)
_Kind = TypeVar("_Kind", TimerFunction, QueueFunction, HttpFunction)


class Host:
    """The functions of *app*, from `async with` on until it is left; one app has one host in its life.

    *root* is the folder of `host.json`, *state* the folder where timers keep their status (None: only in memory),
    *port* 0 for any free one, *environment* the app settings, *tls* the certificate to answer https with.
    HostSettingsError and UnsupportedFunctionError are raised for what can't be run. `url` answers at once; timers and
    queues wait for `run`, or for `advance_to` and `pump`.
    """

    def __init__(
        self,
        app: func.FunctionApp,
        *,
        root: Path,
        clock: Clock,
        environment: Mapping[str, str],
        state: Path | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = ""
        self.functions: Mapping[str, Function] = index(app, environment)
        self._settings = read_host_settings(root)
        self._clock = clock
        self._state = state
        self._port = port
        self._timers: list[TimerListener] = []
        self._queues: list[QueueListener] = []
        self._by_hand = Invocations()
        routes = RouteTable(self._all(HttpFunction), prefix=self._settings.route_prefix)
        self._http = HttpListener(routes, start_function=self._start_by_hand, tls=tls)

    async def __aenter__(self) -> Self:
        self._timers = [
            TimerListener(each, clock=self._clock, state=self._state)
            for each in self._all(TimerFunction)
        ]
        self._queues = [
            QueueListener(each, settings=self._settings.queues, clock=self._clock)
            for each in self._all(QueueFunction)
        ]
        try:
            self.url = await self._http.start(self._port)
        except OSError:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def run(self) -> None:
        """Fire timers and serve queues until cancelled; RuntimeError under a manual clock."""
        if isinstance(self._clock, ManualClock):
            raise RuntimeError("a manual clock does not run: use advance_to")
        async with asyncio.TaskGroup() as listeners:
            for listener in self._listeners():
                listeners.create_task(listener.run())

    async def advance_to(self, instant: datetime) -> None:
        """Move the manual clock to *instant*, stopping wherever something is due.

        What waits in the queues is worked on first, at the present time. Then, at each instant at which timers are due,
        these run and the queues are drained before the clock moves on.
        """
        clock = self._manual_clock()
        await self.pump()
        while due := [timer for timer in self._timers if timer.next_at <= instant]:
            clock.advance_to(max(clock.now(), min(timer.next_at for timer in due)))
            for timer in due:
                if timer.next_at <= clock.now():
                    timer.running.start(timer.fire())
            await self.pump()
        clock.advance_to(instant)

    async def pump(self) -> None:
        """Work on messages until none is visible and no function runs; for a manual clock, which stands meanwhile.

        A failed message is visible again at once, whatever `visibilityTimeout` says, until it succeeds or is poisoned.
        """
        self._manual_clock()
        all_running = [self._by_hand, *(listener.running for listener in self._listeners())]
        while True:
            busy = any(map(len, all_running))
            received = await asyncio.gather(*(queue.receive_batch() for queue in self._queues))
            for running in all_running:
                await running.wait_until_at_most(0)
            # Only a round that began with nothing running is proof: what ran may have sent a message.
            if not busy and not any(received):
                return

    async def invoke(self, name: str, body: str = "") -> Any:
        """Run a timer's or a queue's function by name and wait: its result, or its exception.

        *body* is the message for a queue's function. KeyError for an unknown name, ValueError for an HTTP function.
        """
        function = self._find(name)
        return await function.handler.call(_argument(function, body))

    def _start_by_hand(self, name: str, body: str) -> None:
        function = self._find(name)
        argument = _argument(function, body)

        async def call() -> None:
            try:
                await function.handler.call(argument)
            except Exception:
                logger.exception("function.failed name=%s", function.handler.name)

        self._by_hand.start(call())

    def _find(self, name: str) -> Function:
        for known, function in self.functions.items():
            if known.lower() == name.lower():
                return function
        raise KeyError(name)

    def _all(self, kind: type[_Kind]) -> list[_Kind]:
        return [function for function in self.functions.values() if isinstance(function, kind)]

    def _listeners(self) -> list[TimerListener | QueueListener]:
        return [*self._timers, *self._queues]

    def _manual_clock(self) -> ManualClock:
        if not isinstance(self._clock, ManualClock):
            raise RuntimeError("only a manual clock can be advanced: use run")
        return self._clock

    async def _close(self) -> None:
        await self._http.close()
        closing = (each.close(_GRACE) for each in (self._by_hand, *self._listeners()))
        await asyncio.gather(*closing)


def _argument(function: Function, body: str) -> object:
    match function:
        case TimerFunction():
            return TimerRequest(schedule={"AdjustForDST": True})
        case QueueFunction():
            return QueueMessage(body=body)
    raise ValueError(f"{function.handler.name} is an HTTP function: send a request to its route")
