"""A token is believed when the tenant signed it, for this app, for now; anything else is nobody's."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.identity.entra import CLOCK_SKEW, EntraTokens
from shared.application.callers import Caller, Role
from shared.errors import UnauthenticatedError
from tests.tenant import AUDIENCE, CLIENT, TENANT, Tenant, described, private_key

OTHER = "99999999-9999-4999-8999-999999999999"
MARGIN = timedelta(seconds=20)
"""More than a test takes, less than the clocks may differ by."""


async def _caller(tenant: Tenant, token: str) -> Caller:
    return await tenant.authentication().caller({"authorization": f"Bearer {token}"})


async def _refused(tenant: Tenant, token: str) -> str:
    with pytest.raises(UnauthenticatedError) as refusal:
        await _caller(tenant, token)
    return refusal.value.code


def _ago(delay: timedelta) -> datetime:
    return datetime.now(UTC) - delay


# --- who it is -----------------------------------------------------------------------------------


async def test_user_is_named_as_she_signs_in(tenant: Tenant) -> None:
    caller = await _caller(tenant, tenant.token())
    assert caller == Caller(name="ada@example.com", role=Role.READER, kind="User")


async def test_application_is_named_by_its_client_id(tenant: Tenant) -> None:
    token = tenant.token(idtyp="app", scp=None, preferred_username=None, roles=["Operator"])
    caller = await _caller(tenant, token)
    assert caller == Caller(name=CLIENT, role=Role.OPERATOR, kind="Application")


async def test_token_of_form_1_is_taken_too(tenant: Tenant) -> None:
    token = tenant.token(
        aud=f"api://{AUDIENCE}", azp=None, appid=CLIENT, preferred_username=None, upn="ada@old.com"
    )
    assert (await _caller(tenant, token)).name == "ada@old.com"


@pytest.mark.parametrize("aud", [AUDIENCE, "https://muster.example.com"])
async def test_app_id_uri_is_taken_as_it_is(tenant: Tenant, aud: str) -> None:
    authentication = EntraTokens(
        tenant=TENANT,
        audience="api://muster",
        authority=tenant.authority,
        clock=SystemClock(),
    )
    good, bad = tenant.token(aud="api://muster"), tenant.token(aud=aud)
    assert (await authentication.caller({"authorization": f"Bearer {good}"})).role is Role.READER
    with pytest.raises(UnauthenticatedError):
        await authentication.caller({"authorization": f"Bearer {bad}"})


async def test_issuer_of_form_1_is_the_clouds_own() -> None:
    public = "https://login.microsoftonline.com"
    authentication = EntraTokens(
        tenant=TENANT, audience=AUDIENCE, authority=public, clock=SystemClock()
    )
    assert authentication._issuers == [
        f"{public}/{TENANT}/v2.0",
        f"https://sts.windows.net/{TENANT}/",
    ]


async def test_scheme_is_read_without_case(tenant: Tenant) -> None:
    caller = await tenant.authentication().caller({"authorization": f"bearer  {tenant.token()} "})
    assert caller.role is Role.READER


# --- what is wrong with a claim ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"aud": OTHER}, "InvalidAuthenticationTokenAudience", id="another audience"),
        pytest.param(
            {"aud": "https://management.azure.com"},
            "InvalidAuthenticationTokenAudience",
            id="Azure's audience",
        ),
        pytest.param(
            {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
            "InvalidAuthenticationTokenTenant",
            id="another issuer",
        ),
        pytest.param({"tid": OTHER}, "InvalidAuthenticationToken", id="another tenant"),
        pytest.param({"azp": None}, "InvalidAuthenticationToken", id="an ID token: no client"),
        pytest.param({"exp": "soon"}, "InvalidAuthenticationToken", id="an expiry that is no time"),
        *(
            pytest.param({name: None}, "InvalidAuthenticationToken", id=f"without {name}")
            for name in ("exp", "nbf", "iss", "aud", "tid")
        ),
    ],
)
async def test_wrong_claim_is_refused(tenant: Tenant, changes: dict[str, Any], code: str) -> None:
    assert await _refused(tenant, tenant.token(**changes)) == code


async def test_expired_token_is_refused(tenant: Tenant) -> None:
    token = tenant.token(exp=_ago(CLOCK_SKEW + MARGIN))
    assert await _refused(tenant, token) == "ExpiredAuthenticationToken"


async def test_token_of_later_is_refused(tenant: Tenant) -> None:
    token = tenant.token(nbf=_ago(-CLOCK_SKEW - MARGIN))
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"


async def test_clocks_may_differ_a_little(tenant: Tenant) -> None:
    token = tenant.token(exp=_ago(CLOCK_SKEW - MARGIN), nbf=_ago(-CLOCK_SKEW + MARGIN))
    assert (await _caller(tenant, token)).role is Role.READER


# --- who signed it -------------------------------------------------------------------------------


async def test_strangers_key_under_a_known_name_is_refused(tenant: Tenant) -> None:
    forged = tenant.token(key="stranger", kid="first")
    assert await _refused(tenant, forged) == "InvalidAuthenticationToken"


async def test_key_that_the_tenant_does_not_know_is_refused(tenant: Tenant) -> None:
    assert await _refused(tenant, tenant.token(key="stranger")) == "InvalidAuthenticationToken"


async def test_changed_claims_break_the_signature(tenant: Tenant) -> None:
    header, _, signature = tenant.token().split(".")
    claims = tenant.claims(roles=["Administrator"], iat=0, nbf=0, exp=4_102_444_800)
    forged = ".".join([header, _encoded(claims), signature])
    assert await _refused(tenant, forged) == "InvalidAuthenticationToken"


async def test_unsigned_token_is_refused(tenant: Tenant) -> None:
    token = jwt.encode(tenant.claims(), "", algorithm="none", headers={"kid": "first"})
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"
    assert tenant.asked == 0


async def test_public_key_is_no_secret_to_sign_with(tenant: Tenant) -> None:
    # The classic confusion: HMAC with what everybody can read. PyJWT won't make one, so it is made by hand.
    claims = {**tenant.claims(), "iat": 0, "nbf": 0, "exp": 4_102_444_800}
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{_encoded(claims)}"
    secret = base64.urlsafe_b64decode(described("first")["n"] + "==")
    signature = jwt.get_algorithm_by_name("HS256").sign(signed.encode(), secret)
    token = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
async def test_only_one_algorithm_is_known(tenant: Tenant, algorithm: str) -> None:
    token = jwt.encode(
        tenant.claims(), private_key("first"), algorithm=algorithm, headers={"kid": "first"}
    )
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"
    assert tenant.asked == 0


async def test_key_inside_a_token_is_not_looked_at(tenant: Tenant) -> None:
    headers = {"kid": "stranger", "jwk": described("stranger"), "jku": "http://127.0.0.1:9/keys"}
    token = jwt.encode(tenant.claims(), private_key("stranger"), algorithm="RS256", headers=headers)
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"


# --- what is no token ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "token", "Bearertoken"], ids=repr
)
async def test_without_a_token_nobody_is_known(tenant: Tenant, header: str) -> None:
    with pytest.raises(UnauthenticatedError) as refusal:
        await tenant.authentication().caller({"authorization": header})
    assert refusal.value.code == "AuthenticationFailed"
    with pytest.raises(UnauthenticatedError):
        await tenant.authentication().caller({})


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("x", id="a letter"),
        pytest.param("a.b.c", id="three letters"),
        pytest.param("..", id="dots"),
        pytest.param("ü.ü.ü", id="not ASCII"),
        pytest.param("e30.e30.", id="an empty header"),
        pytest.param("W10.W10.W10", id="a list for a header"),
        pytest.param(base64.b64encode(b"[" * 9000).decode() + ".e30.x", id="an abyss"),
        pytest.param("a.b.c,Bearer d.e.f", id="two headers made one"),
    ],
)
async def test_garbage_is_refused(tenant: Tenant, token: str) -> None:
    assert await _refused(tenant, token) == "InvalidAuthenticationToken"
    assert tenant.asked == 0


def _encoded(value: dict[str, Any]) -> str:
    text = json.dumps(value, default=str).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
