"""No request reaches a use case without a caller, and the settings alone decide how callers are known."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from shared import bootstrap
from shared.settings import Settings
from tests.builders import CONFIGURATION, a_configuration
from tests.tenant import AUDIENCE, TENANT, Tenant, serving
from tests.unit.entrypoints.arm_client import Answer, ArmClient, assert_arm_error

EVERYWHERE = {"Host": "muster.example.com", "X-Forwarded-For": "203.0.113.7"}
"""What a request bears that came from elsewhere, through Azure's front end."""

Configure = Callable[..., None]


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    async with serving() as running:
        yield running


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets app settings."""

    def set_to(**values: Any) -> None:
        settings = Settings(storage=SecretStr("memory"), **values)
        monkeypatch.setattr(bootstrap, "settings", lambda: settings)

    return set_to


async def _get(client: ArmClient, path: str = CONFIGURATION, **headers: str) -> Answer:
    return await client.get(path, headers=EVERYWHERE | headers)


def _principal(*roles: str) -> dict[str, str]:
    claims = [("tid", TENANT), ("upn", "ada@example.com"), *(("roles", role) for role in roles)]
    listed = [{"typ": name, "val": value} for name, value in claims]
    header = json.dumps({"auth_typ": "aad", "claims": listed}).encode()
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(header).decode()}


# --- nothing configured --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CONFIGURATION, "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE"])
async def test_stranger_learns_nothing(client: ArmClient, method: str, path: str) -> None:
    answer = await client.send(method, path, {}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert_arm_error(answer, 403, "AuthorizationFailed")


async def test_page_of_another_site_can_send_nothing(client: ArmClient) -> None:
    answer = await client.put(
        CONFIGURATION, a_configuration(), headers={"Origin": "https://example.com"}
    )
    assert_arm_error(answer, 403, "AuthorizationFailed")


@pytest.mark.parametrize(
    "variable", ["website_instance_id", "website_pod_name", "website_site_name"]
)
async def test_app_in_azure_refuses_every_request(
    client: ArmClient, configure: Configure, variable: str
) -> None:
    configure(**{variable: "abc"})
    assert_arm_error(await client.get(CONFIGURATION), 403, "AuthorizationFailed")


async def test_headers_of_app_service_mean_nothing(client: ArmClient) -> None:
    answer = await _get(client, **_principal("Administrator"))
    assert_arm_error(answer, 403, "AuthorizationFailed")


# --- tokens --------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client: ArmClient, configure: Configure, tenant: Tenant) -> ArmClient:
    """A client of an app that checks tokens; it sends none unless told to."""
    configure(tenant=TENANT, audience=AUDIENCE, authority=tenant.authority)
    return client


async def test_caller_is_recorded(signed_in: ArmClient, tenant: Tenant) -> None:
    bearer = {"Authorization": f"Bearer {tenant.token(roles=['Administrator'])}"}
    answer = await signed_in.put(
        CONFIGURATION, a_configuration(), headers=EVERYWHERE | bearer, version="2025-11-01"
    )
    assert answer.status == 201
    assert answer.json["systemData"]["createdBy"] == "ada@example.com"


async def test_role_is_enough_or_not(signed_in: ArmClient, tenant: Tenant) -> None:
    bearer = {"Authorization": f"Bearer {tenant.token(roles=['Reader'])}"}
    assert_arm_error(await _get(signed_in, **bearer), 404, "ResourceNotFound")
    answer = await signed_in.put(CONFIGURATION, a_configuration(), headers=EVERYWHERE | bearer)
    assert_arm_error(answer, 403, "AuthorizationFailed")


async def test_without_a_role_the_answer_is_403(signed_in: ArmClient, tenant: Tenant) -> None:
    answer = await _get(signed_in, Authorization=f"Bearer {tenant.token(roles=None)}")
    assert_arm_error(answer, 403, "AuthorizationFailed")
    assert "WWW-Authenticate" not in answer.headers


async def test_without_a_token_the_answer_is_401(signed_in: ArmClient) -> None:
    answer = await _get(signed_in)
    assert_arm_error(answer, 401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_bad_token_is_answered_as_such(signed_in: ArmClient, tenant: Tenant) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    answer = await _get(signed_in, Authorization=f"Bearer {tenant.token(exp=an_hour_ago)}")
    assert_arm_error(answer, 401, "ExpiredAuthenticationToken")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_where_tokens_are_checked_nobody_is_local(signed_in: ArmClient) -> None:
    answer = await signed_in.get(CONFIGURATION, headers={"Host": "127.0.0.1:7071"})
    assert_arm_error(answer, 401, "AuthenticationFailed")


async def test_where_tokens_are_checked_app_service_is_not_believed(signed_in: ArmClient) -> None:
    answer = await _get(signed_in, **_principal("Administrator"))
    assert_arm_error(answer, 401, "AuthenticationFailed")


async def test_tenant_that_does_not_answer_is_503(signed_in: ArmClient, tenant: Tenant) -> None:
    tenant.status = 500
    answer = await _get(signed_in, Authorization=f"Bearer {tenant.token()}")
    assert_arm_error(answer, 503, "ServiceUnavailable")


async def test_keys_are_kept_from_request_to_request(signed_in: ArmClient, tenant: Tenant) -> None:
    for _ in range(3):
        await _get(signed_in, Authorization=f"Bearer {tenant.token()}")
    assert tenant.asked == 1


# --- App Service authentication ------------------------------------------------------------------


async def test_app_service_is_believed_in_azure(client: ArmClient, configure: Configure) -> None:
    configure(
        tenant=TENANT,
        app_service_auth=True,
        website_instance_id="abc",
        website_auth_enabled="True",
    )
    assert_arm_error(await _get(client, **_principal("Reader")), 404, "ResourceNotFound")
    assert_arm_error(await _get(client), 401, "AuthenticationFailed")


@pytest.mark.parametrize(
    "surroundings",
    [
        pytest.param({"website_auth_enabled": "True"}, id="not in Azure"),
        pytest.param({"website_instance_id": "abc"}, id="not switched on in Azure"),
        pytest.param(
            {"website_instance_id": "abc", "website_auth_enabled": "False"}, id="switched off"
        ),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1:7071", "muster.example.com"])
async def test_app_service_is_not_believed_elsewhere(
    client: ArmClient, configure: Configure, surroundings: dict[str, str], host: str
) -> None:
    configure(tenant=TENANT, app_service_auth=True, **surroundings)
    answer = await client.get(CONFIGURATION, headers={"Host": host, **_principal("Administrator")})
    assert_arm_error(answer, 403, "AuthorizationFailed")


# --- always --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="nothing configured"),
        pytest.param({"tenant": TENANT, "audience": AUDIENCE}, id="tokens"),
        pytest.param({"tenant": TENANT, "app_service_auth": True}, id="App Service"),
    ],
)
@pytest.mark.parametrize(
    "path", [CONFIGURATION, "/", "/providers/Microsoft.Maintenance/operations"]
)
async def test_without_a_caller_no_service_is_asked_for(
    client: ArmClient,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    path: str,
) -> None:
    configure(**values)

    async def services() -> None:
        raise AssertionError("a stranger's request went on")

    monkeypatch.setattr(bootstrap, "services", services)
    assert (await _get(client, path)).status in (401, 403)
