"""The two queues and their poison queues.

A malformed message raises, so that the host tries it a few times and then moves it to the poison queue.
"""

import azure.functions as func

from shared import bootstrap
from shared.application import handle_messages
from shared.application.messages import JOBS, RUNS

STORAGE = "AzureWebJobsStorage"

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=RUNS, connection=STORAGE)
async def reconcile_run(message: func.QueueMessage) -> None:
    """Start a run on demand, or bring one a pass further."""
    await handle_messages.handle_run_message(await bootstrap.services(), _text(message))


@blueprint.queue_trigger(arg_name="message", queue_name=JOBS, connection=STORAGE)
async def start_job(message: func.QueueMessage) -> None:
    """Start the install of one machine."""
    await handle_messages.handle_job_message(await bootstrap.services(), _text(message))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{RUNS}-poison", connection=STORAGE)
async def record_poisoned_run(message: func.QueueMessage) -> None:
    """Keep what could not be worked on."""
    await handle_messages.handle_poisoned_run_message(await bootstrap.services(), _text(message))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{JOBS}-poison", connection=STORAGE)
async def record_poisoned_job(message: func.QueueMessage) -> None:
    """Keep what could not be worked on, and end its job truthfully."""
    await handle_messages.handle_poisoned_job_message(await bootstrap.services(), _text(message))


def _text(message: func.QueueMessage) -> str:
    return message.get_body().decode("utf-8", errors="replace")
