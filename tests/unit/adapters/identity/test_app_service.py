"""App Service's header is believed where Azure vouches for it, and nowhere else."""

import base64
import json
from typing import Any

import pytest

from shared.adapters.identity.app_service import AppServicePrincipal
from shared.application.callers import Caller, Role
from shared.errors import ForbiddenError, UnauthenticatedError
from tests.tenant import CLIENT, PERSON, TENANT

XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
USER = {
    "http://schemas.microsoft.com/identity/claims/tenantid": TENANT,
    "http://schemas.microsoft.com/identity/claims/objectidentifier": PERSON,
    f"{XMLSOAP}/upn": "ada@example.com",
    "roles": "Operator",
}


def _header(claims: Any, *, auth_typ: str = "aad") -> dict[str, str]:
    pairs = claims.items() if isinstance(claims, dict) else claims
    listed = [{"typ": name, "val": value} for name, value in pairs]
    return _encoded({"auth_typ": auth_typ, "claims": listed, "name_typ": "", "role_typ": ""})


def _encoded(value: Any) -> dict[str, str]:
    return {"x-ms-client-principal": base64.b64encode(json.dumps(value).encode()).decode()}


async def _caller(headers: dict[str, str]) -> Caller:
    return await AppServicePrincipal(tenant=TENANT, is_switched_on=True).caller(headers)


async def test_user_is_known_by_what_azure_says() -> None:
    caller = await _caller(_header(USER))
    assert caller == Caller(name="ada@example.com", role=Role.OPERATOR, kind="User")


async def test_application_is_known_too() -> None:
    claims = {"tid": TENANT, "azp": CLIENT, "oid": PERSON, "roles": "Reader"}
    caller = await _caller(_header(claims))
    assert caller == Caller(name=CLIENT, role=Role.READER, kind="Application")


async def test_several_roles_are_several_claims() -> None:
    long_name = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
    pairs = [*USER.items(), (long_name, "Administrator"), ("roles", "Reader")]
    assert (await _caller(_header(pairs))).role is Role.ADMINISTRATOR


async def test_of_a_claim_that_comes_twice_the_first_counts() -> None:
    pairs = [*USER.items(), ("upn", "eve@example.com")]
    assert (await _caller(_header(pairs))).name == "ada@example.com"


async def test_where_azure_does_not_vouch_nobody_is_believed() -> None:
    authentication = AppServicePrincipal(tenant=TENANT, is_switched_on=False)
    with pytest.raises(ForbiddenError):
        await authentication.caller(_header(USER))


async def test_bearer_token_alone_is_not_looked_at() -> None:
    with pytest.raises(UnauthenticatedError):
        await _caller({"authorization": "Bearer x"})


async def test_without_a_role_nothing_is_allowed() -> None:
    with pytest.raises(ForbiddenError):
        await _caller(_header({**USER, "roles": "Owner"}))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"x-ms-client-principal": ""}, id="empty"),
        pytest.param({"x-ms-client-principal": "!"}, id="not base64"),
        pytest.param({"x-ms-client-principal": "ü"}, id="not ASCII"),
        pytest.param({"x-ms-client-principal": "e30=,e30="}, id="two headers made one"),
        pytest.param({"x-ms-client-principal": "e30="}, id="an empty object"),
        pytest.param(_encoded([]), id="a list"),
        pytest.param(_encoded({"auth_typ": "aad", "claims": 1}), id="claims that are none"),
        pytest.param(
            _encoded({"auth_typ": "aad", "claims": [{"typ": [], "val": 1}]}), id="no name"
        ),
        pytest.param(_header(USER, auth_typ="google"), id="another provider"),
        pytest.param(_header({"upn": "ada", "roles": "Administrator"}), id="no tenant"),
        pytest.param(_header([("tid", "other"), *USER.items()]), id="another tenant"),
    ],
)
async def test_anything_else_is_nobody(headers: dict[str, str]) -> None:
    with pytest.raises(UnauthenticatedError):
        await _caller(headers)
