"""The HTTP interface as Azure Functions.

`arm` takes what lies under a subscription, `unmatched` all the rest; both lead into the same table. `openapi` is the
document that describes it. The host tries functions in the order of their names, so that a function with a path of its
own has to sort before `unmatched`. Every error has ARM's shape, that to an unknown path or method too.
"""

import json
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import azure.functions as func

from shared import bootstrap
from shared.application.callers import Caller
from shared.entrypoints.arm.errors import error_reply, method_not_allowed
from shared.entrypoints.arm.ids import Address
from shared.entrypoints.arm.openapi import document
from shared.entrypoints.arm.replies import Reply
from shared.entrypoints.arm.requests import ArmRequest
from shared.entrypoints.arm.routes import answer

blueprint = func.Blueprint()

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@blueprint.route(route="subscriptions/{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def arm(req: func.HttpRequest) -> func.HttpResponse:
    return await _respond(req, _operation)


@blueprint.route(route="openapi.json", auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    return await _respond(req, _document)


@blueprint.route(route="{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def unmatched(req: func.HttpRequest) -> func.HttpResponse:
    return await _respond(req, _operation)


_Answer = Callable[[func.HttpRequest, dict[str, str], Caller], Awaitable[Reply]]


async def _respond(req: func.HttpRequest, answered: _Answer) -> func.HttpResponse:
    request_id = str(uuid4())
    headers = {name.lower(): value for name, value in req.headers.items()}
    try:
        caller = await bootstrap.authentication().caller(headers)
        reply = await answered(req, headers, caller)
    except Exception as error:  # noqa: BLE001 - the boundary: every failure is answered in ARM's shape
        reply = error_reply(error, request_id=request_id)
    correlation = headers.get("x-ms-correlation-request-id", "")
    if not _GUID.fullmatch(correlation):
        correlation = request_id
    ids = {"x-ms-request-id": request_id, "x-ms-correlation-request-id": correlation}
    return _encoded(reply, ids)


async def _operation(req: func.HttpRequest, headers: dict[str, str], caller: Caller) -> Reply:
    request = ArmRequest(
        method=req.method,
        url=req.url,
        address=Address.of(req.url),
        query={name.lower(): value for name, value in req.params.items()},
        headers=headers,
        content=req.get_body() or b"",
        caller=caller,
    )
    return await answer(await bootstrap.services(), request)


async def _document(req: func.HttpRequest, _headers: dict[str, str], _caller: Caller) -> Reply:
    """Every caller may read it: it tells nothing of anybody's."""
    if req.method != "GET":
        return method_not_allowed(req.method, allowed=("GET",))
    return Reply(body=document())


def _encoded(reply: Reply, headers: dict[str, str]) -> func.HttpResponse:
    sent = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()
    return func.HttpResponse(
        sent,
        status_code=reply.status,
        headers={**headers, **reply.headers},
        mimetype="application/json",
        charset="utf-8",
    )
