"""The local Azure over HTTP, on the loopback interface only, with its log and its control routes.

It wants no token and says in the log whether one came. Under `/_local/` are the routes that Azure does not have:
`GET calls`, `GET installs`, `GET fleet`, and `faults`: GET explains and shows them, POST sets them.
"""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus

from aiohttp import web

from localhost.azure.calls import Call
from localhost.azure.documents import machine_document
from localhost.azure.errors import invalid_parameter
from localhost.azure.exchange import Asked, Reply
from localhost.azure.faults import Faults
from localhost.azure.misbehaviour import troubled_reply
from localhost.azure.routes import machine_in
from localhost.azure.simulation import Simulation

_LOOPBACK = "127.0.0.1"
_LOOKS_EVERY = 0.1
"""Seconds between two looks whether a client still waits for an answer that never comes."""


class LocalAzure(Simulation):
    """A simulated Azure that answers HTTP."""

    def app(self) -> web.Application:
        """The web application; cleaning it up closes the simulation."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/_local/calls", self._get_calls),
                web.get("/_local/installs", self._get_installs),
                web.get("/_local/fleet", self._get_fleet),
                web.get("/_local/faults", self._get_faults),
                web.post("/_local/faults", self._post_faults),
                web.route("*", "/{path:.*}", self._answer),
            ]
        )
        app.on_cleanup.append(self._on_cleanup)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        asked = Asked(
            method=request.method,
            path=request.path,
            base=f"{request.scheme}://{request.host}",
            query=request.query,
            body=_parsed(await request.text()),
        )
        reply = troubled_reply(self, asked)
        # First the log, then the wire: what was accepted is known even if the reply never arrives.
        self.calls.record(self._call(request, reply))
        if reply.cut == "hung":
            await _until_gone(request)
        if reply.cut == "dropped" and request.transport:
            request.transport.abort()
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    def _call(self, request: web.Request, reply: Reply) -> Call:
        return Call(
            at=self.now(),
            method=request.method,
            path=request.path,
            status=reply.cut or int(reply.status),
            machine=machine_in(request.path),
            client_request_id=request.headers.get("x-ms-client-request-id"),
            operation=reply.started.operation if reply.started else None,
            activity=reply.started.activity_id if reply.started else None,
            throttled=reply.throttled_by,
            authorized="Authorization" in request.headers,
        )

    async def _get_calls(self, request: web.Request) -> web.Response:
        return web.json_response([call.document() for call in self.calls.all()])

    async def _get_installs(self, request: web.Request) -> web.Response:
        return web.json_response([call.document() for call in self.calls.installs()])

    async def _get_fleet(self, request: web.Request) -> web.Response:
        return web.json_response(
            [
                {**machine_document(machine), "missing": [u.patch_id for u in machine.missing]}
                for machine in self.machines()
            ]
        )

    async def _get_faults(self, request: web.Request) -> web.Response:
        return web.json_response({"help": inspect.getdoc(Faults), "faults": asdict(self.faults)})

    async def _post_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults = Faults.parse(_parsed(await request.text()))
        except ValueError as error:
            refusal = invalid_parameter(str(error))
            return web.json_response(refusal.body(), status=refusal.status)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _on_cleanup(self, app: web.Application) -> None:
        self.close()


@asynccontextmanager
async def serve(local_azure: LocalAzure, port: int = 0) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 and give the base URL; port 0 takes a free one. Leaving closes everything."""
    runner = web.AppRunner(local_azure.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, _LOOPBACK, port)
        await site.start()
        yield f"http://{_LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _until_gone(request: web.Request) -> None:
    """Wait for the client to close the connection; a server that ends cancels it."""
    # aiohttp can cancel the handler of a client that left, but then not only this one: what was sent must be done.
    while request.transport and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_LOOKS_EVERY)


def _parsed(text: str) -> object:
    """The body as JSON; None where it is none, which is what whoever needs one refuses."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
