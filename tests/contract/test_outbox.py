"""The outbox: the fake keeps the texts that the real queues deliver."""

import base64
import binascii
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue.aio import QueueServiceClient

from shared.adapters.memory.queues import MemoryOutbox
from shared.adapters.storage.queues import AzureOutbox
from shared.application.messages import JOBS, RUNS, decode_job_message, decode_run_message
from shared.domain.records import RunId
from tests.builders import CONFIGURATION, a_machine

RUN = RunId(configuration_id=CONFIGURATION + "-ü", key="20260602020000")
MACHINE = a_machine("it's-1").id
LIFE = timedelta(minutes=10)


@pytest.fixture
async def queues(azurite: str) -> AsyncIterator[QueueServiceClient]:
    """Queue Storage without our two queues."""
    async with QueueServiceClient.from_connection_string(
        azurite, transport=AioHttpTransport(use_env_settings=False)
    ) as service:
        for name in (RUNS, JOBS):
            try:
                await service.delete_queue(name)
            except ResourceNotFoundError:
                continue
        yield service


async def texts(queues: QueueServiceClient, name: str) -> list[str]:
    """What the host would hand over: every message, decoded from base64."""
    found = [one async for one in queues.get_queue_client(name).receive_messages()]
    return [base64.b64decode(one.content, validate=True).decode() for one in found]


async def test_real_queues_deliver_what_the_fake_keeps(queues: QueueServiceClient) -> None:
    fake, real = MemoryOutbox(), AzureOutbox(queues)
    await real.prepare()
    for outbox in (fake, real):
        await outbox.ask_for_pass(RUN, time_to_live=LIFE)
        await outbox.ask_for_start(RUN, MACHINE)
        await outbox.ask_for_start(RUN, MACHINE.upper())
    for name in (RUNS, JOBS):
        assert await texts(queues, name) == fake.queues[name]
    assert [json.loads(text) for text in fake.queues[RUNS]] == [{"v": 1, "run": RUN.text}]


async def test_messages_say_what_they_were_sent_for(queues: QueueServiceClient) -> None:
    outbox = AzureOutbox(queues)
    await outbox.prepare()
    await outbox.ask_for_pass(RUN, time_to_live=LIFE)
    await outbox.ask_for_start(RUN, MACHINE)
    (of_run,) = await texts(queues, RUNS)
    (of_job,) = await texts(queues, JOBS)
    start = decode_job_message(of_job)
    assert decode_run_message(of_run).model_dump() == {"v": 1, "run": RUN.text}
    assert (start.run, start.machine) == (RUN.text, MACHINE)


async def test_request_for_a_pass_expires_and_one_for_a_start_lives_a_week(
    queues: QueueServiceClient,
) -> None:
    outbox = AzureOutbox(queues)
    await outbox.prepare()
    await outbox.ask_for_pass(RUN, time_to_live=LIFE)
    await outbox.ask_for_start(RUN, MACHINE)
    lives = {}
    for name in (RUNS, JOBS):
        (message,) = await queues.get_queue_client(name).peek_messages()
        assert message.expires_on
        assert message.inserted_on
        lives[name] = message.expires_on - message.inserted_on
    assert lives == {RUNS: LIFE, JOBS: timedelta(days=7)}


async def test_queue_that_is_not_there_is_made_on_demand(queues: QueueServiceClient) -> None:
    outbox = AzureOutbox(queues)
    await outbox.ask_for_start(RUN, MACHINE)
    await outbox.ask_for_pass(RUN, time_to_live=LIFE)
    assert len(await texts(queues, RUNS)) == len(await texts(queues, JOBS)) == 1


async def test_preparing_twice_keeps_what_is_queued(queues: QueueServiceClient) -> None:
    outbox = AzureOutbox(queues)
    await outbox.prepare()
    await outbox.ask_for_start(RUN, MACHINE)
    await outbox.prepare()
    assert len(await texts(queues, JOBS)) == 1


def test_plain_text_is_not_taken_for_base64() -> None:
    """Why the encoding is tested at all: a plain message would be refused by the host."""
    with pytest.raises(binascii.Error):
        base64.b64decode('{"v": 1}', validate=True)
