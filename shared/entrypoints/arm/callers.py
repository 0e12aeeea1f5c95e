"""Who asks.

With no authentication configured the caller is *local*, an administrator; so only requests that come from this very
machine are answered. A `Host` that is not loopback betrays a page in the user's browser that was led here, and a
forwarded request betrays a proxy. An app that finds itself in Azure answers nobody.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.application.callers import LOCAL, Caller
from shared.errors import ForbiddenError


def local_caller(headers: Mapping[str, str], *, azure_instance: str) -> Caller:
    """The local administrator; raises `ForbiddenError` for whoever may be somewhere else.

    *headers* have names in lower case. *azure_instance* is what Azure sets as `WEBSITE_INSTANCE_ID`, or empty.
    """
    if azure_instance:
        raise ForbiddenError("No authentication is configured, so in Azure nobody may call.")
    forwarded = headers.get("x-forwarded-for")
    origins = [headers.get("host", ""), *(forwarded.split(",") if forwarded is not None else [])]
    if not all(_is_loopback(origin.strip()) for origin in origins):
        raise ForbiddenError(
            "No authentication is configured, so only requests from this machine are answered: "
            "call 127.0.0.1 or localhost, and not through a proxy."
        )
    return LOCAL


def _is_loopback(origin: str) -> bool:
    """Whether `host`, `host:port` or a bare address is this machine."""
    try:
        return ipaddress.ip_address(origin).is_loopback
    except ValueError:
        pass
    try:
        host = urlsplit(f"//{origin}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
