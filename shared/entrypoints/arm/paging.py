"""Pages of long lists: `$top` and `$skipToken` in, `nextLink` out.

The token is the key of the last row shown, so a page neither repeats nor leaves out rows that were there all the time.
"""

import re
from urllib.parse import urlencode, urlsplit, urlunsplit

from shared.entrypoints.arm.requests import ArmRequest
from shared.errors import InvalidRequestError

LARGEST_PAGE = 1000
_USUAL_PAGE = 100
_TOKEN = re.compile(r"[0-9a-f]{1,64}")


def page_size(request: ArmRequest) -> int:
    """`$top`, 1 to `LARGEST_PAGE`; raises `InvalidRequestError`."""
    text = request.query.get("$top", str(_USUAL_PAGE))
    size = int(text) if re.fullmatch("[0-9]{1,6}", text) else 0
    if not 1 <= size <= LARGEST_PAGE:
        raise InvalidRequestError(
            f"$top must be a whole number from 1 to {LARGEST_PAGE}.", target="$top"
        )
    return size


def page_after(request: ArmRequest) -> str:
    """The key that the page begins after, or empty; raises `InvalidRequestError`."""
    token = request.query.get("$skiptoken", "")
    if token and not _TOKEN.fullmatch(token):
        raise InvalidRequestError("$skipToken is none that a nextLink held.", target="$skipToken")
    return token


def next_link(request: ArmRequest, *, after: str) -> str:
    """The absolute URL of the page after the key *after*; empty when that is empty."""
    if not after:
        return ""
    query = {name: value for name, value in request.query.items() if name != "$skiptoken"}
    text = urlencode({**query, "$skipToken": after}, safe="$")
    return urlunsplit(urlsplit(request.url)._replace(query=text, fragment=""))
