"""Resolving a run's frozen scopes into jobs, page by page in the order of machine ids.

After each page the scope's row says how far it has come, so a pass that died goes on there. A page that comes twice
inserts nothing twice. A scope that can't be read is tried again by every pass until the cut-off; the other scopes go
on.
"""

import logging
from dataclasses import replace
from datetime import datetime

from shared import logs
from shared.application.change_run import change_leased
from shared.application.documents import scope_of
from shared.application.ports import FrozenScope, Services
from shared.application.read_inventory import read_page
from shared.domain.machine import Machine, MachineType
from shared.domain.records import Job, Run, job_key
from shared.domain.run import Reason
from shared.domain.scope import Scope, matches
from shared.errors import InvalidRequestError, UnavailableError

_log = logging.getLogger(__name__)


async def resolve_scopes(services: Services, run: Run, *, until: datetime) -> Run:
    """The run, marked as resolved once every scope is done; raises `StaleError` when the lease was lost."""
    if run.resolved_at:
        return run
    open_scopes, problems = 0, list[str]()
    async for scope in services.jobs.scopes(run.id):
        if not scope.done and not run.cancellation and services.clock.now() <= run.ends_at:
            scope = await _resolve(services, run, scope, until=until)
        if not scope.done and _is_hopeless(services, run, scope):
            scope = await _give_up(services, run, scope)
        open_scopes += not scope.done
        problems += [scope.problem] if scope.done and scope.problem else []
    if open_scopes:
        return run
    return await _mark_resolved(services, run, problems)


def _is_hopeless(services: Services, run: Run, frozen: FrozenScope) -> bool:
    """Whether trying again is of no use: no machine of it could start any more."""
    now = services.clock.now()
    if run.cancellation or now > run.ends_at:
        return True
    last = services.limits.cut_off(run.ends_at, MachineType.SERVER)
    return bool(frozen.problem) and now > last


async def _resolve(
    services: Services, run: Run, frozen: FrozenScope, *, until: datetime
) -> FrozenScope:
    try:
        scope = scope_of(frozen.assignment)
    except InvalidRequestError as error:
        unreadable = replace(frozen, done=True, problem=error.message)
        return await services.jobs.put_scope(run.id, unreadable)
    if scope is None:
        raise ValueError(f"{frozen.assignment.id} is no dynamic scope.")
    while not frozen.done and services.clock.now() < until:
        frozen = await services.jobs.put_scope(
            run.id, await _resolve_page(services, run, frozen, scope)
        )
        if frozen.problem:
            break
    if frozen.done:
        logs.event(
            _log,
            "scope.resolved",
            run=run.id.text,
            scope=frozen.assignment.id,
            matched=frozen.matched,
        )
    return frozen


async def _resolve_page(
    services: Services, run: Run, frozen: FrozenScope, scope: Scope
) -> FrozenScope:
    try:
        page = await read_page(services, scope, after=frozen.after, since=run.created_at)
    except UnavailableError as error:
        return replace(frozen, problem=error.message)
    matched = [machine for machine in page.machines if matches(scope, machine)]
    await services.jobs.insert(run.id, [_job(machine, frozen) for machine in matched])
    return replace(
        frozen,
        after=page.last or frozen.after,
        seen=frozen.seen + len(page.machines),
        matched=frozen.matched + len(matched),
        done=page.last is None,
        problem="",
    )


async def _give_up(services: Services, run: Run, frozen: FrozenScope) -> FrozenScope:
    problem = (
        ""
        if run.cancellation
        else frozen.problem or "Time ran out before all its machines were read."
    )
    given_up = replace(frozen, done=True, problem=problem)
    return await services.jobs.put_scope(run.id, given_up)


async def _mark_resolved(services: Services, run: Run, problems: list[str]) -> Run:
    now = services.clock.now()
    if not problems:
        return await change_leased(services, run, resolved_at=now)
    return await change_leased(
        services,
        run,
        resolved_at=now,
        unresolved_scopes=len(problems),
        reason=Reason.NOT_READABLE,
        message=f"{len(problems)} scopes could not be resolved: {problems[0]}",
    )


def _job(machine: Machine, frozen: FrozenScope) -> Job:
    return Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=machine.type,
        subscription=machine.subscription,
        location=machine.location,
        os_type=machine.os_type,
        matched_by=frozen.assignment.id,
    )
