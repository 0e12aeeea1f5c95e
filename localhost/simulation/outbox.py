"""The port of the queues as one process has it: a message may be sent, and the sender told that it was not."""

from datetime import timedelta

from localhost.simulation.chances import QUEUE_ERROR, QUEUE_ERROR_AFTER_SEND, Chances
from localhost.simulation.process import Process
from localhost.simulation.queues import Queues
from shared.application.messages import JOBS, RUNS, PassRequest, StartRequest, encode
from shared.domain.records import RunId
from shared.errors import UnavailableError


class Outbox:
    """The port `Outbox` of one process."""

    def __init__(self, queues: Queues, process: Process, chances: Chances) -> None:
        self._queues = queues
        self._process = process
        self._chances = chances

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        await self._send(RUNS, encode(PassRequest(v=1, run=run_id.text)), lives=time_to_live)

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        await self._send(JOBS, encode(StartRequest(v=1, run=run_id.text, machine=machine_id)))

    async def _send(self, queue: str, body: str, *, lives: timedelta | None = None) -> None:
        fault = self._chances.first_of(QUEUE_ERROR, QUEUE_ERROR_AFTER_SEND)
        if fault != QUEUE_ERROR:
            await self._process.call(
                f"send to {queue}", lambda: self._queues.put(queue, body, lives=lives)
            )
        if fault:
            await self._process.call(f"send to {queue} fails", lambda: None)
            raise UnavailableError("Queue Storage: 503 Server Busy")
