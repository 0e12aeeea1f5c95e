"""The few requests that an import makes of a running Muster.

1. A token goes over https only, to the given address only: redirects are not followed.
2. A server is created with `If-None-Match: *` and changed with `If-Match`: what others do meanwhile stays.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError
from azure.identity.aio import DefaultAzureCredential

from localhost.errors import LocalhostError
from localhost.import_servers.documents import Json

_VERSION = {"api-version": "2025-11-01"}
_PATIENCE = timedelta(seconds=60)


class RefusedError(Exception):
    """What Muster says against a request, or why it says nothing: sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A server as Muster shows it."""

    resource: Json
    etag: str


class Muster:
    """Muster at one address."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def check(self, group_id: str) -> None:
        """Raise RefusedError unless it answers, and shows the servers of a resource group to us."""
        path = f"{group_id}/providers/Muster.OnPremises/servers"
        status, reply, _ = await self._ask("GET", path, {"$top": "1"})
        if status != 200 or not isinstance(reply.get("value"), list):
            raise RefusedError(_refusal(status, reply))

    async def get(self, server_id: str) -> Registered | None:
        """The server, or None; raises RefusedError."""
        status, reply, etag = await self._ask("GET", server_id)
        if status == 404:
            return None
        if status != 200 or not isinstance(reply.get("properties"), dict):
            raise RefusedError(_refusal(status, reply))
        return Registered(resource=reply, etag=etag)

    async def put(self, server_id: str, document: Json, *, before: Registered | None) -> None:
        """Create the server, or replace what it was *before*; raises RefusedError."""
        guard = {"If-Match": before.etag} if before else {"If-None-Match": "*"}
        status, reply, _ = await self._ask("PUT", server_id, document=document, headers=guard)
        if status == 412:
            raise RefusedError("Somebody else changed it meanwhile: import again.")
        if status not in (200, 201):
            raise RefusedError(_refusal(status, reply))

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        document: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], str]:
        """Status, JSON object (empty for any other reply) and ETag."""
        try:
            async with self._http.request(
                method,
                f"{self._url}{path}",
                params={**_VERSION, **(query or {})},
                json=document,
                headers=headers,
                allow_redirects=False,
            ) as reply:
                body = await _json(reply)
                return reply.status, body, reply.headers.get("ETag", "")
        except TimeoutError as error:
            raise RefusedError(f"{self._url} did not answer in time.") from error
        except aiohttp.ClientError as error:
            raise RefusedError(f"{self._url} can't be reached: {error}") from error


@asynccontextmanager
async def connected(url: str, *, audience: str, connections: int) -> AsyncIterator[Muster]:
    """Muster at an address, under a token for *audience* unless that is empty; LocalhostError without a token."""
    headers = {"Authorization": f"Bearer {await _token(audience)}"} if audience else {}
    async with aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=_PATIENCE.total_seconds()),
    ) as http:
        yield Muster(http, url)


async def _token(audience: str) -> str:
    scope = f"{audience if '://' in audience else f'api://{audience}'}/.default"
    try:
        async with (
            DefaultAzureCredential() as credential,
            asyncio.timeout(_PATIENCE.total_seconds()),
        ):
            return (await credential.get_token(scope)).token
    except (AzureError, TimeoutError) as error:
        raise LocalhostError(
            f"There is no token for {scope}: sign in, with `az login` for instance."
        ) from error


async def _json(reply: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        body = await reply.json(content_type=None)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(status: int, reply: Mapping[str, Any]) -> str:
    error = reply.get("error")
    if not isinstance(error, dict):
        return f"It answers {status}, and not as Muster does."
    details = [
        f"{one.get('target', '')}: {one.get('message', '')}"
        for one in error.get("details") or []
        if isinstance(one, dict)
    ]
    return " ".join([f"{error.get('code')}: {error.get('message')}", *details])
