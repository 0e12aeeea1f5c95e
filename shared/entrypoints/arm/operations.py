"""The operations: each decodes a request, awaits one use case, and encodes its outcome."""

from collections.abc import Awaitable, Callable

from shared.application import assignments, cancel_run, configurations, history, start_run
from shared.application.bodies import read_body
from shared.application.ports import Services
from shared.domain.run import Outcome
from shared.entrypoints.arm.paging import next_link, page_after, page_size
from shared.entrypoints.arm.replies import Reply, deleted, found, listed, written
from shared.entrypoints.arm.requests import ArmRequest
from shared.entrypoints.arm.schemas import (
    CancelBody,
    StartBody,
    assignment_resource,
    configuration_resource,
    job_resource,
    run_resource,
    update_resource,
)
from shared.errors import InvalidRequestError

Operation = Callable[[Services, ArmRequest], Awaitable[Reply]]


async def list_operations(services: Services, request: ArmRequest) -> Reply:
    return listed([])


async def put_configuration(services: Services, request: ArmRequest) -> Reply:
    outcome = await configurations.put_configuration(
        services,
        request.address.id,
        document=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, configuration_resource(outcome.stored), etag=outcome.stored.etag)


async def patch_configuration(services: Services, request: ArmRequest) -> Reply:
    outcome = await configurations.patch_configuration(
        services,
        request.address.id,
        changes=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, configuration_resource(outcome.stored), etag=outcome.stored.etag)


async def get_configuration(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.get_configuration(
        services, request.address.id, caller=request.caller
    )
    return found(request, configuration_resource(stored), etag=stored.etag)


async def delete_configuration(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.delete_configuration(
        services, request.address.id, caller=request.caller, preconditions=request.preconditions
    )
    return deleted(configuration_resource(stored) if stored else None)


async def list_configurations(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.list_configurations(
        services, request.address.parent, caller=request.caller
    )
    return listed([configuration_resource(one) for one in stored])


async def put_assignment(services: Services, request: ArmRequest) -> Reply:
    outcome = await assignments.put_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        document=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, assignment_resource(outcome.stored), etag=outcome.stored.etag)


async def patch_assignment(services: Services, request: ArmRequest) -> Reply:
    outcome = await assignments.patch_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        changes=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, assignment_resource(outcome.stored), etag=outcome.stored.etag)


async def get_assignment(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.get_assignment(
        services, request.address.parent, name=request.address.name, caller=request.caller
    )
    return found(request, assignment_resource(stored), etag=stored.etag)


async def delete_assignment(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.delete_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return deleted(assignment_resource(stored) if stored else None)


async def list_assignments(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.list_assignments(
        services, request.address.parent, caller=request.caller
    )
    return listed([assignment_resource(one) for one in stored])


async def start_configuration_run(services: Services, request: ArmRequest) -> Reply:
    _check_start(services, request)
    run = await start_run.start_configuration_run(
        services, request.address.parent, caller=request.caller
    )
    return Reply(body=run_resource(run))


async def start_machine_runs(services: Services, request: ArmRequest) -> Reply:
    _check_start(services, request)
    run = await start_run.start_machine_runs(
        services, request.address.parent, caller=request.caller
    )
    return Reply(body=run_resource(run))


async def put_run(services: Services, request: ArmRequest) -> Reply:
    read_body(CancelBody, request.document(services.limits.body_bytes))
    run = await cancel_run.cancel_run(services, request.address.run_id, caller=request.caller)
    return Reply(body=run_resource(run))


async def get_run(services: Services, request: ArmRequest) -> Reply:
    run = await history.get_run(services, request.address.run_id, caller=request.caller)
    return Reply(body=run_resource(run))


async def get_latest_run_on_demand(services: Services, request: ArmRequest) -> Reply:
    run = await history.get_latest_run_on_demand(
        services, request.address.parent, caller=request.caller
    )
    return Reply(body=run_resource(run))


async def list_runs(services: Services, request: ArmRequest) -> Reply:
    runs = await history.list_runs(services, request.address.parent, caller=request.caller)
    return listed([run_resource(run) for run in runs])


async def list_jobs(services: Services, request: ArmRequest) -> Reply:
    run_id = request.address.run_id
    page = await history.list_jobs(
        services,
        run_id,
        caller=request.caller,
        limit=page_size(request),
        outcome=_wanted_outcome(request),
        after=page_after(request),
    )
    jobs = [job_resource(run_id, job) for job in page.jobs]
    return listed(jobs, next_link=next_link(request, after=page.last))


async def get_job(services: Services, request: ArmRequest) -> Reply:
    run_id, key = request.address.run_id, request.address.job_key
    job = await history.get_job(services, run_id, key=key, caller=request.caller)
    return Reply(body=job_resource(run_id, job))


async def list_updates(services: Services, request: ArmRequest) -> Reply:
    updates = await history.list_updates(
        services, request.address.run_id, key=request.address.job_key, caller=request.caller
    )
    return listed([update_resource(update) for update in updates])


def _wanted_outcome(request: ArmRequest) -> Outcome | None:
    text = request.query.get("outcome", "")
    if not text:
        return None
    for outcome in Outcome:
        if outcome.lower() == text.lower():
            return outcome
    raise InvalidRequestError(f"outcome must be one of {', '.join(Outcome)}.", target="outcome")


def _check_start(services: Services, request: ArmRequest) -> None:
    if request.content:
        read_body(StartBody, request.document(services.limits.body_bytes))
