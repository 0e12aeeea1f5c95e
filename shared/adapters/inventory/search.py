"""Resource Graph's one operation: a query in, rows out. Source: Microsoft.ResourceGraph 2024-04-01, `Resources`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.arm import ArmClient, dig
from shared.adapters.inventory.kql import MOST_ROWS
from shared.errors import UnavailableError

API_VERSION = "2024-04-01"

_PATH = "/providers/Microsoft.ResourceGraph/resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one reply, and whether there may be more after the last."""

    rows: tuple[Mapping[str, Any], ...]
    more: bool

    @property
    def last(self) -> str | None:
        """The key to go on after, or None at the end."""
        return str(self.rows[-1]["key"]) if self.more else None


async def search(
    arm: ArmClient, query: str, *, limit: int, subscriptions: Sequence[str] = ()
) -> Rows:
    """Ask for at most *limit* rows, and never more than 1,000, of these subscriptions or of all that the app can see.

    The query orders by its column `key` and takes *limit*. Raises `UnavailableError` for anything but a list of rows.
    """
    limit = min(limit, MOST_ROWS)
    body: dict[str, Any] = {
        "query": query,
        "options": {"resultFormat": "objectArray", "$top": limit},
    }
    if subscriptions:
        body["subscriptions"] = list(subscriptions)
    reply = (await arm.ask(_PATH, body, api_version=API_VERSION)).expect(200)
    rows = dig(reply.body, "data")
    if not isinstance(rows, list) or not all(isinstance(dig(row, "key"), str) for row in rows):
        raise UnavailableError("Resource Graph answered in a shape that is not its own.")
    # A page that is large in bytes is cut before *limit*; Resource Graph says so, as text.
    cut = str(dig(reply.body, "resultTruncated")).lower() == "true"
    if cut and not rows:
        raise UnavailableError("Resource Graph cut its answer before the first row.")
    return Rows(rows=tuple(rows), more=cut or len(rows) >= limit)
