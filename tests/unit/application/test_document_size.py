"""What is kept has a limit of its own: a body that grows when it is stored, and one that grows by PATCHes."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.application.assignments import patch_assignment, put_assignment
from shared.application.callers import LOCAL
from shared.application.configurations import patch_configuration, put_configuration
from shared.application.limits import Limits
from shared.application.ports import Services
from shared.application.servers import put_server
from shared.errors import TooLargeError
from tests.builders import CONFIGURATION, GROUP, SERVER, a_configuration, a_scope, a_server, a_state
from tests.drill import Drill

LIMIT = Limits().body_bytes
LONG_NUMBERS: dict[str, Any] = {"more": [1e15] * (LIMIT // 6)}
"""As `1e15` they fit into a body; what is kept of them is `1000000000000000.0`."""


def drill() -> Drill:
    return Drill([a_state()])


def configure(services: Services, document: dict[str, Any]) -> Awaitable[object]:
    return put_configuration(services, CONFIGURATION, document=document, caller=LOCAL)


def assign(services: Services, document: dict[str, Any]) -> Awaitable[object]:
    return put_assignment(services, GROUP, name="all", document=document, caller=LOCAL)


def register(services: Services, document: dict[str, Any]) -> Awaitable[object]:
    return put_server(services, SERVER, document=document, caller=LOCAL)


@pytest.mark.parametrize(
    ("put", "document"),
    [
        pytest.param(configure, a_configuration(), id="a configuration"),
        pytest.param(assign, a_scope(), id="an assignment"),
        pytest.param(register, a_server(), id="a server"),
    ],
)
async def test_document_that_is_longer_when_it_is_kept_is_refused(
    put: Callable[[Services, dict[str, Any]], Awaitable[object]], document: dict[str, Any]
) -> None:
    services = drill().services
    await configure(services, a_configuration())
    with pytest.raises(TooLargeError, match=f"At most {LIMIT} bytes"):
        await put(services, document | LONG_NUMBERS)
    # Its own size alone counts: with as much text, sent as it is kept, it fits.
    sent = len(json.dumps(document).encode())
    await put(services, {**document, "location": "x" * (LIMIT - sent - 100)})


async def test_document_that_grows_by_patches_is_refused_at_the_limit() -> None:
    tried = drill()
    await tried.configure()
    share = "x" * (LIMIT // 3)
    for name in ("a", "b"):
        changes = {"tags": {name: share}}
        await patch_configuration(tried.services, CONFIGURATION, changes=changes, caller=LOCAL)
    with pytest.raises(TooLargeError):
        await patch_configuration(
            tried.services, CONFIGURATION, changes={"tags": {"c": share}}, caller=LOCAL
        )
    stored = await tried.services.configurations.get(CONFIGURATION)
    assert stored
    assert set(stored.document["tags"]) == {"a", "b"}


async def test_assignment_that_grows_by_patches_is_refused_at_the_limit() -> None:
    services = drill().services
    await configure(services, a_configuration())
    await assign(services, {**a_scope(), "location": "x" * (LIMIT - 1000)})
    with pytest.raises(TooLargeError):
        await patch_assignment(
            services, GROUP, name="all", changes={"type": "y" * 1000}, caller=LOCAL
        )
