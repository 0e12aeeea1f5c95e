"""The port `AssessmentReports` over Resource Graph's table `patchassessmentresources`.

Source of the members: the page "Access Azure Update Manager operations data"
(learn.microsoft.com/azure/update-manager/query-logs).
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from shared.adapters.arm import ArmClient, dig
from shared.adapters.inventory import kql
from shared.adapters.inventory.facts import read_os_type
from shared.adapters.inventory.search import search
from shared.adapters.patching.results import read_error, read_instant, read_missing
from shared.domain.assessment import Assessment
from shared.domain.updates import Update

# Machine ids a query: 40 of the longest keep it under 20 KB.
_CHUNK = 40


class ResourceGraphAssessments:
    """The latest assessments in bulk."""

    def __init__(self, arm: ArmClient) -> None:
        self._arm = arm

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        """Those that there are, without updates; one that does not tell its time is none. Raises `UnavailableError`."""
        found = [_assessment(row) async for row in self._rows(kql.assessments, machine_keys)]
        return {one.machine_id.lower(): one for one in found if one}

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        """What these machines lack. Raises `UnavailableError`."""
        updates: dict[str, list[Update]] = defaultdict(list)
        async for row in self._rows(kql.missing_updates, machine_keys):
            updates[str(row["machine"])].append(read_missing(row["properties"]))
        return {key: tuple(found) for key, found in updates.items()}

    async def _rows(
        self, query: Callable[..., str], machine_keys: Sequence[str]
    ) -> AsyncIterator[Mapping[str, Any]]:
        for start in range(0, len(machine_keys), _CHUNK):
            some, after = machine_keys[start : start + _CHUNK], ""
            while True:
                text = query(some, after=after, limit=kql.MOST_ROWS)
                page = await search(self._arm, text, limit=kql.MOST_ROWS)
                for row in page.rows:
                    yield row
                if page.last is None:
                    break
                after = page.last


def _assessment(row: Mapping[str, Any]) -> Assessment | None:
    text, properties = str(row["id"]), row["properties"]
    assessed_at = read_instant(dig(properties, "lastModifiedDateTime"))
    if assessed_at is None:
        return None
    reboot_pending = dig(properties, "rebootPending")
    return Assessment(
        # The key has as many characters as the machine's part of the id.
        machine_id=text[: len(str(row["machine"]))],
        assessed_at=assessed_at,
        status=str(dig(properties, "status") or "Unknown"),
        os_type=read_os_type(dig(properties, "osType")),
        reboot_pending=reboot_pending if isinstance(reboot_pending, bool) else None,
        error=read_error(dig(properties, "errorDetails")),
    )
