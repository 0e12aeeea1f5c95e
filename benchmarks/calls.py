"""Azure's log of calls, counted: by kind, with what faults and limits did to them, beside the least that was needed.

1. A call is *lost* when a fault answered it, or nobody did, and it had no effect. What lost calls made necessary again
   is no waste of the app: only calls that are not lost are held against the least.
2. The least is one look at each machine of the run, and one request for each install that was accepted. Machines that
   are skipped cost a look and no request. How few queries would do is counted where they are asked: see `queries`.
3. Calls with the same client request id are one request and its repetitions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from localhost.azure.calls import Call

LOOK, REQUEST, QUERY = "GET machine", "POST installPatches", "POST resources (query)"
_KINDS = {
    "installpatches": REQUEST,
    "resources": QUERY,
    "operations": "GET operation",
    "updatecenteroperationresults": "GET operation",
}
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
_OF_A_CALL = {each.name for each in fields(Call)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Calls of one kind: all, those that faults lost, those that limits rejected (429), repetitions of a request."""

    all: int
    lost: int
    throttled: int
    repeated: int

    @property
    def held_against_the_app(self) -> int:
        """All but the lost ones."""
        return self.all - self.lost


def read_calls(documents: Iterable[Mapping[str, Any]]) -> list[Call]:
    """The calls of `GET /_local/calls`."""
    return [
        Call(
            **{name: value for name, value in one.items() if name in _OF_A_CALL and name != "at"},
            at=datetime.fromisoformat(one["at"]),
        )
        for one in documents
    ]


def kind_of(call: Call) -> str:
    """What a call is for, in the words of the report."""
    segments = call.path.lower().split("/")
    for name, kind in _KINDS.items():
        if name in segments[-2:]:
            return kind
    return f"{call.method} {'machine' if call.machine else segments[-2]}"


def tallies(calls: Iterable[Call]) -> dict[str, Tally]:
    """The calls by kind."""
    by_kind: dict[str, list[Call]] = {}
    for call in calls:
        by_kind.setdefault(kind_of(call), []).append(call)
    return {kind: _tally(some) for kind, some in sorted(by_kind.items())}


def machines_started(calls: Iterable[Call]) -> int:
    """How many machines accepted an install."""
    return len({call.client_request_id for call in calls if _is_install(call)})


def installs(calls: Iterable[Call]) -> list[Call]:
    """The calls that started an install, whether or not their reply arrived."""
    return [call for call in calls if _is_install(call)]


def _is_install(call: Call) -> bool:
    return call.operation == "install" and call.activity is not None


def _tally(calls: list[Call]) -> Tally:
    requests = {call.client_request_id for call in calls}
    return Tally(
        all=len(calls),
        lost=sum(map(_is_lost, calls)),
        throttled=sum(call.throttled is not None for call in calls),
        repeated=len(calls) - len(requests),
    )


def _is_lost(call: Call) -> bool:
    if call.activity or call.throttled:
        return False
    is_cut = isinstance(call.status, str)
    return is_cut or call.status == _TOO_MANY_REQUESTS or int(call.status) >= _SERVER_ERROR
