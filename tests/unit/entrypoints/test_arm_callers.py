"""With no authentication configured only this machine is answered, and in Azure nobody."""

import pytest
from pydantic import SecretStr

from shared import bootstrap
from shared.application.callers import Role
from shared.entrypoints.arm.callers import local_caller
from shared.errors import ForbiddenError
from shared.settings import Settings
from tests.builders import CONFIGURATION
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:7071"},
        {"host": "127.8.9.10"},
        {"host": "localhost"},
        {"host": "LOCALHOST:7071"},
        {"host": "[::1]:7071"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1:5000, ::1, [::1]:80"},
    ],
)
def test_this_machine_is_the_administrator(headers: dict[str, str]) -> None:
    assert local_caller(headers, azure_instance="").role is Role.ADMINISTRATOR


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "example.com"},
        {"host": "localhost.example.com"},
        {"host": "127.0.0.1.example.com"},
        {"host": "localhost@example.com"},
        {"host": "example.com#localhost"},
        {"host": "10.0.0.1:7071"},
        {"host": "0.0.0.0:7071"},
        {"host": "[::]:7071"},
        {"host": "[broken"},
        {"host": "localhost", "x-forwarded-for": "203.0.113.7"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1, 203.0.113.7"},
        {"host": "localhost", "x-forwarded-for": "203.0.113.7, 127.0.0.1"},
        {"host": "localhost", "x-forwarded-for": ""},
        {"host": "localhost", "x-forwarded-for": "unknown"},
    ],
)
def test_whoever_may_be_elsewhere_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        local_caller(headers, azure_instance="")


def test_in_azure_nobody_is_local() -> None:
    with pytest.raises(ForbiddenError):
        local_caller({"host": "localhost"}, azure_instance="abc")


@pytest.mark.parametrize("path", [CONFIGURATION, "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE"])
async def test_stranger_learns_nothing(client: ArmClient, method: str, path: str) -> None:
    answer = await client.send(method, path, {}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert_arm_error(answer, 403, "AuthorizationFailed")


async def test_app_in_azure_refuses_every_request(
    client: ArmClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(storage=SecretStr("memory"), website_instance_id="abc")
    monkeypatch.setattr(bootstrap, "settings", lambda: settings)
    assert_arm_error(await client.get(CONFIGURATION), 403, "AuthorizationFailed")
