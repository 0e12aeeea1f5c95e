"""The first pass over a run freezes what its configuration is attached to: later edits change later runs.

Scopes and static machines become one row each in the run's partition. A pass that died in the middle is repeated:
what is no longer attached is taken out again, since nothing is dispatched before the run is marked as frozen. Only rows
that were seen under the lease are taken out, by ETag: a pass that was overtaken removes nothing of its successor's. The
lease is prolonged while the freeze goes on, so that many assignments or a slow storage don't make it start anew.

Many machines that are assigned by themselves are looked up in the inventory, for Azure's budgets go by region. A few
are not worth the question, and none is left out because the inventory does not know it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from shared.application.callers import TIMER
from shared.application.change_run import change_leased
from shared.application.concurrency import gather_bounded
from shared.application.ports import FrozenScope, Services, StaleError, StoredAssignment
from shared.application.read_inventory import read_page
from shared.domain.ids import ResourceId
from shared.domain.machine import Machine, MachineType
from shared.domain.records import Cancellation, Job, Run, job_key
from shared.domain.run import Reason
from shared.domain.scope import Filter, Scope
from shared.errors import UnavailableError

_LOOKS_FOR = timedelta(seconds=30)
"""How long regions are looked for: the freeze has to end within the time of a function, and its lease."""
_FEW = 100
"""Machines of a subscription whose regions need not be known: no budget holds so few back."""


async def freeze_run(services: Services, run: Run) -> Run:
    """The frozen run; raises `StaleError` when the lease was lost."""
    if run.frozen_at:
        return run
    if run.cancellation is None and await _is_gone(services, run):
        gone = Cancellation(
            at=services.clock.now(), by=TIMER.name, reason=Reason.CONFIGURATION_GONE
        )
        run = await change_leased(services, run, cancellation=gone)
    if run.cancellation:
        now = services.clock.now()
        return await change_leased(services, run, frozen_at=now, resolved_at=now)
    there = await _rows_of(services, run)
    if run.leased_until is None or services.clock.now() >= run.leased_until:
        raise StaleError(run.id.text)  # what was read may be a successor's
    await _freeze(services, run, there)
    return await change_leased(services, run, frozen_at=services.clock.now())


async def _is_gone(services: Services, run: Run) -> bool:
    stored = await services.configurations.get(run.configuration_id)
    return stored is None or stored.deleting


async def _rows_of(services: Services, run: Run) -> dict[str, str]:
    """The ETags of the rows that an unfinished freeze left, by key."""
    there = {job.key: job.etag async for job in services.jobs.glance(run.id)}
    return there | {scope.key: scope.etag async for scope in services.jobs.scopes(run.id)}


async def _freeze(services: Services, run: Run, there: Mapping[str, str]) -> None:
    jobs: list[Job] = []
    scopes: list[FrozenScope] = []
    if run.target:
        jobs.append(_job(run.target, matched_by=run.id.text))
    else:
        async for assignment in services.assignments.list_of(run.configuration_id):
            run = await _prolonged(services, run)
            if (
                assignment.is_dynamic
            ):  # its filter is not read here: one that can't be must not stop the others
                scopes.append(_scope(assignment))
            else:
                jobs.append(_job(assignment.scope_id, matched_by=assignment.id))
    jobs = await _with_locations(services, run, jobs)
    wanted = {job.key for job in jobs} | {scope.key for scope in scopes}
    await services.jobs.remove(run.id, {k: etag for k, etag in there.items() if k not in wanted})
    await services.jobs.insert(run.id, jobs)
    puts = (services.jobs.put_scope(run.id, scope) for scope in scopes)
    await gather_bounded(puts, services.limits.parallel)


async def _with_locations(services: Services, run: Run, jobs: Sequence[Job]) -> list[Job]:
    """The jobs, with what could be found out in a while; raises `StaleError` when the lease was lost over it."""
    counts = Counter(job.subscription.lower() for job in jobs)
    many = sorted(one for one, count in counts.items() if count > _FEW)
    if not many:
        return list(jobs)
    locations: dict[str, str] = {}
    until = services.clock.now() + _LOOKS_FOR
    with suppress(UnavailableError):
        for subscription in many:
            async for machine in _machines(services, run, subscription, until=until):
                locations[job_key(machine.id)] = machine.location
    # What is written from here on must not meet a successor's rows.
    await change_leased(services, run, leased_until=services.clock.now() + services.limits.claim)
    return [replace(job, location=locations.get(job.key, "")) for job in jobs]


async def _machines(
    services: Services, run: Run, subscription: str, *, until: datetime
) -> AsyncIterator[Machine]:
    everything = Scope(assignment_id="", subscription=subscription, filter=Filter())
    after: str | None = ""
    while after is not None and services.clock.now() < until:
        page = await read_page(services, everything, after=after, since=run.created_at)
        for machine in page.machines:
            yield machine
        after = page.last


async def _prolonged(services: Services, run: Run) -> Run:
    """The run with at least half its lease to come; raises `StaleError` when the lease was lost."""
    now, claim = services.clock.now(), services.limits.claim
    if run.leased_until and run.leased_until - now >= claim / 2:
        return run
    return await change_leased(services, run, leased_until=now + claim)


def _job(machine_id: str, *, matched_by: str) -> Job:
    parsed = ResourceId.parse(machine_id)
    return Job(
        key=job_key(machine_id),
        machine_id=machine_id,
        machine_type=MachineType(parsed.type),
        subscription=parsed.subscription,
        matched_by=matched_by,
    )


def _scope(assignment: StoredAssignment) -> FrozenScope:
    return FrozenScope(key=f"scope-{job_key(assignment.id)}", assignment=assignment)
