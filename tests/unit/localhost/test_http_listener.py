from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import azure.functions as func
import pytest

from localhost.functions.function_index import Handler, HttpFunction
from localhost.functions.http_listener import HttpListener
from localhost.functions.http_routes import RouteTable


@asynccontextmanager
async def _serving(
    code: Callable[[func.HttpRequest], Any] = lambda req: None,
    *,
    start_function: Callable[[str, str], None] = lambda name, text: None,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server whose only function, *code*, has the route `shop/{item?}` for GET and PUT."""

    def shop(req: func.HttpRequest) -> Any:
        return code(req)

    function = HttpFunction(
        handler=Handler(name="shop", parameter="req", code=shop),
        route="shop/{item?}",
        methods=frozenset({"GET", "PUT"}),
    )
    listener = HttpListener(RouteTable([function], prefix=""), start_function=start_function)
    url = await listener.start(0)
    try:
        async with aiohttp.ClientSession(url) as client:
            yield client
    finally:
        await listener.close()


async def _request_seen(method: str, path: str, **options: Any) -> func.HttpRequest:
    seen: list[func.HttpRequest] = []
    async with _serving(seen.append) as client, client.request(method, path, **options) as answer:
        assert answer.status == 204
    (request,) = seen
    return request


# --- what a function sees ------------------------------------------------------------------------


async def test_method_url_and_route_values() -> None:
    request = await _request_seen("GET", "/Shop/Tea?size=2")
    assert request.method == "GET"
    assert request.url.startswith("http://127.0.0.1:")
    assert request.url.endswith("/Shop/Tea?size=2")
    assert request.route_params == {"item": "Tea"}


async def test_a_route_parameter_that_took_nothing_is_absent() -> None:
    assert (await _request_seen("GET", "/shop")).route_params == {}


async def test_a_line_feed_is_a_character_of_a_path_like_others() -> None:
    assert (await _request_seen("GET", "/shop/a%0Ab")).route_params == {"item": "a\nb"}


async def test_header_names_are_lower_case() -> None:
    request = await _request_seen("GET", "/shop", headers={"X-Ms-Thing": "Value"})
    assert request.headers["x-ms-thing"] == "Value"
    assert all(name == name.lower() for name in request.headers)


async def test_repeated_headers_are_joined() -> None:
    request = await _request_seen("GET", "/shop", headers=[("X-A", "1"), ("X-A", "2")])
    assert request.headers["x-a"] == "1,2"


async def test_empty_query_values_are_dropped_and_repeated_ones_joined() -> None:
    request = await _request_seen("GET", "/shop?empty=&bare&a=1&a=2&b=x%20y")
    assert request.params == {"a": "1,2", "b": "x y"}


async def test_a_body_arrives_as_bytes() -> None:
    request = await _request_seen("PUT", "/shop", data=b'{"a": 1}')
    assert request.get_body() == b'{"a": 1}'
    assert request.get_json() == {"a": 1}


async def test_a_body_arrives_as_it_was_sent_whatever_its_encoding_says() -> None:
    headers = {"Content-Encoding": "gzip"}
    request = await _request_seen("PUT", "/shop", data=b"plain", headers=headers)
    assert request.get_body() == b"plain"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no body"),
        pytest.param({"data": b""}, id="an empty body"),
        pytest.param({"data": b"lost", "chunked": True}, id="a body of unstated length"),
    ],
)
async def test_there_is_no_body_without_a_content_length(options: dict[str, Any]) -> None:
    assert (await _request_seen("PUT", "/shop", **options)).get_body() == b""


# --- what a client sees --------------------------------------------------------------------------


async def _answer(
    code: Callable[[func.HttpRequest], Any], method: str = "GET", path: str = "/shop"
) -> tuple[aiohttp.ClientResponse, bytes]:
    async with _serving(code) as client, client.request(method, path) as answer:
        return answer, await answer.read()


async def test_status_headers_and_body_are_those_of_the_response() -> None:
    def code(req: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse('{"é": 1}', status_code=201, mimetype="application/json")
        response.headers.add("ETag", '"7"')
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        return response

    answer, body = await _answer(code)
    assert (answer.status, body.decode()) == (201, '{"é": 1}')
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == '"7"'
    assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(func.HttpResponse("x"), "text/plain; charset=utf-8", id="text by default"),
        pytest.param(
            func.HttpResponse("x", headers={"Content-Type": "image/x-icon"}),
            "image/x-icon",
            id="an explicit header",
        ),
    ],
)
async def test_content_type_of_a_response(response: func.HttpResponse, expected: str) -> None:
    answer, _ = await _answer(lambda req: response)
    assert answer.headers["Content-Type"] == expected


async def test_none_is_a_204() -> None:
    answer, body = await _answer(lambda req: None)
    assert (answer.status, body) == (204, b"")


def _fail(req: func.HttpRequest) -> None:
    raise RuntimeError("secret")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(_fail, id="an exception"),
        pytest.param(lambda req: '{"body": "x"}', id="text, which the real host would read into"),
    ],
)
async def test_an_error_is_a_500_with_an_empty_body(
    code: Callable[[func.HttpRequest], Any], caplog: pytest.LogCaptureFixture
) -> None:
    answer, body = await _answer(code)
    assert (answer.status, body) == (500, b"")
    assert caplog.messages == ["function.failed name=shop"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/shop", id="wrong method"),
        pytest.param("GET", "/market", id="no such route"),
        pytest.param("GET", "/", id="root"),
    ],
)
async def test_what_no_route_takes_is_a_404(method: str, path: str) -> None:
    answer, _ = await _answer(lambda req: func.HttpResponse("never"), method, path)
    assert answer.status == 404


# --- admin calls ---------------------------------------------------------------------------------


def _start(name: str, text: str) -> None:
    match name:
        case "tick":
            return
        case "shop":
            raise ValueError("shop is an HTTP function")
    raise KeyError(name)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/admin/functions/tick", b'{"input": "x"}', 202, id="started"),
        pytest.param("/Admin/Functions/tick", b'{"input": null}', 202, id="no input"),
        pytest.param("/admin/functions/tock", b'{"input": "x"}', 404, id="unknown function"),
        pytest.param("/admin/functions/shop", b'{"input": "x"}', 400, id="HTTP function"),
        pytest.param("/admin/functions/tick", b"", 400, id="no body"),
        pytest.param("/admin/functions/tick", b"{", 400, id="not JSON"),
        pytest.param("/admin/functions/tick", b"\xff", 400, id="not text"),
        pytest.param("/admin/functions/tick", b'{"input": 1}', 400, id="input that is no text"),
        pytest.param("/admin/elsewhere", b"{}", 404, id="another admin call"),
    ],
)
async def test_admin_calls_start_functions(path: str, body: bytes, status: int) -> None:
    async with _serving(start_function=_start) as client, client.post(path, data=body) as answer:
        assert answer.status == status


async def test_an_admin_call_hands_over_its_input() -> None:
    started: list[tuple[str, str]] = []
    async with (
        _serving(start_function=lambda name, text: started.append((name, text))) as client,
        client.post("/admin/functions/work", json={"input": "tea"}) as answer,
    ):
        assert (answer.status, started) == (202, [("work", "tea")])


async def test_the_host_says_that_it_runs() -> None:
    async with _serving() as client, client.get("/admin/host/status") as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "Running")
