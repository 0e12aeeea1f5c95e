"""What a message of either queue makes happen, and what happens to one that could not be worked on.

A malformed message raises, and the host poisons it after its tries; a poisoned one is kept for a person to look at.
Nothing waits for it: each minute's pass goes on with what it named, and the cut-off ends what never started.
"""

import logging
from contextlib import suppress
from dataclasses import replace

from shared import logs
from shared.application.callers import MESSAGE
from shared.application.change_run import change_run
from shared.application.messages import (
    JOBS,
    RUNS,
    RunRequest,
    StartRequest,
    decode_job_message,
    decode_run_message,
)
from shared.application.ports import Services, StaleError
from shared.application.reconcile_run import FAILED_NOTE, reconcile_run
from shared.application.start_job import start_job
from shared.application.start_run import start_configuration_run
from shared.domain.records import Run, RunId, job_key, move
from shared.domain.run import Phase, Writer
from shared.errors import InvalidRequestError

_log = logging.getLogger(__name__)

_FAILED = "failed again and again: see the log"
_LOST = "The worker failed while it asked for the install: it may have been started."


async def handle_run_message(services: Services, body: str) -> None:
    """A message of the queue `runs`; raises `InvalidRequestError` when it is malformed."""
    message = decode_run_message(body)
    if isinstance(message, RunRequest):
        await start_configuration_run(
            services, message.configuration, caller=MESSAGE, request_id=message.requestId
        )
    else:
        await reconcile_run(services, RunId.parse(message.run))


async def handle_job_message(services: Services, body: str) -> None:
    """A message of the queue `jobs`; raises `InvalidRequestError` when it is malformed."""
    message = decode_job_message(body)
    await start_job(services, RunId.parse(message.run), message.machine)


async def handle_poisoned_run_message(services: Services, body: str) -> None:
    """Keep the message, and note on its run that a pass failed; the next tick goes on with the run."""
    try:
        message = decode_run_message(body)
    except InvalidRequestError as error:
        await _keep(services, RUNS, body, reason=error.message)
        return
    if isinstance(message, RunRequest):
        found = await services.configurations.get(message.configuration)
        missing = f"There is no maintenance configuration {message.configuration}."
        await _keep(services, RUNS, body, reason=_FAILED if found else missing)
        return
    await _keep(services, RUNS, body, reason=_FAILED)
    await change_run(services, RunId.parse(message.run), _noted)


async def handle_poisoned_job_message(services: Services, body: str) -> None:
    """Keep the message; a `starting` job becomes `uncertain`, any other is sent again until its cut-off ends it."""
    try:
        message = decode_job_message(body)
    except InvalidRequestError as error:
        await _keep(services, JOBS, body, reason=error.message)
        return
    await _keep(services, JOBS, body, reason=_FAILED)
    with suppress(StaleError):
        await _doubt(services, message)


async def _keep(services: Services, queue: str, body: str, *, reason: str) -> None:
    await services.poisoned.keep(queue, body, reason=reason, at=services.clock.now())
    logs.event(_log, "message.poisoned", level=logging.ERROR, queue=queue, reason=reason)


def _noted(run: Run) -> Run | None:
    return replace(run, message=FAILED_NOTE) if run.status.is_open else None


async def _doubt(services: Services, message: StartRequest) -> None:
    """A `starting` job whose message was poisoned may have been started; others are sent again until their cut-off."""
    run_id = RunId.parse(message.run)
    job = await services.jobs.get(run_id, job_key(message.machine))
    if job and job.phase is Phase.STARTING:
        change = move(job, Phase.UNCERTAIN, by=Writer.START_JOB, message=_LOST)
        await services.jobs.change(run_id, change)
