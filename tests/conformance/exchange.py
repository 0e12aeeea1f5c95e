"""Requests to the running host as any client sends them, and what is compared of their replies."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.app import App

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `body` is None where nothing did."""

    status: int
    body: Any


async def send(
    app: App, method: str, path: str, *, version: str = "2023-04-01", body: Any = None
) -> Answer:
    """One request to the host."""
    url = f"{app.host.url}{path}"
    async with app.http.request(method, url, params={"api-version": version}, json=body) as reply:
        content = await reply.read()
        return Answer(status=reply.status, body=json.loads(content) if content else None)


async def store(app: App, path: str, body: Any, *, version: str = "2023-04-01") -> Any:
    """PUT what has to be accepted; the reply's body."""
    answer = await send(app, "PUT", path, version=version, body=body)
    assert answer.status in (200, 201), answer
    return answer.body


async def put_all(app: App, bodies: Mapping[str, Any]) -> list[Answer]:
    """PUT bodies by their paths, a few at once; the answers in their order."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def put(path: str, body: Any) -> Answer:
        async with places:
            return await send(app, "PUT", path, body=body)

    return await asyncio.gather(*(put(path, body) for path, body in bodies.items()))


def lost(sent: Any, found: Any, where: str = "$") -> list[str]:
    """Where something that was sent did not come back equal; more may come back."""
    if not isinstance(sent, Mapping) or not isinstance(found, Mapping):
        return [] if sent == found else [f"{where}: {sent!r} became {found!r}"]
    return [
        mistake
        for name, value in sent.items()
        for mistake in lost(value, found.get(name), f"{where}.{name}")
    ]


def refusal(answer: Answer, status: int) -> Any:
    """The error of an answer that refuses with *status* in ARM's shape."""
    assert answer.status == status, answer
    assert list(answer.body) == ["error"]
    assert answer.body["error"]["code"]
    assert answer.body["error"]["message"]
    return answer.body["error"]
