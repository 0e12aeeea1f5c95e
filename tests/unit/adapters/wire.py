"""A server on the loopback interface that answers what a test wrote down, or breaks as the test wants it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One reply; `body` is sent as JSON, text as it is."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def wire_form(self) -> bytes:
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        content = b"" if self.body is None else text.encode()
        headers = {"Content-Length": str(len(content)), **self.headers}
        lines = [
            f"HTTP/1.1 {self.status} -",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content


# Take the request, then: close the connection, never answer, or break off within the answer.
Break = Literal["drop", "hang", "half"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What arrived; header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Wire:
    """A running server, and what has come in so far."""

    script: list[Answer | Break]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                self.requests.append(request)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if step == "drop":
                    break
                if step == "hang":
                    await reader.read()
                    break
                if step == "half":
                    writer.write(b"HTTP/1.1 202 -\r\nContent-Length: 100\r\n\r\n{")
                    break
                writer.write(step.wire_form())
        finally:
            writer.close()


@asynccontextmanager
async def wire(*script: Answer | Break) -> AsyncIterator[Wire]:
    """Serve the script, one step a request; the last step stays."""
    served = Wire(list(script))
    server = await asyncio.start_server(served.serve, "127.0.0.1")
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield served


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(
        method=method,
        target=target,
        headers=headers,
        body=json.loads(content) if content else None,
    )
