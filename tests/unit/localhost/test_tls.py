"""`serve --tls`: https from the greeting to the URL that a function sees."""

import json
import shutil
import ssl
import subprocess
from pathlib import Path

import aiohttp
import azure.functions as func
import pytest

from localhost.command_line import parser, serve_options
from localhost.functions.function_index import Handler, HttpFunction
from localhost.functions.http_listener import HttpListener
from localhost.functions.http_routes import RouteTable
from localhost.serve.certificate import Certificate
from localhost.serve.greeting import greeting
from localhost.serve.options import ServeOptions
from localhost.serve.state_folder import StateFolder
from shared.adapters.clock import SystemClock
from tests.builders import DAY_BEFORE
from tests.processes import running


@pytest.mark.parametrize(("switches", "tls"), [([], False), (["--tls"], True)])
def test_the_switch_is_an_option(switches: list[str], tls: bool) -> None:
    assert serve_options(parser().parse_args(["serve", *switches])).tls is tls


def test_the_greeting_tells_curl_what_to_trust(tmp_path: Path) -> None:
    text = greeting(
        ServeOptions(tls=True),
        StateFolder(tmp_path),
        url="https://u",
        arm="http://a",
        now=DAY_BEFORE,
    )
    assert f"curl -s --cacert '{tmp_path}/tls/certificate.pem' 'https://u/" in text


async def test_a_function_sees_that_it_was_called_by_https(tmp_path: Path) -> None:
    def echo(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.url)

    function = HttpFunction(
        handler=Handler(name="echo", parameter="req", code=echo), route="echo", methods=frozenset()
    )
    certificate = Certificate(tmp_path)
    listener = HttpListener(
        RouteTable([function], prefix=""),
        start_function=lambda _name, _input: None,
        tls=certificate.context(SystemClock().now()),
    )
    url = f"{await listener.start(0)}/echo"
    trusted = ssl.create_default_context(cafile=str(certificate.path))
    try:
        async with aiohttp.ClientSession() as client, client.get(url, ssl=trusted) as answer:
            assert await answer.text() == url
            assert url.startswith("https://127.0.0.1:")
    finally:
        await listener.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_line_of_the_greeting_works_as_printed(tmp_path: Path) -> None:
    switches = ["--port", "0", "--storage-ports", "0:0", "--state", str(tmp_path / "state")]
    with running("serve", "--tls", *switches, log=tmp_path / "log") as host:
        line = host.wait_for(r"(curl -s --cacert .*)\n")
        answer = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=60)
    assert json.loads(answer.stdout) == {"value": []}
