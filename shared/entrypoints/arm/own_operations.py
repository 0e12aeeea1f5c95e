"""Muster's own operations, which Azure does not have: what will be, what was, and what is asked of machines."""

from enum import StrEnum
from typing import TypeVar

from shared.application import (
    ask_machines,
    history,
    preview_configuration,
    read_assessments,
    servers,
)
from shared.application.bodies import read_body
from shared.application.choose_machines import Choice
from shared.application.ports import Services, StoredServer
from shared.domain.ids import ResourceId
from shared.domain.run import Outcome, RunStatus
from shared.entrypoints.arm.own_schemas import (
    AskBody,
    assessment_resource,
    foretold_resource,
    preview_members,
    request_resource,
)
from shared.entrypoints.arm.paging import next_link, page_after, page_of, page_size
from shared.entrypoints.arm.replies import Json, Reply, deleted, found, listed, written
from shared.entrypoints.arm.requests import ArmRequest
from shared.entrypoints.arm.schemas import (
    job_resource,
    run_resource,
    server_resource,
    update_resource,
    with_authors,
)
from shared.errors import InvalidRequestError

LARGEST_PREVIEW = 100
"""Machines in one page of a preview: their assessments are read with them."""

E = TypeVar("E", bound=StrEnum)


async def preview(services: Services, request: ArmRequest) -> Reply:
    foretold = await preview_configuration.preview_configuration(
        services,
        request.address.resource_id,
        body=request.document(services.limits.body_bytes) if request.content else {},
        caller=request.caller,
        limit=page_size(request, largest=LARGEST_PREVIEW),
        after=page_after(request),
    )
    machines = [foretold_resource(one) for one in foretold.machines]
    page = listed(machines, next_link=next_link(request, after=foretold.last))
    return Reply(body={**preview_members(foretold), **(page.body or {})})


async def page_runs(services: Services, request: ArmRequest) -> Reply:
    page = await history.page_runs(
        services,
        request.address.parent,
        caller=request.caller,
        limit=page_size(request),
        status=_wanted(request, "status", RunStatus),
        after=page_after(request),
    )
    runs = [run_resource(run) for run in page.runs]
    return listed(runs, next_link=next_link(request, after=page.last))


async def list_jobs(services: Services, request: ArmRequest) -> Reply:
    run_id = request.address.run_id
    page = await history.list_jobs(
        services,
        run_id,
        caller=request.caller,
        limit=page_size(request),
        outcome=_wanted(request, "outcome", Outcome),
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


async def get_assessment(services: Services, request: ArmRequest) -> Reply:
    assessment, asked = await read_assessments.get_assessment(
        services, request.address.parent, caller=request.caller
    )
    return Reply(body=assessment_resource(request.address.id, assessment, asked))


async def assess(services: Services, request: ArmRequest) -> Reply:
    asked = await ask_machines.assess_machines(
        services, _choice(services, request), caller=request.caller
    )
    return listed([request_resource(one) for one in asked])


async def consent(services: Services, request: ArmRequest) -> Reply:
    asked = await ask_machines.give_consent(
        services, _choice(services, request), caller=request.caller
    )
    return listed([request_resource(one) for one in asked])


async def put_server(services: Services, request: ArmRequest) -> Reply:
    outcome = await servers.put_server(
        services,
        request.address.id,
        document=request.document(services.limits.body_bytes),
        caller=request.caller,
        preconditions=request.preconditions,
    )
    return written(outcome, _server(outcome.stored), etag=outcome.stored.etag)


async def get_server(services: Services, request: ArmRequest) -> Reply:
    stored = await servers.get_server(services, request.address.id, caller=request.caller)
    return found(request, _server(stored), etag=stored.etag)


async def delete_server(services: Services, request: ArmRequest) -> Reply:
    stored = await servers.delete_server(
        services, request.address.id, caller=request.caller, preconditions=request.preconditions
    )
    return deleted(_server(stored) if stored else None)


async def list_servers(services: Services, request: ArmRequest) -> Reply:
    stored = await servers.list_servers(services, request.address.parent, caller=request.caller)
    return page_of(request, [_server(one) for one in stored])


def _server(stored: StoredServer) -> Json:
    return with_authors(server_resource(stored), stored)


def _choice(services: Services, request: ArmRequest) -> Choice:
    body = read_body(AskBody, request.document(services.limits.body_bytes))
    return Choice(
        subscription=ResourceId.parse(request.address.parent).subscription,
        machines=tuple(body.machines or ()),
        configuration=body.configuration or "",
    )


def _wanted(request: ArmRequest, name: str, kind: type[E]) -> E | None:
    """The member of an enumeration that the query asks for, read without case; raises `InvalidRequestError`."""
    text = request.query.get(name, "")
    if not text:
        return None
    for member in kind:
        if member.lower() == text.lower():
            return member
    raise InvalidRequestError(f"{name} must be one of {', '.join(kind)}.", target=name)
