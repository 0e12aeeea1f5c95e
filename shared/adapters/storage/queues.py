"""The two queues of Azure Storage, `runs` and `jobs`: base64, as the Functions host expects."""

from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from shared.application.messages import (
    JOBS,
    RUNS,
    PassRequest,
    StartRequest,
    encode,
)
from shared.domain.records import RunId
from shared.errors import UnavailableError


class AzureOutbox:
    """Puts messages; a queue that is not there is made, and the message sent again."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._queues = {
            name: service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())
            for name in (RUNS, JOBS)
        }

    async def prepare(self) -> None:
        """Make both queues: the host reads them, but never makes them."""
        for queue in self._queues.values():
            await self._make(queue)

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        body = encode(PassRequest(v=1, run=run_id.text))
        await self._send(RUNS, body, seconds=int(time_to_live.total_seconds()))

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        body = encode(StartRequest(v=1, run=run_id.text, machine=machine_id))
        await self._send(JOBS, body, seconds=None)

    async def _send(self, name: str, body: str, *, seconds: int | None) -> None:
        queue = self._queues[name]
        try:
            await queue.send_message(body, time_to_live=seconds)
        except ResourceNotFoundError:
            await self._make(queue)
            await self._send(name, body, seconds=seconds)
        except AzureError as error:
            raise UnavailableError(f"Queue Storage: {error}") from error

    async def _make(self, queue: QueueClient) -> None:
        try:
            await queue.create_queue()
        except ResourceExistsError:
            return
        except AzureError as error:
            raise UnavailableError(f"Queue Storage: {error}") from error
