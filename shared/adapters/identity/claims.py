"""What the claims of an Entra ID token say of a caller: name, kind and role.

- A role is an app role of the same name. The highest counts, unknown ones do not, and without any nothing is allowed.
- A user's name is the one to sign in with; it may change hands, so it is for records, never for decisions. An
  application's name is its client id, as in Azure's own `systemData`.
- `idtyp` says which of the two it is. It is an optional claim; where it is missing, a token that was asked for by a
  client and delegates nothing (no `scp`) is an application's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.application.callers import Caller, Role
from shared.errors import ForbiddenError, UnauthenticatedError

UNTRUSTED = "InvalidAuthenticationToken"
"""The code, on the wire, of credentials that were sent and can't be believed."""

_LONGEST_NAME = 200
_CLIENT = ("azp", "appid")
_USER = ("preferred_username", "upn", "unique_name")
_ANYBODY = ("oid", "sub")
_ROLES = {role.name.title(): role for role in Role}


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller that trusted *claims* describe.

    Raises `UnauthenticatedError` when they name nobody, `ForbiddenError` when they bear none of the roles.
    """
    is_application = _is_application(claims)
    own = _CLIENT if is_application else _USER
    name = _first_text(claims, [*own, *_ANYBODY])
    if not name:
        raise UnauthenticatedError("The credentials name nobody.", code=UNTRUSTED)
    role = _highest(claims.get("roles"))
    if role is None:
        raise ForbiddenError(
            f"'{name}' has none of the app roles {', '.join(_ROLES)}: an administrator of the tenant assigns them."
        )
    return Caller(name=name, role=role, kind="Application" if is_application else "User")


def client_of(claims: Mapping[str, Any]) -> str:
    """The client id of the application that asked for the token, or empty: every *access* token names it."""
    return _first_text(claims, _CLIENT)


def _is_application(claims: Mapping[str, Any]) -> bool:
    if kind := claims.get("idtyp"):
        return bool(kind == "app")
    return bool(client_of(claims)) and not claims.get("scp")


def _first_text(claims: Mapping[str, Any], names: Iterable[str]) -> str:
    found = (claims.get(name) for name in names)
    # What can't be printed can't be a name, nor always be written as JSON.
    texts = (
        text for text in found if isinstance(text, str) and text.strip() and text.isprintable()
    )
    return next(texts, "")[:_LONGEST_NAME]


def _highest(names: object) -> Role | None:
    given = names if isinstance(names, list) else []
    roles = [_ROLES[name] for name in given if isinstance(name, str) and name in _ROLES]
    return max(roles, default=None)
