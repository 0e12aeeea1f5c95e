"""The worker: claim a job, check its machine, ask for the install once, and end; it never waits for the machine.

*At most one install*: only the process that wrote `starting` sends the request, once. Only proof that nothing was
started lets that same process write `queued` or an outcome; whatever else happens makes the job `uncertain`, and not
finding its install never permits a second request.
"""

import logging
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import logs
from shared.application.documents import parse_configuration
from shared.application.ports import (
    Accepted,
    InstallOrder,
    InstallReply,
    MachineLock,
    NotNow,
    Refused,
    Services,
    StaleError,
    Uncertain,
)
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.eligibility import GONE, refusal
from shared.domain.machine import Ineligible, MachineState, MachineType
from shared.domain.records import Cancellation, Job, JobChange, Run, RunId, job_key, move
from shared.domain.run import Outcome, Phase, Reason, Target, Writer
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)

_HELD = {
    "throttled": Reason.PATCH_BUDGET,
    "busy": Reason.BUSY,
    "unreachable": Reason.OUTAGE,
    "unprepared": Reason.OUTAGE,
    "late": Reason.CUT_OFF,
    "cancelled": Reason.CANCELLED_BY_CALLER,
}


async def start_job(services: Services, run_id: RunId, machine_id: str) -> None:
    """Start the job of a machine, if it is dispatched; otherwise nothing happens."""
    job = await services.jobs.get(run_id, job_key(machine_id))
    if job is None:
        logs.event(_log, "job.unknown", level=logging.WARNING, run=run_id.text, machine=machine_id)
        return
    if job.phase is not Phase.DISPATCHED:
        return
    try:
        claimed = await _claim(services, run_id, job)
        # Read after the claim: a cancellation that was acknowledged before it is seen.
        if run := await services.runs.get(run_id):
            await _Worker(services, run).work_on(claimed)
    except StaleError:
        # A twin of this message, or the next pass, was first: the row is theirs.
        logs.event(_log, "job.lost", run=run_id.text, machine=machine_id)


