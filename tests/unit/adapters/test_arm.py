"""The pipeline: reads are repeated within bounds, and what changes something is sent once, whatever happens."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from socket import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from shared.adapters.arm import ArmClient, ArmReply, NoReply, NotSent, StaticCredential, dig
from shared.adapters.arm_policies import must_be_https, never_connected, seconds_of
from shared.errors import InvalidRequestError, UnavailableError
from tests.unit.adapters.wire import Answer, Break, Wire, wire

PATH = "/subscriptions/s/resourceGroups/g"
BUSY = Answer(status=503, body={"error": {"code": "Busy", "message": "Try later."}})


class NoToken(StaticCredential):
    """An identity that is not set up."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        raise ClientAuthenticationError("no identity endpoint")


@asynccontextmanager
async def client(
    *script: Answer | Break, credential: StaticCredential | None = None, **options: Any
) -> AsyncIterator[tuple[ArmClient, Wire]]:
    async with wire(*script) as served:
        given = {"backoff": timedelta(0)} | options
        async with ArmClient(served.url, credential or StaticCredential(), **given) as arm:
            yield arm, served


async def send(arm: ArmClient) -> ArmReply | NotSent | NoReply:
    return await arm.send(PATH, {"a": 1}, api_version="2024-07-01", request_id="job-1")


@contextmanager
def unserved_url() -> Iterator[str]:
    """An address that nobody serves, kept from others."""
    with socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


# --- reads ---------------------------------------------------------------------------------------

RECOVERIES: dict[str, list[Answer | Break]] = {
    "server errors": [BUSY, Answer(status=500), Answer(status=502)],
    "a short wait": [Answer(status=429, headers={"Retry-After": "0"})],
    "a wait that can't be read": [Answer(status=429, headers={"Retry-After": "soon"})],
    "a connection that closes": ["drop", "drop"],
    "a reply that breaks off": ["half"],
}


@pytest.mark.parametrize("troubles", RECOVERIES.values(), ids=RECOVERIES.keys())
async def test_a_read_is_repeated_until_it_is_answered(troubles: list[Answer | Break]) -> None:
    async with client(*troubles, Answer(body={"id": "x"})) as (arm, served):
        reply = await arm.get(PATH, api_version="1")
    assert (reply.status, reply.body) == (200, {"id": "x"})
    assert len(served.requests) > len(troubles)


async def test_a_question_is_repeated_as_a_read_is() -> None:
    async with client("drop", BUSY, Answer(body={"data": []})) as (arm, served):
        reply = await arm.ask(PATH, {"query": "x"}, api_version="1")
    assert reply.body == {"data": []}
    assert [request.body for request in served.requests] == [{"query": "x"}] * 3


FAILURES: dict[str, tuple[Answer | Break, int]] = {
    "server errors": (BUSY, 4),
    "throttled": (Answer(status=429), 4),
    "request time-outs": (Answer(status=408), 4),
    "told to wait too long": (Answer(status=503, headers={"Retry-After": "11"}), 1),
    "told to wait for ever": (Answer(status=429, headers={"Retry-After": "inf"}), 1),
}


@pytest.mark.parametrize(("trouble", "attempts"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_read_that_fails_on_ends_as_unavailable(
    trouble: Answer | Break, attempts: int
) -> None:
    async with client(trouble) as (arm, served):
        with pytest.raises(UnavailableError):
            await arm.get(PATH, api_version="1")
    assert len(served.requests) == attempts


async def test_a_read_without_an_answer_ends_in_time() -> None:
    async with client("hang", read_within=timedelta(seconds=0.1)) as (arm, _served):
        with pytest.raises(UnavailableError):
            await arm.get(PATH, api_version="1")


async def test_an_endpoint_that_nobody_serves_is_unavailable() -> None:
    with unserved_url() as url:
        async with ArmClient(url, StaticCredential(), backoff=timedelta(0)) as arm:
            with pytest.raises(UnavailableError):
                await arm.get(PATH, api_version="1")


async def test_a_read_without_a_token_is_unavailable() -> None:
    async with client(Answer(), credential=NoToken()) as (arm, served):
        with pytest.raises(UnavailableError):
            await arm.get(PATH, api_version="1")
    assert served.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410])
