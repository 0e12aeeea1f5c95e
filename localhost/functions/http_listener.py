"""Serve the HTTP-triggered functions and the admin calls on 127.0.0.1, as the Functions host does, by TLS if wished.

1. A function sees lower-cased header names, no query values that are empty, repeated values joined by commas, and no
   body at all without a `Content-Length`.
2. An exception is a 500 with an empty body, None a 204. Anything but an `HttpResponse` is an error here: the real host
   would guess what it means.
3. `POST /admin/functions/{name}` with `{"input": "text"}` starts any function that is not an HTTP one and answers 202
   at once; `GET /admin/host/status` says that the host runs. Neither asks for a key.
"""

import json
import logging
import ssl
from collections.abc import Callable

import azure.functions as func
from aiohttp import web
from azure.functions.http import HttpRequest
from multidict import CIMultiDict

from localhost.functions.http_routes import Match, RouteTable

logger = logging.getLogger(__name__)

_LARGEST_BODY = 100 * 1024 * 1024
_ADMIN_FUNCTION = "/admin/functions/"
_STATUS = {"id": "development-host", "state": "Running", "version": "4.0", "errors": []}

StartFunction = Callable[[str, str], None]


class HttpListener:
    """A web server for *routes*.

    *start_function* takes a function's name and the input of an admin call, and returns without waiting for it;
    KeyError for an unknown name, ValueError for a function that can't be started so. *tls* holds the certificate to
    answer https with; without it the answer is plain http.
    """

    def __init__(
        self,
        routes: RouteTable,
        *,
        start_function: StartFunction,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._routes = routes
        self._start_function = start_function
        self._tls = tls
        application = web.Application(client_max_size=_LARGEST_BODY)
        # All paths, one with a line feed in it too.
        application.router.add_route("*", "/{path:(?s:.*)}", self._answer)
        # As with the real host, a body arrives as it was sent, whatever its Content-Encoding says.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=5, auto_decompress=False
        )

    async def start(self, port: int) -> str:
        """Listen on *port* of 127.0.0.1, 0 for any free one; the base URL without a slash at its end."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._tls).start()
        host, bound_port = self._runner.addresses[0][:2]
        return f"{'https' if self._tls else 'http'}://{host}:{bound_port}"

    async def close(self) -> None:
        """Stop listening; requests under way get five seconds."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.lower()
        if path.startswith("/admin/"):
            return await self._answer_admin(request)
        match = self._routes.find(request.method, raw_path=request.rel_url.raw_path)
        if match is None:
            return web.Response(status=404)
        try:
            result = await match.function.handler.call(await _function_request(request, match))
            return _response(result)
        except Exception:
            logger.exception("function.failed name=%s", match.function.handler.name)
            return web.Response(status=500)

    async def _answer_admin(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if request.method == "GET" and path.lower() == "/admin/host/status":
            return web.json_response(_STATUS)
        name = path[len(_ADMIN_FUNCTION) :]
        if request.method != "POST" or not path.lower().startswith(_ADMIN_FUNCTION):
            return web.Response(status=404)
        try:
            self._start_function(name, _input(await request.text()))
        except KeyError:
            return web.Response(status=404)
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=202)


async def _function_request(request: web.Request, match: Match) -> func.HttpRequest:
    query, headers = request.query, request.headers
    params = {name: ",".join(query.getall(name)) for name in query}
    return HttpRequest(
        method=request.method,
        url=str(request.url),
        headers={name.lower(): ",".join(headers.getall(name)) for name in headers},
        params={name: value for name, value in params.items() if value},
        route_params=match.values,
        body_type="bytes",
        body=await request.read() if request.content_length else b"",
    )


def _response(result: object) -> web.Response:
    if result is None:
        return web.Response(status=204)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"return an HttpResponse, not {type(result).__name__}")
    headers = CIMultiDict(result.headers.items())
    # Reckoned by the server from the body that it sends.
    headers.popall("Content-Length", None)
    text = result.mimetype.startswith("text/")
    content_type = f"{result.mimetype}; charset={result.charset}" if text else result.mimetype
    headers.setdefault("Content-Type", content_type)
    return web.Response(status=result.status_code, headers=headers, body=result.get_body())


def _input(body: str) -> str:
    match json.loads(body):
        case {"input": str(text)}:
            return text
        case {"input": None}:
            return ""
    raise ValueError('the body is not {"input": "text"}')
