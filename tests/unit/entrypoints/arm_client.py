"""A client that calls the HTTP functions as the worker does, and the one look at the shape of errors.

Every request that is taken, and every reply, has to be as the OpenAPI document says.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from shared.application.ports import Services
from shared.entrypoints.arm.blueprint import arm, openapi, unmatched
from shared.entrypoints.arm.openapi import PATH
from tests import documented

VERSION = "2023-04-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body; there has to be one."""
        return json.loads(self.content)


@dataclass(slots=True, kw_only=True)
class ArmClient:
    """Sends requests to loopback unless the headers say otherwise."""

    services: Services
    headers: dict[str, str] = field(default_factory=lambda: {"Host": "127.0.0.1:7071"})

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        version: str = VERSION,
    ) -> Answer:
        """Send JSON, or bytes as they are; the api-version is added unless it is empty."""
        separator = "&" if "?" in path else "?"
        url = f"http://127.0.0.1:7071{path}" + (version and f"{separator}api-version={version}")
        if content is None:
            content = b"" if body is None else json.dumps(body).encode()
        request = func.HttpRequest(
            method=method,
            url=url,
            headers=self.headers | (headers or {}),
            params=dict(parse_qsl(urlsplit(url).query)),
            body=content,
        )
        response: func.HttpResponse = await _function(path)(request)
        answer = Answer(
            status=response.status_code,
            headers=dict(response.headers),
            content=response.get_body(),
        )
        assert documented.mistakes_of_reply(method, url, answer.status, answer.content) == []
        if answer.status < 400:
            assert documented.mistakes_of_request(method, url, content) == []
        return answer

    async def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        """PUT."""
        return await self.send("PUT", path, body, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return await self.send("GET", path, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        """DELETE."""
        return await self.send("DELETE", path, **more)


def _function(path: str) -> Any:
    """The one that the host would choose."""
    if path.lower().startswith("/subscriptions/"):
        return arm
    return openapi if path == PATH else unmatched


def assert_arm_error(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The answer is an error in ARM's shape; what it says is handed back."""
    assert answer.status == status, answer.content
    assert list(answer.json) == ["error"]
    error: dict[str, Any] = answer.json["error"]
    assert error["code"] == code
    assert error["message"]
    assert set(error) <= {"code", "message", "target", "details"}
    for detail in error.get("details", []):
        assert set(detail) <= {"code", "message", "target"}
    assert answer.headers["x-ms-request-id"]
    return error