async def test_a_refusal_is_a_value(status: int) -> None:
    answer = Answer(status=status, body={"error": {"code": "No", "message": "Never."}})
    async with client(answer) as (arm, served):
        reply = await arm.get(PATH, api_version="1")
    assert (reply.status, reply.problem) == (status, "No: Never.")
    assert len(served.requests) == 1


async def test_a_page_of_html_is_no_body() -> None:
    async with client(Answer(status=403, body="<html>")) as (arm, _served):
        reply = await arm.get(PATH, api_version="1")
    assert (reply.body, reply.problem) == (None, "HTTP 403")


async def test_a_request_says_who_asks_and_in_which_version() -> None:
    async with client(Answer()) as (arm, served):
        await arm.get(f"{PATH} (west)/é", api_version="1", parameters={"$expand": "x"})
    [request] = served.requests
    path, _, query = request.target.partition("?")
    assert path == "/subscriptions/s/resourceGroups/g%20(west)/%C3%A9"
    assert query.replace("%24", "$") == "api-version=1&$expand=x"
    assert request.headers["authorization"] == "Bearer local"
    assert request.headers["user-agent"].startswith("muster")
    assert request.headers["x-ms-client-request-id"]


@pytest.mark.parametrize("path", ["/subscriptions/../x", "/./x", "/x/.."])
async def test_a_path_that_climbs_is_refused(path: str) -> None:
    async with client(Answer()) as (arm, served):
        with pytest.raises(InvalidRequestError):
            await arm.get(path, api_version="1")
    assert served.requests == []


# --- following -----------------------------------------------------------------------------------


async def test_a_url_of_the_endpoint_is_followed_as_it_is() -> None:
    async with client(Answer(status=202)) as (arm, served):
        reply = await arm.follow(f"{served.url}/operations/1?t=6&s=a%2Bb-_&h=c")
    assert reply
    assert reply.status == 202
    assert served.requests[0].target == "/operations/1?t=6&s=a%2Bb-_&h=c"


ELSEWHERE = (
    "",
    "/operations/1",
    "https://{own}/x",
    "http://169.254.169.254/metadata",
    "http://{own}.example.org/x",
    "http://{own}@example.org/x",
    "http://someone@{own}/x",
    "http://127.0.0.1:1/x",
    "http://127.0.0.1/x",
    "http:\\\\{own}\\x",
    "file:///etc/passwd",
    "//{own}/x",
    "http://[{own}/x",
)


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_a_url_that_leads_away_is_not_followed(url: str) -> None:
    async with client(Answer()) as (arm, served):
        assert await arm.follow(url.format(own=served.url.removeprefix("http://"))) is None
    assert served.requests == []


async def test_a_path_can_not_name_another_host() -> None:
    async with client(Answer()) as (arm, served):
        assert await arm.follow(f"{served.url}//example.org/x")
    assert served.requests[0].headers["host"] in served.url


async def test_errors_do_not_show_signed_urls() -> None:
    async with client("drop", "hang", read_within=timedelta(seconds=0.2)) as (arm, served):
        with pytest.raises(UnavailableError) as caught:
            await arm.follow(f"{served.url}/operations/1?s=secret")
    assert "secret" not in caught.value.message


# --- sending -------------------------------------------------------------------------------------

CLAIMS = base64.b64encode(b'{"access_token": {}}').decode()
CHALLENGE = f'Bearer authorization_uri="x", error="insufficient_claims", claims="{CLAIMS}"'
FINAL = {
    "accepted": Answer(status=202),
    "redirected": Answer(status=307, headers={"Location": "/elsewhere"}),
    "refused": Answer(status=400),
    "challenged": Answer(status=401, headers={"WWW-Authenticate": CHALLENGE}),
    "timed out": Answer(status=408),
    "busy, with a wait": Answer(status=409, headers={"Retry-After": "0"}),
    "throttled": Answer(status=429, headers={"Retry-After": "0"}),
    "failed": Answer(status=500),
    "unavailable, with a wait": Answer(status=503, headers={"Retry-After": "0"}),
    "no gateway": Answer(status=504),
}


