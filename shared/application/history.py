"""What happened: runs, their jobs, and the updates of each job, for reading only.

The counts that a run is shown with are those of its rows: an open one is counted when it is read, in one scan of a
few columns, since its own row counts what the last pass saw.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.application.callers import Caller, Role, require
from shared.application.concurrency import gather_bounded
from shared.application.find_machine import configurations_matching, find_machine
from shared.application.ports import Services
from shared.domain.dispatch import tally
from shared.domain.machine import Machine
from shared.domain.records import Job, Run, RunId, job_key, parse_run_key
from shared.domain.run import Outcome, RunStatus
from shared.domain.updates import UpdateRecord
from shared.errors import NotFoundError

_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs in the order of their keys; `last` is the key to go on after, or empty at the end."""

    jobs: tuple[Job, ...]
    last: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Runs, oldest first; `last` as in `JobPage`."""

    runs: tuple[Run, ...]
    last: str = ""


async def get_run(services: Services, run_id: RunId, *, caller: Caller) -> Run:
    """The run; raises `NotFoundError`."""
    require(caller, Role.READER)
    return await _counted(services, await _existing(services, run_id))


async def get_latest_run_on_demand(
    services: Services, configuration_id: str, *, caller: Caller
) -> Run:
    """The latest run of all its machines that was started on demand; raises `NotFoundError`."""
    require(caller, Role.READER)
    key = await services.runs.active_on_demand(configuration_id, target="")
    if not key:
        raise NotFoundError(f"No run of '{configuration_id}' was ever started on demand.")
    return await get_run(services, RunId(configuration_id=configuration_id, key=key), caller=caller)


async def list_runs(services: Services, scope_id: str, *, caller: Caller) -> list[Run]:
    """The runs of the configurations in a subscription or a resource group, deleted ones too."""
    require(caller, Role.READER)
    runs = [run async for run in services.runs.list_within(scope_id)]
    return await _all_counted(services, runs)


async def page_runs(
    services: Services,
    configuration_id: str,
    *,
    caller: Caller,
    limit: int,
    status: RunStatus | None = None,
    after: str = "",
) -> RunPage:
    """At most *limit* runs of a configuration that is there or was, of one status or of all, oldest first."""
    require(caller, Role.READER)
    runs: list[Run] = []
    last = ""
    async for run in services.runs.list(configuration_id, after=after):
        if status and run.status is not status:
            continue
        if len(runs) == limit:
            last = runs[-1].key
            break
        runs.append(run)
    return RunPage(runs=tuple(await _all_counted(services, runs)), last=last)


async def get_machine_run(services: Services, machine_id: str, *, key: str, caller: Caller) -> Run:
    """The run with this key, of a configuration that matches the machine now, in which the machine has a job.

    Raises `NotFoundError`, and `InvalidRequestError` for what is no machine or no run's key.
    """
    require(caller, Role.READER)
    parse_run_key(key)
    machine = (await find_machine(services, machine_id)).machine
    for configuration_id in await configurations_matching(services, machine):
        run = await services.runs.get(RunId(configuration_id=configuration_id, key=key))
        if run and await _has_machine(services, run, machine):
            return await _counted(services, run)
    raise NotFoundError(f"There is no run '{key}' of {machine_id}.")


async def get_latest_machine_run(services: Services, machine_id: str, *, caller: Caller) -> Run:
    """The latest run of this machine alone that was started on demand; raises as `get_machine_run`."""
    require(caller, Role.READER)
    machine = (await find_machine(services, machine_id)).machine
    found: list[Run] = []
    for configuration_id in await configurations_matching(services, machine):
        key = await services.runs.active_on_demand(configuration_id, target=machine.id)
        run_id = RunId(configuration_id=configuration_id, key=key)
        if key and (run := await services.runs.get(run_id)):
            found.append(run)
    if not found:
        raise NotFoundError(f"No run of {machine_id} was ever started on demand.")
    return await _counted(services, max(found, key=lambda run: run.key))


async def _existing(services: Services, run_id: RunId) -> Run:
    run = await services.runs.get(run_id)
    if run is None:
        raise NotFoundError(f"There is no run '{run_id.text}'.")
    return run


async def _all_counted(services: Services, runs: Iterable[Run]) -> list[Run]:
    return await gather_bounded((_counted(services, run) for run in runs), services.limits.parallel)


async def _counted(services: Services, run: Run) -> Run:
    """The run with the counts of its rows; its status stays the stored one, which the next pass settles."""
    if not run.status.is_open:
        return run
    found = tally([job async for job in services.jobs.glance(run.id)])
    return replace(run, counts=found.outcomes, open_jobs=found.open_jobs)


async def _has_machine(services: Services, run: Run, machine: Machine) -> bool:
    if run.target:
        return run.target.lower() == machine.key
    return await services.jobs.get(run.id, job_key(machine.id)) is not None


async def list_jobs(
    services: Services,
    run_id: RunId,
    *,
    caller: Caller,
    limit: int,
    outcome: Outcome | None = None,
    after: str = "",
) -> JobPage:
    """At most *limit* jobs of a run with keys after *after*, of one outcome or of all; raises `NotFoundError`."""
    require(caller, Role.READER)
    run = await _existing(services, run_id)
    jobs: list[Job] = []
    async for job in services.jobs.list(run.id, outcome=outcome or "", after=after):
        if len(jobs) == limit:
            return JobPage(jobs=tuple(jobs), last=jobs[-1].key)
        jobs.append(job)
    return JobPage(jobs=tuple(jobs))


async def get_job(services: Services, run_id: RunId, *, key: str, caller: Caller) -> Job:
    """One machine's job in a run; raises `NotFoundError`."""
    require(caller, Role.READER)
    # Rows of other kinds lie beside the jobs: what is no job's key is not asked for.
    job = await services.jobs.get(run_id, key) if _KEY.fullmatch(key) else None
    if job is None:
        raise NotFoundError(f"There is no job '{key}' in the run '{run_id.text}'.")
    return job


async def list_updates(
    services: Services, run_id: RunId, *, key: str, caller: Caller
) -> list[UpdateRecord]:
    """What became of each update of a job; empty as long as nothing was reported. Raises `NotFoundError`."""
    job = await get_job(services, run_id, key=key, caller=caller)
    return await services.updates.list(run_id, job.key)
