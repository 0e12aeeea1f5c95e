"""Faults of single requests over HTTP: what the client sees, what was done, and what the log says."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet
from localhost.azure.server import LocalAzure, serve
from tests.unit.localhost_azure.estate import StandingClock
from tests.waiting import until

Http = tuple[LocalAzure, aiohttp.ClientSession]
IdOf = Callable[[str], str]

VERSION = {"api-version": "2024-07-01"}
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
QUERY = {"query": "resources | order by id asc | project id"}
INSTALL = {"rebootSetting": "Never", "maximumDuration": "PT2H"}
HOTPATCHING = {
    "properties": {
        "osProfile": {
            "windowsConfiguration": {
                "patchSettings": {
                    "enableHotpatching": True,
                    "automaticByPlatformSettings": {
                        "bypassPlatformSafetyChecksOnUserSchedule": False
                    },
                }
            }
        }
    }
}


async def ask(session: aiohttp.ClientSession, method: str, path: str, **more: Any) -> int:
    async with session.request(method, path, params=VERSION, **more) as reply:
        return reply.status


async def hanging(
    azure: LocalAzure, asked: Coroutine[Any, Any, int], number: int
) -> asyncio.Task[int]:
    """A request, after which *number* have arrived in all, and which is not answered in a while."""
    waiting = asyncio.create_task(asked)
    await until(lambda: len(azure.calls.all()) >= number)
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done()
    return waiting


async def give_up(waiting: asyncio.Task[int]) -> None:
    """As a client does that has waited long enough."""
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        pytest.param("POST", "/installPatches", INSTALL, id="an install"),
        pytest.param("POST", "/assessPatches", None, id="an assessment"),
        pytest.param("PATCH", "", HOTPATCHING, id="a change"),
    ],
)
async def test_reply_is_lost_after_it_was_done(
    http: Http, id_of: IdOf, method: str, suffix: str, body: object
) -> None:
    azure, session = http
    azure.faults = Faults(drop_after_accept=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(session, method, f"{id_of('vm-win')}{suffix}", json=body)
    [call] = azure.calls.all()
    assert call.status == "dropped"
    assert call.activity or azure.machine(id_of("vm-win")).hotpatching


async def test_refusal_is_not_lost(http: Http, id_of: IdOf) -> None:
    azure, session = http
    azure.faults = Faults(drop_after_accept=1)
    assert await ask(session, "POST", f"{id_of('vm-off')}/assessPatches") == 409


async def test_reads_lose_their_replies(http: Http, id_of: IdOf) -> None:
    azure, session = http
    azure.faults = Faults(lose_reads=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(session, "GET", id_of("vm-win"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(session, "POST", GRAPH, json=QUERY)
    assert {call.status for call in azure.calls.all()} == {"dropped"}
    assert await ask(session, "POST", f"{id_of('vm-win')}/assessPatches") == 202


async def test_reads_are_throttled_with_and_without_retry_after(http: Http, id_of: IdOf) -> None:
    azure, session = http
    azure.faults = Faults(throttle_reads=1)
    waits = set()
    for _ in range(12):
        async with session.get(id_of("vm-win"), params=VERSION) as reply:
            waits.add((reply.status, reply.headers.get("Retry-After")))
    assert waits == {(429, "5"), (429, None)}
    assert azure.calls.throttled() == []


async def test_request_that_hangs_is_done_or_not_and_the_others_are_served(
    http: Http, id_of: IdOf
) -> None:
    azure, session = http
    azure.faults = Faults(hang=1)
    for number, name in enumerate(("vm-win", "vm-linux", "arc-linux"), start=1):
        waiting = ask(session, "POST", f"{id_of(name)}/installPatches", json=INSTALL)
        await give_up(await hanging(azure, waiting, number))
    azure.faults = Faults()
    assert await ask(session, "GET", id_of("vm-win")) == 200
    assert [call.status for call in azure.calls.all()] == ["hung", "hung", "hung", 200]
    assert len(azure.calls.installs()) in (1, 2)


async def test_server_ends_although_a_request_hangs(fleet: Fleet, clock: StandingClock) -> None:
    local = LocalAzure(fleet, now=clock, faults=Faults(hang=1))
    async with aiohttp.ClientSession() as session:
        async with serve(local) as base:
            asked = ask(session, "GET", f"{base}{fleet.machines()[0].id}")
            waiting = await hanging(local, asked, 1)
            assert [call.status for call in local.calls.all()] == ["hung"]
        with pytest.raises(aiohttp.ClientConnectionError):
            await waiting


async def test_half_a_page_comes_with_a_token_to_go_on(http: Http) -> None:
    azure, session = http
    azure.faults = Faults(half_page=1)
    async with session.post(GRAPH, params=VERSION, json=QUERY) as reply:
        first = await reply.json()
    azure.faults = Faults()
    options = {"$skipToken": first["$skipToken"]}
    async with session.post(GRAPH, params=VERSION, json={**QUERY, "options": options}) as reply:
        rest = await reply.json()
    assert (first["resultTruncated"], rest["resultTruncated"]) == ("true", "false")
    assert [len(first["data"]), len(rest["data"])] == [2, 3]
    assert [row["id"] for row in first["data"] + rest["data"]] == sorted(
        machine.id for machine in azure.machines()
    )


async def test_token_of_nobody_is_refused(http: Http) -> None:
    body = {**QUERY, "options": {"$skipToken": "no token"}}
    assert await ask(http[1], "POST", GRAPH, json=body) == 400


async def test_faults_are_explained_and_shown(http: Http) -> None:
    azure, session = http
    azure.faults = Faults(seed=4, hang=0.1)
    async with session.get("/_local/faults") as reply:
        shown = await reply.json()
    assert Faults.parse(shown["faults"]) == azure.faults
    assert "`half_page`" in shown["help"]
