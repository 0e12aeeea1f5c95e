"""What azure-core's policies need to be told for Azure Resource Manager: when to stop, when to wait, and never to send
twice.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    AsyncBearerTokenCredentialPolicy,
    AsyncHTTPPolicy,
    AsyncRetryPolicy,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.application.ports import Clock
from shared.errors import InvalidRequestError

_TOKEN_SECONDS = 20
_LONGEST_WAIT = timedelta(days=1)
_QUERIES = "/providers/microsoft.resourcegraph/"
_QUERY_QUOTA = 15
_QUERY_PERIOD = timedelta(seconds=5)
_LONGEST_TURN = timedelta(seconds=10)
"""Whatever a reply or a clock that was set back says: then the next reply is asked for its word."""


class NoTokenError(Exception):
    """The credential gave no token, so nothing was sent."""


class TokenOnce(AsyncBearerTokenCredentialPolicy[HttpRequest, AsyncHttpResponse]):
    """Authorizes without a second attempt: a 401 is an answer, whatever challenge comes with it."""

    async def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        try:
            async with asyncio.timeout(_TOKEN_SECONDS):
                await super().on_request(request)
        except (AzureError, TimeoutError) as error:
            raise NoTokenError from error

    async def on_challenge(
        self,
        request: PipelineRequest[HttpRequest],
        response: PipelineResponse[HttpRequest, AsyncHttpResponse],
    ) -> bool:
        return False


class BoundedRetry(AsyncRetryPolicy[HttpRequest, AsyncHttpResponse]):
    """azure-core's policy, which by itself would sleep for as long as a `Retry-After` says."""

    def __init__(self, patience: timedelta, **settings: Any) -> None:
        super().__init__(**settings)
        self._patience = patience

    def is_retry(
        self,
        settings: dict[str, Any],
        response: PipelineResponse[Any, Any],
    ) -> bool:
        wait = seconds_of(response.http_response.headers.get("retry-after"))
        return (wait is None or wait <= self._patience) and super().is_retry(settings, response)

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        wait = seconds_of(response.http_response.headers.get("retry-after"))
        return wait.total_seconds() if wait else None


class QueryQuota(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Holds back a query that Resource Graph would answer with 429: its replies say what is left, and until when.

    A caller has 15 queries in 5 seconds; what other processes of the same caller take is seen in the next reply.
    Source: learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._left = 0
        self._asking = 0
        self._turn = asyncio.Lock()
        self._resets_at = clock.now()

    async def send(
        self, request: PipelineRequest[HttpRequest]
    ) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        if _QUERIES not in request.http_request.url.lower():
            return await self.next.send(request)
        await self._take_turn()
        self._asking += 1
        try:
            response = await self.next.send(request)
        finally:
            self._asking -= 1
        self._note(response.http_response.headers)
        return response

    async def _take_turn(self) -> None:
        async with self._turn:
            if self._left <= 0:
                wait = self._resets_at - self._clock.now()
                await self._clock.sleep(min(max(timedelta(0), wait), _LONGEST_TURN))
                if self._left <= 0:  # unless a reply has said otherwise meanwhile
                    self._left = _QUERY_QUOTA - self._asking
                    self._resets_at = self._clock.now() + _QUERY_PERIOD
            self._left -= 1

    def _note(self, headers: Mapping[str, str]) -> None:
        left = headers.get("x-ms-user-quota-remaining", "")
        if left.isascii() and left.isdigit():
            self._left = int(left) - self._asking
            self._resets_at = self._clock.now() + _period(
                headers.get("x-ms-user-quota-resets-after")
            )


class PacedTransport(AioHttpTransport):  # type: ignore[misc]  # azure-core exports it as Any
    """azure-core's transport, whose pauses between repeats are those of the app's clock."""

    def __init__(self, clock: Clock) -> None:
        # Looking up proxies and netrc for every request would halve its speed.
        super().__init__(use_env_settings=False)
        self._clock = clock

    async def sleep(self, duration: float) -> None:
        await self._clock.sleep(timedelta(seconds=duration))


def never_connected(error: AzureError) -> bool:
    """Whether no connection was made; azure-core's classes can't tell.

    Its transport gives every `aiohttp.ClientError` the name `ServiceRequestError`, a reset or a disconnect after the
    request was sent among them. aiohttp raises these two in its connector only, before it writes a byte.
    """
    cause = error.inner_exception
    return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def seconds_of(retry_after: str | None) -> timedelta | None:
    """Read a `Retry-After` in seconds, at most a day of them; None for anything else.

    A date is not read: Azure Resource Manager sends none, and the clocks would have to agree.
    """
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    if math.isnan(seconds) or seconds < 0:
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))


def _period(text: str | None) -> timedelta:
    """Read `00:00:05`; what is none is the period that is known."""
    match = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?", text or "", re.ASCII)
    if not match:
        return _QUERY_PERIOD
    hours, minutes, seconds = (int(match[at]) for at in (1, 2, 3))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds + bool(match[4]))


def must_be_https(endpoint: str) -> bool:
    """True for https, False for plain http on this machine; raises `InvalidRequestError` for the rest."""
    parts = urlsplit(endpoint)
    if parts.scheme == "https" and parts.hostname and parts.username is None:
        return True
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return False
    raise InvalidRequestError(
        f"'{endpoint[:200]}' can't be Azure's endpoint: https, or http on a loopback address."
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
