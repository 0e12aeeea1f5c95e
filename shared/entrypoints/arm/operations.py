"""The operations of Microsoft.Maintenance: each decodes a request, awaits one use case, and encodes its outcome."""

from collections.abc import Awaitable, Callable

from shared.application import (
    assignments,
    cancel_run,
    configurations,
    history,
    pending_updates,
    start_run,
)
from shared.application.bodies import read_body
from shared.application.ports import Services, StoredAssignment, StoredConfiguration
from shared.entrypoints.arm.catalogue import CATALOGUE
from shared.entrypoints.arm.paging import listed_in_pages
from shared.entrypoints.arm.replies import Json, Reply, deleted, found, listed, written
from shared.entrypoints.arm.requests import ArmRequest
from shared.entrypoints.arm.schemas import (
    CancelBody,
    StartBody,
    assignment_resource,
    cancelled_run_resource,
    configuration_resource,
    pending_update_resource,
    run_resource,
    with_authors,
)

Operation = Callable[[Services, ArmRequest], Awaitable[Reply]]


async def list_operations(services: Services, request: ArmRequest) -> Reply:
    return listed(CATALOGUE)


async def put_configuration(services: Services, request: ArmRequest) -> Reply:
    outcome = await configurations.put_configuration(
        services,
        request.address.id,
        document=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, _configuration(request, outcome.stored), etag=outcome.stored.etag)


async def patch_configuration(services: Services, request: ArmRequest) -> Reply:
    outcome = await configurations.patch_configuration(
        services,
        request.address.id,
        changes=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, _configuration(request, outcome.stored), etag=outcome.stored.etag)


async def get_configuration(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.get_configuration(
        services, request.address.id, caller=request.caller
    )
    return found(request, _configuration(request, stored), etag=stored.etag)


async def delete_configuration(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.delete_configuration(
        services, request.address.id, caller=request.caller, preconditions=request.preconditions
    )
    return deleted(_configuration(request, stored) if stored else None)


async def list_configurations(services: Services, request: ArmRequest) -> Reply:
    stored = await configurations.list_configurations(
        services, request.address.parent, caller=request.caller
    )
    return listed_in_pages(request, [_configuration(request, one) for one in stored])


async def put_assignment(services: Services, request: ArmRequest) -> Reply:
    outcome = await assignments.put_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        document=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, _assignment(request, outcome.stored), etag=outcome.stored.etag)


async def patch_assignment(services: Services, request: ArmRequest) -> Reply:
    outcome = await assignments.patch_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        changes=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, _assignment(request, outcome.stored), etag=outcome.stored.etag)


async def get_assignment(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.get_assignment(
        services, request.address.parent, name=request.address.name, caller=request.caller
    )
    return found(request, _assignment(request, stored), etag=stored.etag)


async def delete_assignment(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.delete_assignment(
        services,
        request.address.parent,
        name=request.address.name,
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return deleted(_assignment(request, stored) if stored else None)


async def list_assignments(services: Services, request: ArmRequest) -> Reply:
    stored = await assignments.list_assignments(
        services, request.address.parent, caller=request.caller
    )
    return listed_in_pages(request, [_assignment(request, one) for one in stored])


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
    return Reply(body=cancelled_run_resource(run))


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
    return listed_in_pages(request, [run_resource(run) for run in runs])


async def get_machine_run(services: Services, request: ArmRequest) -> Reply:
    run = await history.get_machine_run(
        services, request.address.parent, key=request.address.name, caller=request.caller
    )
    return Reply(body=run_resource(run))


async def get_latest_machine_run(services: Services, request: ArmRequest) -> Reply:
    run = await history.get_latest_machine_run(
        services, request.address.parent, caller=request.caller
    )
    return Reply(body=run_resource(run))


async def put_machine_run(services: Services, request: ArmRequest) -> Reply:
    read_body(CancelBody, request.document(services.limits.body_bytes))
    run = await cancel_run.cancel_machine_run(
        services, request.address.parent, key=request.address.name, caller=request.caller
    )
    return Reply(body=cancelled_run_resource(run))


async def list_pending_updates(services: Services, request: ArmRequest) -> Reply:
    pending = await pending_updates.pending_update(
        services, request.address.parent, caller=request.caller
    )
    return listed([pending_update_resource(pending)] if pending else [])


def _check_start(services: Services, request: ArmRequest) -> None:
    if request.content:
        read_body(StartBody, request.document(services.limits.body_bytes))


def _configuration(request: ArmRequest, stored: StoredConfiguration) -> Json:
    resource = configuration_resource(stored)
    return with_authors(resource, stored) if request.is_recent else resource


def _assignment(request: ArmRequest, stored: StoredAssignment) -> Json:
    resource = assignment_resource(stored)
    return with_authors(resource, stored) if request.is_recent else resource
