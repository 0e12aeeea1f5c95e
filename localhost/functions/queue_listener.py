"""Run a queue-triggered function for each message, as the Functions host does (QueueListener, QueueProcessor 5.x).

1. Up to `batchSize` messages are received at a time and run side by side; the next batch is fetched when no more than
   `newBatchThreshold` are running. After an empty answer, or none, polling backs off up to `maxPollingInterval`.
2. A message is invisible for ten minutes, renewed at half that time while its function runs.
3. Success deletes it. A failure makes it visible again after `visibilityTimeout`; the `maxDequeueCount`-th one moves it
   to `<queue>-poison`, and so does a receipt beyond that count, without a run. A body that can't be decoded goes there
   at once.
4. A queue that has no poison queue (itself one, or its name too long) leaves a failed message invisible for its ten
   minutes, and `maxDequeueCount` does not hold for it.
5. Storage keeps real time: under a clock that runs faster, the host's own delays shrink as the clock's do.
"""

import asyncio
import base64
import binascii
import logging
from datetime import timedelta

from azure.core.exceptions import AzureError
from azure.functions.queue import QueueMessage as TriggerMessage
from azure.storage.queue import QueueMessage

from localhost.clocks import real_delay
from localhost.functions.back_off import SHORTEST_WAIT, BackOff
from localhost.functions.function_index import QueueFunction
from localhost.functions.host_settings import QueueSettings
from localhost.functions.invocations import Invocations
from localhost.functions.trigger_queue import TriggerQueue
from shared.application.ports import Clock

logger = logging.getLogger(__name__)


class QueueListener:
    """One queue and the function that it triggers."""

    def __init__(self, function: QueueFunction, *, settings: QueueSettings, clock: Clock) -> None:
        self.running = Invocations()
        self._handler = function.handler
        self._settings = settings
        self._clock = clock
        self._queue = TriggerQueue(function.queue, connection=function.connection)

    async def run(self) -> None:
        """Poll and run until cancelled; what is running then goes on until `close`."""
        back_off = BackOff(self._settings.max_polling_interval)
        while True:
            if await self.receive_batch():
                back_off.reset()
                await self.running.wait_until_at_most(self._settings.new_batch_threshold)
            else:
                wait = max(real_delay(self._clock, back_off.next()), SHORTEST_WAIT)
                await asyncio.sleep(wait.total_seconds())

    async def receive_batch(self) -> int:
        """Start what one poll yields; the number of it, 0 too when Storage does not answer."""
        try:
            messages = await self._queue.receive(
                self._settings.batch_size, lease=self._settings.lease
            )
        except AzureError as error:
            logger.warning("queue.poll_failed queue=%s error=%s", self._queue.name, error)
            return 0
        for message in messages:
            self.running.start(self._process(message))
        return len(messages)

    async def close(self, grace: timedelta) -> None:
        """Give running functions *grace* of real time, hand the messages of the others back, let go of the queue."""
        await self.running.close(grace)
        await self._queue.close()

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._run_or_poison(message)
        except AzureError as error:
            self._report_lost(message, error=error)
        except asyncio.CancelledError:
            await self._hide_or_report(message, delay=timedelta(0))
            raise

    async def _run_or_poison(self, message: QueueMessage) -> None:
        attempt, most = message.dequeue_count or 1, self._settings.max_dequeue_count
        try:
            body = self._decode(message)
        except ValueError:
            logger.error("message.undecodable queue=%s id=%s", self._queue.name, message.id)
            await self._queue.move_to_poison(message)
            return
        if attempt > most and self._queue.has_poison_queue:
            await self._queue.move_to_poison(message)
        elif await self._succeeds(message, body=body):
            await self._queue.delete(message)
        elif attempt >= most:
            await self._queue.move_to_poison(message)
        elif self._queue.has_poison_queue:
            delay = real_delay(self._clock, self._settings.visibility_timeout)
            await self._queue.hide(message, delay=delay)

    async def _succeeds(self, message: QueueMessage, *, body: str) -> bool:
        finished = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, until=finished))
        try:
            await self._handler.call(_trigger_message(message, body=body))
        except Exception:
            logger.exception("function.failed name=%s message=%s", self._handler.name, message.id)
            return False
        finally:
            # Waited for, not cancelled: a renewal under way changes the receipt that the deletion needs.
            finished.set()
            await renewal
        return True

    async def _renew(self, message: QueueMessage, *, until: asyncio.Event) -> None:
        lease = self._settings.lease
        while not until.is_set():
            try:
                async with asyncio.timeout(lease.total_seconds() / 2):
                    await until.wait()
            except TimeoutError:
                await self._hide_or_report(message, delay=lease)

    async def _hide_or_report(self, message: QueueMessage, *, delay: timedelta) -> None:
        try:
            await self._queue.hide(message, delay=delay)
        except AzureError as error:
            self._report_lost(message, error=error)

    def _report_lost(self, message: QueueMessage, *, error: AzureError) -> None:
        name = self._queue.name
        logger.warning("message.not_settled queue=%s id=%s error=%s", name, message.id, error)

    def _decode(self, message: QueueMessage) -> str:
        text = str(message.content)
        if not self._settings.base64:
            return text
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("the body is not base64 of UTF-8") from error


def _trigger_message(message: QueueMessage, *, body: str) -> TriggerMessage:
    return TriggerMessage(
        id=message.id,
        body=body,
        dequeue_count=message.dequeue_count,
        expiration_time=message.expires_on,
        insertion_time=message.inserted_on,
        time_next_visible=message.next_visible_on,
        pop_receipt=message.pop_receipt,
    )
