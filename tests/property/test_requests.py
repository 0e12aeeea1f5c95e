"""Whatever is sent over HTTP, it succeeds or is refused in ARM's shape: nothing breaks the app from outside."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared import bootstrap
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.ports import Services
from shared.entrypoints.arm.ids import Address
from shared.entrypoints.arm.routes import find_operations
from shared.errors import NotFoundError
from shared.settings import Settings
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.property.strategies_time import UNTIMED
from tests.property.test_bodies import FILTER, JSON, damaged
from tests.unit.entrypoints.arm_client import Answer, ArmClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDER = "/providers/Microsoft.Maintenance"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
RUN = f"{CONFIGURATION}{PROVIDER}/applyUpdates/20260602020000"
PATHS = [
    f"{PROVIDER}/operations",
    f"{SCOPE}{PROVIDER}/maintenanceConfigurations",
    f"{SCOPE}{PROVIDER}/configurationAssignments/all",
    f"{SCOPE}{PROVIDER}/publicMaintenanceConfigurations/one",
    f"{SCOPE}{PROVIDER}/applyUpdates",
    f"{SCOPE}/providers/Muster.Maintenance/assess",
    f"{SCOPE}/providers/Muster.Maintenance/consent",
    f"{GROUP}{PROVIDER}/configurationAssignments/web",
    f"{a_machine().id}{PROVIDER}/configurationAssignments/one",
    f"{a_machine().id}{PROVIDER}/applyUpdates/default",
    f"{a_machine().id}{PROVIDER}/updates",
    f"{a_machine().id}/providers/Muster.Maintenance/assessment",
    f"{a_machine().id}{PROVIDER}/scheduledevents/one/acknowledge",
    CONFIGURATION,
    f"{CONFIGURATION}/preview",
    f"{CONFIGURATION}{PROVIDER}/applyUpdates/default",
    RUN,
    f"{RUN}/jobs",
    f"{RUN}/jobs/0/updates",
]
SEGMENTS = st.sampled_from(
    [
        *sorted({part for path in PATHS for part in path.split("/")}),
        "00000000000000",
        "99991231235959",
        "20260230250000",
        "%00",
        "%2F",
        "%FF",
        "%",
        "..",
        " ",
        "[",
        "x" * 500,
    ]
) | st.text(max_size=9).map(lambda text: quote(text, errors="replace"))
METHODS = st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "BREW"])
VERSIONS = st.sampled_from(["2023-04-01", "2025-11-01", "2025-11-01", "", "1999-01-01"])
VALUES = st.text(max_size=12) | st.sampled_from(
    [
        "0",
        "1",
        "1001",
        "-1",
        "٣",
        "1e3",
        "abc",
        "ff",
        "*",
        '"0"',
        'W/"0"',
        "a,b",
        "Failed",
        "Pending",
    ]
)
QUERIES = st.dictionaries(
    st.sampled_from(["$top", "$skipToken", "outcome", "status", "$filter", "API-VERSION"])
    | st.text(max_size=6),
    VALUES,
    max_size=3,
)
# What a server lets through: neither control characters nor anything beyond Latin-1.
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "If-Match",
            "If-None-Match",
            "Authorization",
            "Content-Type",
            "Host",
            "X-Forwarded-For",
            "X-MS-Client-Principal",
            "x-ms-correlation-request-id",
        ]
    ),
    HEADER_TEXT | VALUES.filter(lambda value: value.isprintable() and value.isascii()),
    max_size=3,
)


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path that is served, or one with up to three of its segments changed, added or taken away."""
    segments = draw(st.sampled_from(PATHS)).split("/")[1:]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(segments)))
        segments[at : at + draw(st.integers(0, 1))] = draw(st.lists(SEGMENTS, max_size=1))
    return "/" + "/".join(segments)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A document that is taken, a damaged one, anything in JSON, or no JSON at all."""
    known = [a_configuration(), a_scope(FILTER), {"properties": {"status": "Cancel"}}, {}]
    document = draw(st.sampled_from([*known, {"machines": [a_machine().id]}]))
    if draw(st.booleans()):
        document = damaged(document, draw(st.data()))
    chosen = st.just(document) | JSON
    return draw(chosen.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=30))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[ArmClient]:
    """The app over services in memory, with a configuration, a scope and a run."""
    clock = MemoryClock(DAY_BEFORE)
    built = memory_services(clock, fleet=MemoryFleet(clock, [a_state()]))

    async def services() -> Services:
        return built

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "services", services)
        patch.setattr(bootstrap, "settings", lambda: Settings(storage=SecretStr("memory")))
        found = ArmClient(services=built)
        await found.put(CONFIGURATION, a_configuration())
        await found.put(f"{SCOPE}{PROVIDER}/configurationAssignments/all", a_scope())
        yield found


def check(answer: Answer) -> None:
    """It succeeded, or was refused in ARM's shape; and it can be sent at all."""
    assert answer.status < 500 or answer.status == 501, answer
    if answer.status >= 400:
        assert list(answer.json) == ["error"]
        assert answer.json["error"]["code"]
        assert answer.json["error"]["message"]
    for value in answer.headers.values():
        assert value.isascii()
        assert value.isprintable()


@UNTIMED
@given(data=st.data())
async def test_any_request_succeeds_or_is_refused(client: ArmClient, data: st.DataObject) -> None:
    query = urlencode(data.draw(QUERIES), errors="replace")
    path = data.draw(paths()) + (query and f"?{query}")
    answer = await client.send(
        data.draw(METHODS),
        path,
        content=data.draw(st.just(b"") | bodies()),
        headers=data.draw(HEADERS),
        version=data.draw(VERSIONS),
    )
    check(answer)


def served(method: str) -> list[str]:
    """The paths that know a method."""
    found = []
    for path in PATHS:
        with suppress(NotFoundError):
            if method in find_operations(Address.of(path)):
                found.append(path)
    return found


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
@UNTIMED
@given(data=st.data())
async def test_any_body_is_taken_or_refused(
    client: ArmClient, method: str, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(served(method)))
    check(await client.send(method, path, content=data.draw(bodies()), version="2025-11-01"))


async def test_app_is_served_at_all(client: ArmClient) -> None:
    assert (await client.put(CONFIGURATION, a_configuration())).status in (200, 201)
    found: Any = await client.get(f"{SCOPE}{PROVIDER}/maintenanceConfigurations")
    assert CONFIGURATION in [one["id"] for one in found.json["value"]]
