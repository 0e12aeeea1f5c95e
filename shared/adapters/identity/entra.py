"""Entra ID's access tokens: signed by the tenant, meant for this app, valid now.

1. RS256 only, with a key of the tenant's key set. What a token says of its own algorithm or key never widens that.
2. Issuer, audience, tenant, expiry and not-before have to be there and right. Both forms of token are taken: 2.0, and
   1.0, whose issuer and audience are written differently (Microsoft, *Access tokens in the Microsoft identity
   platform*; *National clouds* for the addresses).
3. A sign-in's ID token bears the same signature and audience; it names no client, and is refused.
4. Time is the computer's own, also where Muster's is moved by hand: tokens come from outside. Clocks may differ by
   `CLOCK_SKEW`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt import exceptions

from shared.adapters.identity.claims import UNTRUSTED, caller_of, client_of
from shared.adapters.identity.key_set import KeySet
from shared.application.callers import Caller
from shared.application.ports import Clock
from shared.errors import UnauthenticatedError

CLOCK_SKEW = timedelta(minutes=1)

_ALGORITHM = "RS256"
_NEEDED = ["exp", "nbf", "iss", "aud", "tid"]
_OLD_ISSUERS = {
    "login.microsoftonline.com": "https://sts.windows.net",
    "login.microsoftonline.us": "https://sts.windows.net",
    "login.partner.microsoftonline.cn": "https://sts.chinacloudapi.cn",
}
# The first that fits; what is wrong inside a signature that holds may be told, it helps to mend a set-up.
_PROBLEMS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        exceptions.ExpiredSignatureError,
        "ExpiredAuthenticationToken",
        "The token has expired: get a new one.",
    ),
    (
        exceptions.InvalidAudienceError,
        "InvalidAuthenticationTokenAudience",
        "The token is meant for another application: ask for one with the scope <MUSTER_AUDIENCE>/.default.",
    ),
    (
        exceptions.InvalidIssuerError,
        "InvalidAuthenticationTokenTenant",
        "The token comes from another tenant.",
    ),
    (exceptions.ImmatureSignatureError, UNTRUSTED, "The token is not valid yet."),
    (exceptions.MissingRequiredClaimError, UNTRUSTED, "The token lacks a claim that it needs."),
    (Exception, UNTRUSTED, "The token can't be trusted: its form or its signature is wrong."),
)


class EntraTokens:
    """`Authentication` by the header `Authorization: Bearer`.

    *tenant* is the tenant's id, *audience* the client id or the App ID URI of Muster's app registration, *authority*
    the cloud's sign-in address, such as `https://login.microsoftonline.com`.
    """

    def __init__(self, *, tenant: str, audience: str, authority: str, clock: Clock) -> None:
        base = f"{authority.rstrip('/')}/{tenant.lower()}"
        issuer = f"{base}/v2.0"
        self._tenant = tenant.lower()
        self._issuers = [issuer, *_old_issuer(authority, tenant)]
        self._audiences = _audiences(audience)
        self._keys = KeySet(
            f"{base}/discovery/v2.0/keys", tenant=self._tenant, issuer=issuer, clock=clock
        )

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Raises `UnauthenticatedError`, `ForbiddenError`, and `UnavailableError` while keys can't be read."""
        token = _bearer(headers.get("authorization", ""))
        key = await self._keys.find(_key_id(token))
        claims = self._trusted(token, key)
        if claims["tid"] != self._tenant or not client_of(claims):
            raise UnauthenticatedError("This is no access token of the tenant.", code=UNTRUSTED)
        return caller_of(claims)

    def _trusted(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=self._issuers,
                audience=self._audiences,
                leeway=CLOCK_SKEW,
                options={"require": _NEEDED},
            )
        except exceptions.PyJWTError as error:
            raise _refusal(error) from error


def _bearer(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError(
            "Authentication failed: the header 'Authorization: Bearer <token>' is missing."
        )
    return token.strip()


def _key_id(token: str) -> str:
    """The id of the key that a token names; what it says of itself is not believed, only looked up."""
    try:
        header = jwt.get_unverified_header(token)
    except exceptions.PyJWTError as error:
        raise _refusal(error) from error
    if header.get("alg") != _ALGORITHM or not header.get("kid"):
        raise UnauthenticatedError(
            f"A token is signed with {_ALGORITHM} and names its key.", code=UNTRUSTED
        )
    return str(header["kid"])


def _refusal(error: Exception) -> UnauthenticatedError:
    code, message = next(
        (code, message) for kind, code, message in _PROBLEMS if isinstance(error, kind)
    )
    return UnauthenticatedError(message, code=code)


def _audiences(audience: str) -> list[str]:
    # A token of form 2.0 names the client id; one of form 1.0 the App ID URI, which is made of it by default.
    return [audience] if "://" in audience else [audience, f"api://{audience}"]


def _old_issuer(authority: str, tenant: str) -> list[str]:
    issuer = _OLD_ISSUERS.get(urlsplit(authority).hostname or "")
    return [f"{issuer}/{tenant.lower()}/"] if issuer else []
