"""What an operation answers: a status, a JSON value and headers; the blueprint makes the bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.application.preconditions import Written, opaque
from shared.entrypoints.arm.requests import ArmRequest

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; without a body none is sent."""

    status: int = 200
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def found(request: ArmRequest, resource: Json, *, etag: str) -> Reply:
    """200 with the resource, or 304 when the caller has this version already."""
    if request.preconditions.forbid(etag):
        return Reply(status=304, headers=_etag(etag))
    return Reply(body=resource, headers=_etag(etag))


def written(outcome: Written[Any], resource: Json, *, etag: str) -> Reply:
    """201 when it is new, else 200; a warning travels as a header."""
    headers = _etag(etag)
    if outcome.warning:
        headers["Muster-Warning"] = outcome.warning
    return Reply(status=201 if outcome.is_new else 200, body=resource, headers=headers)


def deleted(resource: Json | None) -> Reply:
    """200 with what was deleted, or 204: clients trip over other combinations of status and body."""
    return Reply(status=204) if resource is None else Reply(body=resource)


def listed(resources: Sequence[Json], *, next_link: str = "") -> Reply:
    """A page; without *next_link* it is the last."""
    body: dict[str, Any] = {"value": list(resources)}
    if next_link:
        body["nextLink"] = next_link
    return Reply(body=body)


def _etag(etag: str) -> dict[str, str]:
    return {"ETag": f'"{opaque(etag)}"'} if etag else {}
