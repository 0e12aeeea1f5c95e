"""A client of a local Azure that holds every exchange against Microsoft's definitions."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from localhost.azure.fleet import Fleet, Machine
from localhost.azure.server import LocalAzure, serve
from tests.conformance.azure_definitions import (
    COMMON_TYPES,
    COMPUTE,
    HYBRID_COMPUTE,
    RESOURCE_GRAPH,
    Operation,
    mistakes,
)
from tests.unit.localhost_azure.estate import INSTALL_TIME, StandingClock

VERSIONS = {COMPUTE: "2024-07-01", HYBRID_COMPUTE: "2024-07-10", RESOURCE_GRAPH: "2024-04-01"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One reply; `body` None where none came."""

    status: int
    headers: Any
    body: Any


@dataclass(slots=True, kw_only=True)
class Witness:
    """A client of a local Azure that holds each exchange against its definition, and counts `mistakes`."""

    azure: LocalAzure
    clock: StandingClock
    http: aiohttp.ClientSession
    mistakes: list[str] = field(default_factory=list)

    async def send(self, operation: Operation, target: str, body: Any = None) -> Answer:
        """Send a request of *operation* and judge what was sent and what came."""
        suffix = operation.path.rpartition("/")[2]
        path = f"{target}/{suffix}" if suffix.endswith("Patches") else target
        version = {"api-version": VERSIONS[operation.document]}
        answer = await self.fetch(operation.method, path, params=version, json=body)
        if answer.status != 400:
            self.mistakes += operation.mistakes_of_request(body)
        self.mistakes += operation.mistakes_of_reply(answer.status, answer.body)
        return answer

    async def follow(self, operation: Operation, address: str) -> Answer:
        """Ask at a `Location`, whose answer is the operation's own."""
        answer = await self.fetch("GET", address)
        self.mistakes += operation.mistakes_of_reply(answer.status, answer.body)
        return answer

    async def status(self, address: str) -> Any:
        """Ask at an `Azure-AsyncOperation`."""
        answer = await self.fetch("GET", address)
        pointer = "/definitions/OperationStatusResult"
        self.mistakes += mistakes(pointer, answer.body, in_=COMMON_TYPES)
        assert answer.status == 200
        return answer.body

    async def fetch(self, method: str, address: str, **more: Any) -> Answer:
        """Send anything."""
        async with self.http.request(method, address, **more) as reply:
            text = await reply.text()
            body = json.loads(text) if text else None
            return Answer(status=reply.status, headers=reply.headers, body=body)


@asynccontextmanager
async def witness(*machines: Machine, **options: Any) -> AsyncIterator[Witness]:
    """A witness of a local Azure over these machines; at the end nothing was wrong."""
    clock = StandingClock()
    azure = LocalAzure(
        Fleet(machines), now=clock, install_time=(INSTALL_TIME, INSTALL_TIME), **options
    )
    async with serve(azure) as base, aiohttp.ClientSession(base) as http:
        seen = Witness(azure=azure, clock=clock, http=http)
        yield seen
    assert not seen.mistakes, "\n".join(seen.mistakes)
