"""Keep the app running on one machine, with its state on disk, until somebody stops it.

1. Azurite keeps what is stored. The simulated Azure starts afresh: its machines lack their updates again, and installs
   that were under way are forgotten, so that their jobs end `Unknown`.
2. Ctrl-C and SIGTERM end it in order: functions get five seconds, Azurite saves, nothing stays behind.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from localhost.azure.generate import generate
from localhost.azure.limits import Limits
from localhost.azure.server import LocalAzure
from localhost.azure.server import serve as serve_azure
from localhost.azurite import start_azurite
from localhost.clocks import ManualClock, ScaledClock
from localhost.errors import LocalhostError
from localhost.functions.host import Host
from localhost.passing_time import MINUTE
from localhost.serve.advance import ByHand, Lines
from localhost.serve.certificate import Certificate
from localhost.serve.greeting import greeting
from localhost.serve.options import ServeOptions, clock_for
from localhost.serve.state_folder import StateFolder, hold
from localhost.stage import stage
from shared import bootstrap
from shared.adapters.clock import SystemClock
from shared.application.ports import Clock

_RECORD_EVERY = timedelta(seconds=5)


async def run_serve(options: ServeOptions) -> None:
    """Serve until stopped. LocalhostError or AzuriteError when it can't start."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with hold(options.state) as state:
        _require_free(options.port, option="--port")
        _require_free(options.storage_ports.queue, option="--storage-ports")
        _require_free(options.storage_ports.table, option="--storage-ports")
        now = SystemClock().now()
        clock = clock_for(options.speed, showed=state.clock_showed(), now=now)
        _log_with(clock)
        with start_azurite(state.azurite, ports=options.storage_ports) as storage:
            state.record_connection(storage.connection_string)
            async with (
                _azure(options, clock, calls=state.calls) as arm,
                stage(
                    storage=storage.connection_string,
                    arm=arm,
                    clock=clock,
                    port=options.port,
                    state=state.host,
                    # Clients judge it by their own clock, which is the computer's.
                    tls=Certificate(state.tls).context(now) if options.tls else None,
                ) as host,
            ):
                _say(greeting(options, state, url=host.url, arm=arm, now=clock.now()))
                await _first_of(stop.wait(), _let_time_pass(host, clock, state))
        _say("Stopped.")


@asynccontextmanager
async def _azure(options: ServeOptions, clock: Clock, *, calls: Path) -> AsyncIterator[str]:
    if options.arm:
        yield options.arm
        return
    azure = LocalAzure(
        generate(options.machines, options.seed),
        now=clock.now,
        faults=options.faults,
        limits=Limits() if options.speed else Limits().in_steps(MINUTE),
        install_time=options.install_time,
        calls_file=calls,
    )
    async with serve_azure(azure) as arm:
        yield arm


async def _let_time_pass(host: Host, clock: Clock, state: StateFolder) -> None:
    services = await bootstrap.services()
    if isinstance(clock, ManualClock):
        by_hand = ByHand(
            host=host, services=services, clock=clock, say=_say, record=state.record_clock
        )
        async with Lines() as lines:
            await by_hand.drive(lines.next)
        return
    await _first_of(host.run(), _keep_recording(clock, state))


async def _keep_recording(clock: Clock, state: StateFolder) -> None:
    """Remember a clock that may be ahead: as it will show when it is recorded next, in case it never is."""
    while True:
        if isinstance(clock, ScaledClock):
            state.record_clock(clock.now() + _RECORD_EVERY * clock.speed)
        await asyncio.sleep(_RECORD_EVERY.total_seconds())


async def _first_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Do all at once until the first is done, and end the others; its exception is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _require_free(port: int, *, option: str) -> None:
    """Ask before anything is started; port 0 is always free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalhostError(
                f"Port {port} of 127.0.0.1 can't be had ({error.strerror}): stop what listens "
                f"there, or choose another with {option}."
            ) from error


def _log_with(clock: Clock) -> None:
    """One line for each event of the app."""
    handler = logging.StreamHandler()
    handler.setFormatter(_AtClock(clock))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("shared").setLevel(logging.INFO)


class _AtClock(logging.Formatter):
    """Events happen at the time that a clock shows, which may not be the computer's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("%(asctime)s  %(message)s")
        self._clock = clock

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return f"{self._clock.now():%Y-%m-%d %H:%M:%S}"


def _say(text: str) -> None:
    print(text, flush=True)
