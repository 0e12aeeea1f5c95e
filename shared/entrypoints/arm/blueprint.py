"""The HTTP interface as Azure Functions.

`arm` takes what lies under a subscription, `unmatched` all the rest. The host tries functions in the order of their
names, so that a function with a path of its own has to sort before `unmatched`. Both lead into the same table, and
every answer has ARM's shape, that to an unknown path or method too.
"""

import json
import re
from uuid import uuid4

import azure.functions as func

from shared import bootstrap
from shared.entrypoints.arm.errors import error_reply
from shared.entrypoints.arm.ids import Address
from shared.entrypoints.arm.replies import Reply
from shared.entrypoints.arm.requests import ArmRequest
from shared.entrypoints.arm.routes import answer

blueprint = func.Blueprint()

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@blueprint.route(route="subscriptions/{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def arm(req: func.HttpRequest) -> func.HttpResponse:
    return await _respond(req)


@blueprint.route(route="{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def unmatched(req: func.HttpRequest) -> func.HttpResponse:
    return await _respond(req)


async def _respond(req: func.HttpRequest) -> func.HttpResponse:
    request_id = str(uuid4())
    headers = {name.lower(): value for name, value in req.headers.items()}
    try:
        reply = await _reply(req, headers)
    except Exception as error:  # noqa: BLE001 - the boundary: every failure is answered in ARM's shape
        reply = error_reply(error, request_id=request_id)
    correlation = headers.get("x-ms-correlation-request-id", "")
    if not _GUID.fullmatch(correlation):
        correlation = request_id
    ids = {"x-ms-request-id": request_id, "x-ms-correlation-request-id": correlation}
    return _encoded(reply, ids)


async def _reply(req: func.HttpRequest, headers: dict[str, str]) -> Reply:
    caller = await bootstrap.authentication().caller(headers)
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


def _encoded(reply: Reply, headers: dict[str, str]) -> func.HttpResponse:
    sent = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()
    return func.HttpResponse(
        sent,
        status_code=reply.status,
        headers={**headers, **reply.headers},
        mimetype="application/json",
        charset="utf-8",
    )
