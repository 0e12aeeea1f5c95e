"""Installs and assessments as Azure itself has answered them, stage by stage, beside the local Azure's answers.

Compared are the status, the names of the headers that tell something, and the names of all members; their values are of
another machine. The local Azure is asked what Azure was asked, at the addresses that it gives out itself.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from localhost.azure.fleet import Kind, Machine
from localhost.azure.updates import Os, Update
from tests.conformance.local_azure_witness import Witness, witness
from tests.conformance.published import ROOT
from tests.unit.localhost_azure.estate import INSTALL_TIME, machine

RECORDED = {
    provider: json.loads(
        (ROOT / "recorded" / f"{provider}-patch-operations.json").read_text(encoding="utf-8")
    )
    for provider in ("compute", "hybridcompute")
}
ADDRESSES = ("azure-asyncoperation", "location", "retry-after")
# Azure counts all callers of a subscription together as well, and tells of it in some replies.
LEFT_OUT = {"x-ms-ratelimit-remaining-subscription-global-writes"}

UPDATES = {
    Os.WINDOWS: (
        Update(patch_id="a", name="Security update", kb="1", classification="Security"),
        Update(patch_id="b", name="Preview", kb="2", classification="Updates"),
    ),
    Os.LINUX: (
        Update(patch_id="c", name="curl", version="7", classification="Security"),
        Update(patch_id="d", name="apt", version="1", classification="Other"),
    ),
}


def sessions(provider: str) -> Iterator[list[Any]]:
    """The exchanges of a recording, each POST with what follows it."""
    session: list[Any] = []
    for exchange in RECORDED[provider]:
        if exchange["method"] == "POST" and session:
            yield session
            session = []
        session.append(exchange)
    yield session


def target_of(exchanges: list[Any]) -> Machine:
    """A machine like the one that was recorded."""
    words = json.dumps(exchanges[-1]["reply"])
    os = Os.LINUX if '"version"' in words else Os.WINDOWS
    kind = Kind.ARC if "HybridCompute" in exchanges[0]["url"] else Kind.VM
    return machine("one", kind=kind, os=os, missing=UPDATES[os])


def is_over(exchange: Any) -> bool:
    """Whether Azure's answer says that the operation has ended."""
    reply = exchange["reply"]
    return isinstance(reply, dict) and reply.get("status") not in (None, "InProgress")


class Follower:
    """Asks the local Azure what the recorded client asked of Azure."""

    def __init__(self, seen: Witness, target: Machine) -> None:
        self._seen = seen
        self._target = target
        self._addresses: dict[str, str] = {}

    async def ask(self, exchange: Any) -> tuple[int, Mapping[str, str], Any]:
        url = urlsplit(exchange["url"])
        version = {"api-version": "2024-07-01"}
        if exchange["method"] == "POST":
            action = url.path.rpartition("/")[2]
            path = f"{self._target.id}/{action}"
            answer = await self._seen.fetch("POST", path, params=version, json=exchange["body"])
        else:
            answer = await self._seen.fetch("GET", self._addresses[self._which(url.query)])
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self._addresses |= {name: headers[name] for name in ADDRESSES if name in headers}
        return answer.status, headers, answer.body

    def _which(self, query: str) -> str:
        polls_compute = "azure-asyncoperation" in self._addresses and "monitor=true" not in query
        return "azure-asyncoperation" if polls_compute else "location"


def told(headers: Mapping[str, str]) -> set[str]:
    """The headers that tell something."""
    return {name for name in headers if name in ADDRESSES or name.startswith("x-ms-")} - LEFT_OUT


def members(node: Any, at: str = "") -> set[str]:
    """The paths of all members, those of a list's items together."""
    if isinstance(node, list):
        return {path for one in node for path in members(one, f"{at}[]")}
    if isinstance(node, dict):
        return {at} | {path for name, one in node.items() for path in members(one, f"{at}.{name}")}
    return {at}


SESSIONS = [
    pytest.param(exchanges, id=f"{provider} {number}")
    for provider in RECORDED
    for number, exchanges in enumerate(sessions(provider), start=1)
]


@pytest.mark.parametrize("exchanges", SESSIONS)
async def test_each_stage_has_the_recorded_shape(exchanges: list[Any]) -> None:
    target = target_of(exchanges)
    assert is_over(exchanges[-1])
    async with witness(target) as seen:
        follower = Follower(seen, target)
        for exchange in exchanges:
            if is_over(exchange):
                seen.clock.advance(INSTALL_TIME)
            status, headers, body = await follower.ask(exchange)
            assert status == exchange["status"]
            assert told(headers) == told(exchange["headers"])
            assert members(body) == members(exchange["reply"] or None)


def test_recordings_hold_an_install_of_each_system_and_an_assessment() -> None:
    starts = [one["url"].partition("?")[0] for name in RECORDED for one in RECORDED[name]]
    assert len(SESSIONS) == 4
    assert sum(url.endswith("/installPatches") for url in starts) == 3
    assert sum(url.endswith("/assessPatches") for url in starts) == 1
