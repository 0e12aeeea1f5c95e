"""`PATCH virtualMachines`: consent in the local Azure, and what Azure refuses."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from localhost.azure.exchange import Asked, Reply
from localhost.azure.fleet import Fleet
from localhost.azure.routes import reply_to
from localhost.azure.server import LocalAzure

CONSENT = {
    "patchMode": "AutomaticByPlatform",
    "automaticByPlatformSettings": {"bypassPlatformSafetyChecksOnUserSchedule": True},
}
BYPASS = {"automaticByPlatformSettings": CONSENT["automaticByPlatformSettings"]}


def patch(azure: LocalAzure, machine_id: str, settings: Any, system: str = "windows") -> Reply:
    body = {"properties": {"osProfile": {f"{system}Configuration": {"patchSettings": settings}}}}
    asked = Asked(
        method="PATCH", path=machine_id, base="", query={"api-version": "2024-07-01"}, body=body
    )
    return reply_to(azure, asked)


def test_consent_is_seen_at_once(
    azure: LocalAzure, fleet: Fleet, id_of: Callable[[str], str]
) -> None:
    fleet.change(id_of("vm-win"), patch_mode="AutomaticByOS", bypass_checks=None)
    reply = patch(azure, id_of("vm-win"), CONSENT)
    assert reply.status is HTTPStatus.OK
    windows = reply.body["properties"]["osProfile"]["windowsConfiguration"]
    assert windows["patchSettings"] == {"assessmentMode": "ImageDefault", **CONSENT}
    machine = azure.machine(id_of("vm-win"))
    assert (machine.patch_mode, machine.bypass_checks) == ("AutomaticByPlatform", True)


@pytest.mark.parametrize(
    ("settings", "system", "changes"),
    [
        pytest.param(CONSENT, "linux", {}, id="the other system"),
        pytest.param({"patchMode": "ImageDefault"}, "windows", {}, id="the other system's mode"),
        pytest.param(BYPASS, "windows", {"patch_mode": "Manual"}, id="bypass without its mode"),
        pytest.param(CONSENT, "windows", {"hotpatching": True}, id="bypass with hotpatching"),
        pytest.param([], "windows", {}, id="no settings"),
    ],
)
def test_what_azure_would_not_take_changes_nothing(
    azure: LocalAzure,
    fleet: Fleet,
    id_of: Callable[[str], str],
    settings: Any,
    system: str,
    changes: dict[str, Any],
) -> None:
    before = fleet.change(id_of("vm-win"), bypass_checks=False, **changes)
    assert patch(azure, id_of("vm-win"), settings, system).status is HTTPStatus.BAD_REQUEST
    assert azure.machine(id_of("vm-win")) == before


def test_arc_server_has_nothing_to_consent_to(
    azure: LocalAzure, id_of: Callable[[str], str]
) -> None:
    assert patch(azure, id_of("arc-linux"), CONSENT, "linux").status is HTTPStatus.NOT_FOUND