@pytest.mark.parametrize("answer", FINAL.values(), ids=FINAL.keys())
async def test_any_answer_to_a_sent_request_is_final(answer: Answer) -> None:
    async with client(answer) as (arm, served):
        reply = await send(arm)
    assert isinstance(reply, ArmReply)
    assert reply.status == answer.status
    assert len(served.requests) == 1


@pytest.mark.parametrize("trouble", ["drop", "half", "hang"])
async def test_a_sent_request_without_a_reply_is_not_repeated(trouble: Break) -> None:
    async with client(trouble, send_within=timedelta(seconds=3)) as (arm, served):
        assert isinstance(await send(arm), NoReply)
    assert len(served.requests) == 1


async def test_without_a_connection_nothing_was_sent() -> None:
    with unserved_url() as url:
        async with ArmClient(url, StaticCredential()) as arm:
            assert isinstance(await send(arm), NotSent)


async def test_without_a_token_nothing_was_sent() -> None:
    async with client(Answer(), credential=NoToken()) as (arm, served):
        assert isinstance(await send(arm), NotSent)
    assert served.requests == []


async def test_each_sent_request_has_a_connection_of_its_own() -> None:
    async with client(Answer(), Answer(), "drop", Answer()) as (arm, served):
        await arm.get(PATH, api_version="1")
        await send(arm)
        await send(arm)
        assert isinstance(await send(arm), ArmReply)
    assert served.connections == 4


async def test_a_sent_request_carries_the_callers_id() -> None:
    async with client(Answer(status=202)) as (arm, served):
        await send(arm)
    [request] = served.requests
    assert (request.method, request.target) == ("POST", f"{PATH}?api-version=2024-07-01")
    assert (request.body, request.headers["x-ms-client-request-id"]) == ({"a": 1}, "job-1")


KEY = ConnectionKey(
    host="h", port=443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
NO_NAME = aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no such name"))
SLOW = aiohttp.ConnectionTimeoutError("connection timeout")
CAUSES: dict[str, tuple[AzureError, bool]] = {
    "refused": (ServiceRequestError("", error=REFUSED), True),
    "no such name": (ServiceRequestError("", error=NO_NAME), True),
    "no connection in time": (ServiceRequestTimeoutError("", error=SLOW), True),
    "server disconnected": (
        ServiceRequestError("", error=aiohttp.ServerDisconnectedError()),
        False,
    ),
    "reset": (ServiceRequestError("", error=aiohttp.ClientOSError(104, "reset")), False),
    "broke off": (ServiceRequestError("", error=aiohttp.ClientPayloadError()), False),
    "no answer in time": (
        ServiceResponseTimeoutError("", error=aiohttp.SocketTimeoutError()),
        False,
    ),
    "no answer": (ServiceResponseError(""), False),
    "without a cause": (ServiceRequestError(""), False),
}


@pytest.mark.parametrize(("error", "proof"), CAUSES.values(), ids=CAUSES.keys())
def test_only_a_connection_that_was_never_made_is_proof(error: AzureError, proof: bool) -> None:
    assert never_connected(error) is proof


# --- endpoints and headers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "https"),
    [
        ("https://management.azure.com", True),
        ("https://management.chinacloudapi.cn/", True),
        ("http://127.0.0.1:7072", False),
        ("http://[::1]:7072", False),
        ("http://localhost", False),
    ],
)
def test_tokens_go_over_https_or_stay_on_this_machine(endpoint: str, https: bool) -> None:
    assert must_be_https(endpoint) is https


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://management.azure.com",
        "http://127.0.0.1.example.org",
        "https://management.azure.com@example.org",
        "ftp://127.0.0.1",
        "",
        "https://",
    ],
)
def test_an_endpoint_that_would_give_tokens_away_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidRequestError):
        ArmClient(endpoint, StaticCredential())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0", 0), ("1.5", 1.5), ("1e12", 86_400), ("inf", 86_400)]
    + [(text, None) for text in (None, "", "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT")],
)
def test_a_wait_is_read_in_seconds_and_bounded(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("document", "found"),
    [({"a": {"b": 1}}, 1), ({"a": None}, None), ({"a": [1]}, None), ("a", None), (None, None)],
)
def test_a_member_that_is_not_there_is_none(document: object, found: object) -> None:
    assert dig(document, "a", "b") == found