def client_request_id(run_id: RunId, key: str) -> str:
    """What travels with a job's request as `x-ms-client-request-id`: it is the same whoever sends it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id.text.lower()}/{key}"))


async def _claim(services: Services, run_id: RunId, job: Job) -> Job:
    until = services.clock.now() + services.limits.claim
    claim = uuid.uuid4().hex
    return await _write(services, run_id, job, Phase.CLAIMED, claim=claim, claimed_until=until)


async def _write(services: Services, run_id: RunId, job: Job, target: Target, **fields: Any) -> Job:
    """Move a job under the ETag of the write before; raises `StaleError`."""
    change = move(job, target, by=Writer.START_JOB, **fields)
    etag = await services.jobs.change(run_id, change)
    logs.event(_log, f"job.{target.lower()}", run=run_id.text, machine=job.machine_id)
    return replace(job, **change.columns, etag=etag)


def _known_beforehand(order: InstallOrder) -> dict[str, str]:
    """What an install is asked after by, where that does not come with the reply.

    A server on premises keeps it under the request's own id, so that it is found whatever becomes of the reply.
    """
    if order.machine.type is not MachineType.SERVER:
        return {}
    return {"operation": order.client_request_id, "activity_id": order.client_request_id}


class _Worker:
    """One attempt at one claimed job: every write is conditional on the one before it."""

    def __init__(self, services: Services, run: Run) -> None:
        self._services = services
        self._run = run
        self._limits = services.limits
        self._install_before = ""

    async def work_on(self, job: Job) -> None:
        if self._run.cancellation:
            await self._end_cancelled(job, self._run.cancellation)
        elif self._is_late(job):
            await self._end_late(job)
        elif holder := await self._held_by_other(job):
            await self._wait_for(job, holder)
        else:
            await self._inspect(job)

    async def _inspect(self, job: Job) -> None:
        try:
            state = await self._services.patching.inspect(job.machine_id, job.machine_type)
        except UnavailableError as error:
            await self._queue_again(job, self._limits.busy_again, Reason.OUTAGE, error.message)
            return
        configuration = parse_configuration(self._run.configuration_id, self._run.document)
        why = refusal(state, configuration)
        if why or state is None:
            await self._end(job, Outcome.SKIPPED, why or GONE)
        else:
            await self._prepare(job, self._order(job, state, configuration))

    async def _prepare(self, job: Job, order: InstallOrder) -> None:
        match await self._services.patching.prepare(order):
            case NotNow() as reply:
                await self._queue_again(job, reply.again_in, _HELD[reply.cause], reply.message)
            case Ineligible() as why:
                await self._end(job, Outcome.SKIPPED, why)
            case None:
                await self._start(job, order)

    async def _start(self, job: Job, order: InstallOrder) -> None:
        now = self._services.clock.now()
        job = await self._move(
            job,
            Phase.STARTING,
            starting_at=now,
            claimed_until=now + self._limits.claim,
            maximum_duration=order.maximum_duration,
            **_known_beforehand(order),
            location=order.machine.location,
            os_type=order.os_type,
            preceded_by=self._install_before or job.preceded_by,
        )
        # Dying from here on leaves `starting`: the next pass makes it `uncertain`, and it is looked for.
        await self._record(job, await self._ask(job, order))

    async def _ask(self, job: Job, order: InstallOrder) -> InstallReply:
        """Ask for the install, unless it may no longer be: until it is sent, nothing has been started.

        The run is read once more: a cancellation that was acknowledged before `starting` was written holds.
        """
        try:
            run = await self._services.runs.get(self._run.id)
        except UnavailableError as error:
            return self._not_now("unreachable", error.message)
        if run is None or run.cancellation:
            return self._not_now("cancelled", "The run was cancelled before the install was sent.")
        if self._is_late(job):
            return self._not_now("late", "The cut-off passed before the install was sent.")
        order = replace(order, maximum_duration=self._time_left(job))
        return await self._services.patching.install(order)

    def _not_now(self, cause: str, message: str) -> NotNow:
        return NotNow(message=message, cause=cause, again_in=self._limits.busy_again)

    async def _record(self, job: Job, reply: InstallReply) -> None:
        match reply:
            case Accepted():
                await self._record_accepted(job, reply)
            case Uncertain():
                await self._move(job, Phase.UNCERTAIN, message=reply.message)
            case NotNow():
                await self._queue_again(job, reply.again_in, _HELD[reply.cause], reply.message)
            case Refused():
                await self._end(
                    job, Outcome.FAILED, Ineligible(reason=Reason.REFUSED, message=reply.message)
                )

    async def _record_accepted(self, job: Job, reply: Accepted) -> None:
        try:
            await self._move(
                job,
                Phase.STARTED,
                operation=reply.operation,
                activity_id=reply.activity_id,
                budget_left=reply.budget_left,
            )
        except StaleError:
            # We took so long that a pass made the job `uncertain`. What we know helps to find it.
            late = await self._services.jobs.get(self._run.id, job.key)
            if late and late.phase is Phase.UNCERTAIN and late.claim == job.claim:
                note = {"operation": reply.operation, "activity_id": reply.activity_id}
                change = JobChange(key=late.key, etag=late.etag, columns=note)
                await self._services.jobs.change(self._run.id, change)

    async def _held_by_other(self, job: Job) -> MachineLock | None:
        """Take the machine's lock; the lock of the job that holds it, if another one does."""
        wanted = MachineLock(
            machine_key=job.machine_id.lower(),
            run_id=self._run.id,
            job_key=job.key,
            taken_at=self._services.clock.now(),
        )
        held = await self._services.locks.get(wanted.machine_key)
        if held and held.run_id.text.lower() == self._run.id.text.lower():
            return None
        if held and not await self._is_free(held):
            return held
        try:
            await self._services.locks.take(wanted, over=held)
        except StaleError:
            return await self._services.locks.get(wanted.machine_key)
        return None

    async def _is_free(self, held: MachineLock) -> bool:
        """A lock is free when its job is gone or has ended; an `Unknown` one holds it for a day."""
        owner = await self._services.jobs.get(held.run_id, held.job_key)
        self._install_before = owner.activity_id if owner else ""
        if owner is None or owner.phase is not Phase.ENDED:
            return owner is None
        if owner.outcome is not Outcome.UNKNOWN or owner.ended_at is None:
            return True
        return self._services.clock.now() - owner.ended_at >= self._limits.correction

    async def _wait_for(self, job: Job, holder: MachineLock) -> None:
        message = f"The machine is being patched by {holder.run_id.text}."
        now = self._services.clock.now()
        if now + self._limits.busy_again > self._cut_off(job):
            await self._end(job, Outcome.SKIPPED, Ineligible(reason=Reason.BUSY, message=message))
        else:
            await self._queue_again(job, self._limits.busy_again, Reason.BUSY, message)

    async def _end_cancelled(self, job: Job, cancellation: Cancellation) -> None:
        why = Ineligible(
            reason=cancellation.reason, message=f"The run was cancelled by {cancellation.by}."
        )
        await self._end(job, Outcome.CANCELLED, why)

    async def _end_late(self, job: Job) -> None:
        if job.held_by is Reason.BUSY:
            held = Ineligible(reason=Reason.BUSY, message=job.held_message)
            await self._end(job, Outcome.SKIPPED, held)
            return
        reason = job.held_by or Reason.CUT_OFF
        message = job.held_message or "The cut-off passed before the job could start."
        await self._end(job, Outcome.TIMED_OUT, Ineligible(reason=reason, message=message))

    async def _end(self, job: Job, outcome: Outcome, why: Ineligible) -> None:
        await self._move(
            job,
            outcome,
            reason=why.reason,
            message=why.message,
            ended_at=self._services.clock.now(),
        )

    async def _queue_again(
        self, job: Job, again_in: timedelta, reason: Reason, message: str
    ) -> None:
        await self._move(
            job,
            Phase.QUEUED,
            not_before=self._services.clock.now() + again_in,
            held_by=reason,
            held_message=message,
        )

    async def _move(self, job: Job, target: Target, **fields: Any) -> Job:
        return await _write(self._services, self._run.id, job, target, **fields)

    def _cut_off(self, job: Job) -> datetime:
        return self._limits.cut_off(self._run.ends_at, job.machine_type)

    def _is_late(self, job: Job) -> bool:
        """Whether the cut-off has passed, for whichever of the workers' clocks is ahead."""
        return self._services.clock.now() + self._limits.skew > self._cut_off(job)

    def _time_left(self, job: Job) -> timedelta:
        """What remains of the window, capped where it is sent to Azure."""
        remaining = self._run.ends_at - self._services.clock.now()
        if job.machine_type is MachineType.SERVER:
            return remaining
        return min(remaining, self._limits.maximum_duration)

    def _order(
        self, job: Job, state: MachineState, configuration: MaintenanceConfiguration
    ) -> InstallOrder:
        os_type, patches = state.machine.os_type, configuration.effective
        if os_type is None or patches is None:
            raise ValueError("Only a machine that passed its checks is ordered to install.")
        return InstallOrder(
            machine=state.machine,
            os_type=os_type,
            install_patches=patches,
            maximum_duration=self._time_left(job),
            client_request_id=client_request_id(self._run.id, job.key),
        )
