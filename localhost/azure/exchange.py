"""One request and one answer of the local Azure, without sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from localhost.azure.errors import ArmError
from localhost.azure.operations import Operation

Cut = Literal["dropped", "hung"]
"""How a connection ends without an answer: closed at once, or left open until the client goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: `path` decoded, `base` the address of this server, `body` as JSON or None."""

    method: str
    path: str
    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; `body` None is an empty one.

    For the log: the operation that it `started`, the limit that it was `throttled_by`. With `cut` it is never sent.
    """

    status: HTTPStatus = HTTPStatus.OK
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    started: Operation | None = None
    throttled_by: str | None = None
    cut: Cut | None = None


def refusal(error: ArmError) -> Reply:
    """The reply that says why."""
    return Reply(status=error.status, body=error.body(), headers=error.headers)
