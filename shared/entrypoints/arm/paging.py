"""Pages of long lists: `$top` and `$skipToken` in, `nextLink` out.

The token hides the key of the last row shown, so a page neither repeats nor leaves out rows that were there all the
time. Lists of Microsoft.Maintenance come whole in the versions whose clients do not follow a link.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from shared.entrypoints.arm.replies import Json, Reply, listed
from shared.entrypoints.arm.requests import ArmRequest
from shared.errors import InvalidRequestError

LARGEST_PAGE = 1000
_USUAL_PAGE = 100
_TOKEN = re.compile(r"(?:[0-9a-f]{2}){1,2000}")


def page_size(request: ArmRequest, *, largest: int = LARGEST_PAGE) -> int:
    """`$top`, 1 to *largest*; raises `InvalidRequestError`."""
    text = request.query.get("$top", str(_USUAL_PAGE))
    size = int(text) if re.fullmatch("[0-9]{1,6}", text) else 0
    if not 1 <= size <= largest:
        raise InvalidRequestError(
            f"$top must be a whole number from 1 to {largest}.", target="$top"
        )
    return size


def page_after(request: ArmRequest) -> str:
    """The key that the page begins after, or empty; raises `InvalidRequestError`."""
    token = request.query.get("$skiptoken", "")
    if not token:
        return ""
    try:
        key = bytes.fromhex(token).decode() if _TOKEN.fullmatch(token) else ""
    except UnicodeDecodeError:
        key = ""
    if not key.isprintable() or not key:
        raise InvalidRequestError("$skipToken is none that a nextLink held.", target="$skipToken")
    return key


def next_link(request: ArmRequest, *, after: str) -> str:
    """The absolute URL of the page after the key *after*; empty when that is empty."""
    if not after:
        return ""
    query = {name: value for name, value in request.query.items() if name != "$skiptoken"}
    text = urlencode({**query, "$skipToken": after.encode().hex()}, safe="$")
    return urlunsplit(urlsplit(request.url)._replace(query=text, fragment=""))


def listed_in_pages(request: ArmRequest, resources: Sequence[Json]) -> Reply:
    """The resources, all at once or in pages, as the request's version wants it; pages are in the order of ids."""
    return page_of(request, resources) if request.is_recent else listed(resources)


def page_of(request: ArmRequest, resources: Sequence[Json]) -> Reply:
    """The page of the resources that is asked for, whatever the version, in the order of ids."""
    size, after = page_size(request), page_after(request)
    ordered = sorted((str(one["id"]).lower(), at) for at, one in enumerate(resources))
    rest = [(key, at) for key, at in ordered if key > after]
    last = rest[size - 1][0] if len(rest) > size else ""
    page = [resources[at] for _, at in rest[:size]]
    return listed(page, next_link=next_link(request, after=last))
