"""What azure-core's policies need to be told for Azure Resource Manager: when to stop, and never to send twice."""

import asyncio
import math
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.errors import InvalidRequestError

_TOKEN_SECONDS = 20
_LONGEST_WAIT = timedelta(days=1)


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


def must_be_https(endpoint: str) -> bool:
    """True for https, False for plain http on this machine; raises `InvalidRequestError` for the rest."""
    parts = urlsplit(endpoint)
    if parts.scheme == "https" and parts.hostname:
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
