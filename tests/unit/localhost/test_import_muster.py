"""The requests of an import, against a server that answers as it is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from localhost.errors import LocalhostError
from localhost.import_servers import muster as module
from localhost.import_servers.muster import Muster, RefusedError, Registered, connected

ID = "/subscriptions/s/resourceGroups/ops/providers/Muster.OnPremises/servers/db-1"
GROUP = "/subscriptions/s/resourceGroups/ops"
RESOURCE = {"id": ID, "properties": {}}


@dataclass
class Answers:
    """What is answered to every request, and the requests."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.asked.append(request)
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def answering(audience: str = "", **answers: Any) -> AsyncIterator[tuple[Muster, Answers]]:
    told = Answers(**answers)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", told.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with connected(url, audience=audience, connections=1) as one:
            yield one, told
    finally:
        await runner.cleanup()


async def test_server_comes_with_its_etag() -> None:
    async with answering(body=RESOURCE, headers={"ETag": '"1"'}) as (muster, told):
        assert await muster.get(ID) == Registered(resource=RESOURCE, etag='"1"')
    assert told.asked[0].query["api-version"] == "2025-11-01"
    assert "Authorization" not in told.asked[0].headers


async def test_server_that_is_not_there_is_none() -> None:
    async with answering(status=404, body={"error": {"code": "ResourceNotFound"}}) as (muster, _):
        assert await muster.get(ID) is None


@pytest.mark.parametrize(
    ("before", "guard", "value"),
    [
        pytest.param(None, "If-None-Match", "*", id="new"),
        pytest.param(Registered(resource=RESOURCE, etag='"7"'), "If-Match", '"7"', id="changed"),
    ],
)
async def test_put_is_guarded_against_others(
    before: Registered | None, guard: str, value: str
) -> None:
    async with answering(status=201, body=RESOURCE) as (muster, told):
        await muster.put(ID, {"a": 1}, before=before)
    assert (told.asked[0].method, told.asked[0].headers[guard]) == ("PUT", value)
    assert await told.asked[0].json() == {"a": 1}


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        pytest.param({"status": 412, "body": {}}, "changed it meanwhile", id="changed meanwhile"),
        pytest.param(
            {
                "status": 400,
                "body": {
                    "error": {
                        "code": "InvalidParameter",
                        "message": "No.",
                        "details": [{"target": "tags", "message": "Too many."}],
                    }
                },
            },
            "InvalidParameter: No. tags: Too many.",
            id="refused",
        ),
        pytest.param({"status": 502, "body": "<html>"}, "answers 502", id="not Muster"),
        pytest.param({"status": 200, "body": None}, "", id="taken"),
        pytest.param(
            {"status": 302, "body": {}, "headers": {"Location": "https://else.test"}},
            "answers 302",
            id="sent elsewhere",
        ),
    ],
)
async def test_refusal_is_told_in_sentences(answers: dict[str, Any], sentence: str) -> None:
    async with answering(**answers) as (muster, told):
        if not sentence:
            await muster.put(ID, {}, before=None)
        else:
            with pytest.raises(RefusedError, match=sentence):
                await muster.put(ID, {}, before=None)
    assert len(told.asked) == 1


@pytest.mark.parametrize("body", ["<html>", {}, {"value": None}, []])
async def test_address_where_something_else_answers_is_refused(body: Any) -> None:
    async with answering(body=body) as (muster, _):
        with pytest.raises(RefusedError, match="answers 200, and not as Muster does"):
            await muster.check(GROUP)


async def test_address_where_nothing_answers_is_refused(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with connected(url, audience="", connections=1) as muster:
        with pytest.raises(RefusedError, match=f"^{url} can't be reached: "):
            await muster.check(GROUP)


class Credential:
    """Gives a token that names its scope; signed out it gives none."""

    signed_in = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def get_token(self, scope: str) -> AccessToken:
        if not self.signed_in:
            raise ClientAuthenticationError(f"no {scope}")
        return AccessToken(f"for-{scope}", 0)


@pytest.mark.parametrize("audience", ["client", "api://client"])
async def test_token_is_for_the_audience(audience: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DefaultAzureCredential", Credential)
    async with answering(audience, body=RESOURCE) as (muster, told):
        await muster.get(ID)
    assert told.asked[0].headers["Authorization"] == "Bearer for-api://client/.default"


async def test_without_a_sign_in_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DefaultAzureCredential", Credential)
    monkeypatch.setattr(Credential, "signed_in", False)
    with pytest.raises(LocalhostError, match=r"no token for api://id/\.default: sign in"):
        async with connected("https://muster.test", audience="id", connections=1):
            pytest.fail("nobody is signed in")
