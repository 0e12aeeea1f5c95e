"""With no authentication configured the caller is *local*, an administrator.

So only requests that come from this very machine are answered. A `Host` that is not loopback betrays a page in the
user's browser that was led here by a name, an `Origin` that is not loopback a page of somebody else's that sends
requests here, and a forwarded request a proxy. An app that finds itself in Azure answers nobody.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.application.callers import LOCAL, Caller
from shared.errors import ForbiddenError


class LocalCaller:
    """`Authentication` by place: *is_in_azure* says that the app is somewhere that others can reach."""

    def __init__(self, *, is_in_azure: bool) -> None:
        self._is_in_azure = is_in_azure

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """The local administrator; raises `ForbiddenError` for whoever may be somewhere else."""
        if self._is_in_azure:
            raise ForbiddenError("No authentication is configured, so in Azure nobody may call.")
        if not all(map(_is_loopback, _places(headers))):
            raise ForbiddenError(
                "No authentication is configured, so only requests from this machine are answered: "
                "call 127.0.0.1 or localhost, not through a proxy and not from another site's page."
            )
        return LOCAL


def _places(headers: Mapping[str, str]) -> list[str]:
    """Every place that a request says it has to do with; `Host` it has to name, empty or not."""
    places = [headers.get("host", "")]
    if "x-forwarded-for" in headers:
        places += headers["x-forwarded-for"].split(",")
    if "origin" in headers:
        places.append(headers["origin"].partition("://")[2])
    return places


def _is_loopback(place: str) -> bool:
    """Whether `host`, `host:port` or a bare address is this machine."""
    place = place.strip()
    try:
        return ipaddress.ip_address(place).is_loopback
    except ValueError:
        pass
    try:
        host = urlsplit(f"//{place}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
