"""The storage queue behind a queue trigger, with its poison queue: Storage's answers as the Functions host takes them.

1. The host never creates a trigger's queue; a missing one is an empty one. A poison queue is created on demand.
2. A message that is gone, or that another holder has received since, is nobody's error: the host swallows both.
3. Bodies are handled raw, so that an undecodable one reaches the poison queue as it was.
"""

import logging
import math
from contextlib import suppress
from datetime import timedelta

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

logger = logging.getLogger(__name__)

_LONGEST_NAME = 63


class TriggerQueue:
    """One queue in the account of *connection*, a connection string."""

    def __init__(self, name: str, *, connection: str) -> None:
        self.name = name
        poison = f"{name}-poison"
        self.has_poison_queue = not name.endswith("-poison") and len(poison) <= _LONGEST_NAME
        self._queue = _client(name, connection=connection)
        self._poison = _client(poison, connection=connection) if self.has_poison_queue else None

    async def receive(self, limit: int, *, lease: timedelta) -> list[QueueMessage]:
        """Up to *limit* messages, invisible for *lease*; azure.core's errors when Storage does not answer."""
        pages = self._queue.receive_messages(
            messages_per_page=limit, max_messages=limit, visibility_timeout=_seconds(lease)
        ).by_page()
        try:
            return [message async for message in await anext(pages)]
        except (ResourceNotFoundError, StopAsyncIteration):
            return []

    async def hide(self, message: QueueMessage, *, delay: timedelta) -> bool:
        """Make it visible after *delay*, counted in whole real seconds; False when it is not ours any more."""
        try:
            updated = await self._queue.update_message(
                message.id, pop_receipt=message.pop_receipt, visibility_timeout=_seconds(delay)
            )
        except HttpResponseError as error:
            _swallow_gone(error)
            return False
        message.pop_receipt = updated.pop_receipt
        message.next_visible_on = updated.next_visible_on
        return True

    async def delete(self, message: QueueMessage) -> None:
        try:
            await self._queue.delete_message(message.id, pop_receipt=message.pop_receipt)
        except HttpResponseError as error:
            _swallow_gone(error)

    async def move_to_poison(self, message: QueueMessage) -> None:
        """Copy the raw body to the poison queue, then delete it here: a crash between the two doubles it.

        Where there is no poison queue nothing happens: the message stays, invisible for what is left of its lease.
        """
        if self._poison is None:
            return
        logger.warning("message.poisoned queue=%s id=%s", self.name, message.id)
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):  # another message of the batch was first
                await self._poison.create_queue()
            await self._poison.send_message(message.content)
        await self.delete(message)

    async def close(self) -> None:
        await self._queue.close()
        if self._poison is not None:
            await self._poison.close()


def _client(name: str, *, connection: str) -> QueueClient:
    return QueueClient.from_connection_string(
        connection,
        name,
        transport=AioHttpTransport(use_env_settings=False),
        # The client's own 15 seconds before it tries again are long on one machine.
        initial_backoff=1,
        increment_base=1,
        retry_total=2,
        random_jitter_range=0,
    )


def _seconds(delay: timedelta) -> int:
    return math.ceil(delay.total_seconds())


def _swallow_gone(error: HttpResponseError) -> None:
    if error.status_code != 404 and getattr(error, "error_code", None) != "PopReceiptMismatch":
        raise error
