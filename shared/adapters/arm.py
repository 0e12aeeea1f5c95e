"""The one way to Azure Resource Manager: reads that are repeated, and requests that are sent once.

What only looks (GET, queries of Resource Graph) is repeated a few times and ends as `UnavailableError`. What changes
something is never repeated, not even after a redirect, a 401 or a stale connection: its pipeline has no policy that
could, and each request has a connection of its own, so that no idle one that Azure is closing leaves it in doubt.

Nothing is logged here, and errors name no URL: the ones that Azure gives out are signed.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline import AsyncPipeline, PipelineResponse
from azure.core.pipeline.policies import (
    AsyncBearerTokenCredentialPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.adapters.arm_policies import (
    BoundedRetry,
    NoTokenError,
    PacedTransport,
    QueryQuota,
    TokenOnce,
    must_be_https,
    never_connected,
    seconds_of,
)
from shared.adapters.clock import SystemClock
from shared.application.ports import Clock
from shared.errors import InvalidRequestError, UnavailableError

PUBLIC_CLOUD = "https://management.azure.com"
DEFAULT_SCOPE = f"{PUBLIC_CLOUD}/.default"

_USER_AGENT = "muster"
_CONNECT_SECONDS = 10
_LONGEST_MESSAGE = 500
# Beyond ASCII letters and digits, what RFC 3986 allows in a path as it is.
_PATH_SAFE = "/-._~!$&'()*+,;=:@"

_Pipeline = AsyncPipeline[HttpRequest, AsyncHttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReply:
    """A reply: `headers` by lower-case name, `body` the parsed JSON or None where there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any = None

    @property
    def retry_after(self) -> timedelta | None:
        """How long Azure asks to wait; it says so in seconds."""
        return seconds_of(self.headers.get("retry-after"))

    @property
    def problem(self) -> str:
        """Azure's code and message, or the bare status."""
        code, message = dig(self.body, "error", "code"), dig(self.body, "error", "message")
        words = ": ".join(str(word) for word in (code, message) if word)
        return words[:_LONGEST_MESSAGE] or f"HTTP {self.status}"

    def expect(self, *statuses: int) -> Self:
        """Itself, if it has one of *statuses*; raises `UnavailableError`."""
        if self.status not in statuses:
            raise UnavailableError(f"Azure answered: {self.problem}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Proof that the request never left: no token, or no connection."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReply:
    """The request may have left, and nothing came back that could be read."""

    message: str


class StaticCredential:
    """A token that never changes, for an endpoint that asks for none."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """The token, good until 2100."""
        return AccessToken("local", 4_102_444_800)

    async def close(self) -> None:
        """There is nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """There is nothing to close."""


class ArmClient:
    """An async context manager; `endpoint` is https, or plain http on a loopback address.

    *repeats* and *backoff* are for reads: how often, and the first pause of a doubling series; a `Retry-After` longer
    than *patience* ends them, and so does *read_within* for all together. *send_within* limits what is sent once.
    The credential stays the caller's, who closes it.
    """

    def __init__(
        self,
        endpoint: str,
        credential: AsyncTokenCredential,
        *,
        clock: Clock | None = None,
        scope: str = DEFAULT_SCOPE,
        repeats: int = 3,
        backoff: timedelta = timedelta(seconds=0.8),
        patience: timedelta = timedelta(seconds=10),
        read_within: timedelta = timedelta(seconds=60),
        send_within: timedelta = timedelta(seconds=45),
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._credential = credential
        self._clock = clock or SystemClock()
        self._scope = scope
        self._retry = BoundedRetry(
            patience,
            retry_total=repeats,
            retry_backoff_factor=backoff.total_seconds(),
            retry_backoff_max=patience.total_seconds(),
        )
        self._read_within = read_within.total_seconds()
        self._send_within = send_within.total_seconds()
        self._options = {
            "enforce_https": must_be_https(self._endpoint),
            "connection_timeout": _CONNECT_SECONDS,
        }

    async def __aenter__(self) -> Self:
        self._reads = self._pipeline(
            PacedTransport(self._clock),
            self._retry,
            QueryQuota(self._clock),
            AsyncBearerTokenCredentialPolicy(self._credential, self._scope),
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._sends = self._pipeline(
            AioHttpTransport(session=session, use_env_settings=False),
            TokenOnce(self._credential, self._scope),
        )
        await self._reads.__aenter__()
        await self._sends.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._reads.__aexit__()
        await self._sends.__aexit__()

    async def get(
        self, path: str, *, api_version: str, parameters: Mapping[str, str] | None = None
    ) -> ArmReply:
        """GET a resource; any status is a value but 408, 429 and 5xx.

        Raises `UnavailableError` for those, after the repeats, and when no reply came.
        """
        return await self._read(HttpRequest("GET", self._url(path, api_version, parameters)))

    async def follow(self, url: str) -> ArmReply | None:
        """GET a URL that Azure gave out; None if it leads away from the endpoint. Raises as `get`."""
        own = urlsplit(self._endpoint)
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        if (parts.scheme, parts.netloc.lower()) != (own.scheme, own.netloc.lower()):
            return None
        # Put together anew: whatever another parser would read in it, the host is ours.
        return await self._read(
            HttpRequest("GET", f"{self._endpoint}/{parts.path.lstrip('/')}?{parts.query}")
        )

    async def ask(self, path: str, body: Mapping[str, Any], *, api_version: str) -> ArmReply:
        """POST a question, which changes nothing and is repeated as a GET is. Raises as `get`."""
        return await self._read(HttpRequest("POST", self._url(path, api_version), json=body))

    async def send(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        api_version: str,
        request_id: str,
        method: str = "POST",
    ) -> ArmReply | NotSent | NoReply:
        """Send something that must not happen twice: exactly one attempt, whatever comes back.

        *request_id* travels as `x-ms-client-request-id`; a *body* of None is an empty one.
        """
        request = HttpRequest(method, self._url(path, api_version), json=body)
        try:
            async with asyncio.timeout(self._send_within):
                response = await self._sends.run(request, request_id=request_id, **self._options)
                return _reply(response)
        except NoTokenError:
            return NotSent(message="No token for Azure could be had: check the app's identity.")
        except AzureError as error:
            if never_connected(error):
                return NotSent(message=f"Azure could not be reached ({_name(error)}).")
            return NoReply(message=f"The connection broke before Azure's reply ({_name(error)}).")
        except TimeoutError:
            return NoReply(message=f"Azure did not answer within {self._send_within:.0f} s.")

    async def _read(self, request: HttpRequest) -> ArmReply:
        try:
            async with asyncio.timeout(self._read_within):
                response = await self._reads.run(
                    request, retry_on_methods=frozenset({"GET", "POST"}), **self._options
                )
        except (AzureError, TimeoutError) as error:
            raise UnavailableError(f"Azure did not answer ({_name(error)}).") from error
        reply = _reply(response)
        if reply.status in (408, 429) or reply.status >= 500:
            raise UnavailableError(f"Azure answered: {reply.problem}")
        return reply

    def _url(self, path: str, api_version: str, parameters: Mapping[str, str] | None = None) -> str:
        if any(segment in (".", "..") for segment in path.split("/")):
            raise InvalidRequestError("A resource id has no segments '.' and '..'.")
        query = urlencode({"api-version": api_version, **(parameters or {})})
        return f"{self._endpoint}/{quote(path.lstrip('/'), safe=_PATH_SAFE)}?{query}"

    def _pipeline(self, transport: AioHttpTransport, *policies: Any) -> _Pipeline:
        return AsyncPipeline(
            transport, [RequestIdPolicy(), UserAgentPolicy(base_user_agent=_USER_AGENT), *policies]
        )


def dig(document: Any, *path: str) -> Any:
    """The member at *path* of parsed JSON, or None where there is none."""
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def _name(error: Exception) -> str:
    return type(getattr(error, "inner_exception", None) or error).__name__


def _reply(response: PipelineResponse[HttpRequest, AsyncHttpResponse]) -> ArmReply:
    http = response.http_response
    return ArmReply(
        status=http.status_code,
        headers={name.lower(): value for name, value in http.headers.items()},
        body=_json(http.content),
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None  # a gateway's page: the status says enough
