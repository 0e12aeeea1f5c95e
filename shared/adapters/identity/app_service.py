"""App Service authentication: Azure checks who calls, and says so in the header `X-MS-CLIENT-PRINCIPAL`.

Anybody can write that header. What makes it trustworthy is Azure's front end, which drops what came from outside and
sets its own, but only while authentication is switched on there. So the header is believed only where Azure itself
says that both are so (`WEBSITE_AUTH_ENABLED`), and never on any other machine. It has to come from Entra ID and from
the tenant that was set: of an app open to several tenants, each could hand out its own roles.

The header holds base64 of `{"auth_typ", "claims": [{"typ", "val"}], ...}`, some claims under long names (Microsoft,
*Work with user identities in Azure App Service authentication*).
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from shared.adapters.identity.claims import UNTRUSTED, caller_of
from shared.application.callers import Caller
from shared.errors import ForbiddenError, UnauthenticatedError

_ENTRA = "aad"
_SHORT = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "unique_name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
}


class AppServicePrincipal:
    """`Authentication` by what App Service authentication found; *is_switched_on* is Azure's own word for it."""

    def __init__(self, *, tenant: str, is_switched_on: bool) -> None:
        self._tenant = tenant.lower()
        self._is_switched_on = is_switched_on

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Raises `UnauthenticatedError` and `ForbiddenError`."""
        if not self._is_switched_on:
            raise ForbiddenError(
                "MUSTER_APP_SERVICE_AUTH is set, but App Service authentication is not switched on here, so nobody "
                "vouches for callers."
            )
        header = headers.get("x-ms-client-principal", "")
        if not header:
            raise UnauthenticatedError("Authentication failed: App Service names no caller.")
        claims = _claims(header)
        if claims.get("tid") != self._tenant:
            raise UnauthenticatedError("The caller is of another tenant.", code=UNTRUSTED)
        return caller_of(claims)


def _claims(header: str) -> Mapping[str, Any]:
    """The claims by short name, all roles in one list; of others that come twice, the first."""
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        if principal["auth_typ"] != _ENTRA:
            raise UnauthenticatedError("Only callers from Entra ID are known.", code=UNTRUSTED)
        pairs = [(_SHORT.get(one["typ"], one["typ"]), one["val"]) for one in principal["claims"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnauthenticatedError("App Service's header can't be read.", code=UNTRUSTED) from error
    roles = [value for name, value in pairs if name == "roles"]
    return dict(reversed(pairs)) | {"roles": roles}
