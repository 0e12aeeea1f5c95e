"""The port `InstallReports` over Resource Graph's table `patchinstallationresources`.

Without configured subscriptions a query covers all that the app can see.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.adapters.arm import ArmClient, dig
from shared.adapters.inventory import kql
from shared.adapters.inventory.search import search
from shared.adapters.patching.results import read_instant, read_report, read_update
from shared.domain.report import InstallReport
from shared.domain.updates import UpdateRecord

# Activity ids a query: 200 keep it under 10 KB.
_MOST_IDS = 200
_SEGMENT = "/patchinstallationresults/"


class ResourceGraphReports:
    """Reports of installs in bulk."""

    def __init__(self, arm: ArmClient, *, subscriptions: Sequence[str] = ()) -> None:
        self._arm = arm
        self._subscriptions = tuple(subscriptions)

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        """Pages of installs whose report changed at or after *instant*; raises `UnavailableError`.

        A report that changes while pages are read may be left out: it is there the next time.
        """
        after: str | None = ""
        while after is not None:
            query = kql.installs(instant, after=after, limit=limit)
            found = await search(self._arm, query, limit=limit, subscriptions=self._subscriptions)
            if found.rows:
                yield [_report(row, instant) for row in found.rows]
            after = found.last

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        """The updates by activity id in lower case; an install without any is not in it. Raises `UnavailableError`."""
        updates: dict[str, list[UpdateRecord]] = defaultdict(list)
        for some in _queries(expected, limit):
            async for row in self._update_rows(some, limit):
                updates[str(row["activity"])].append(read_update(row["properties"]))
        return {activity: tuple(records) for activity, records in updates.items()}

    async def _update_rows(
        self, activity_ids: Sequence[str], limit: int
    ) -> AsyncIterator[Mapping[str, Any]]:
        after: str | None = ""
        while after is not None:
            query = kql.updates(activity_ids, after=after, limit=limit)
            found = await search(self._arm, query, limit=limit, subscriptions=self._subscriptions)
            for row in found.rows:
                yield row
            after = found.last


def _queries(expected: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """Activity ids in as few lists as bring at most *limit* rows each."""
    some, rows = list[str](), 0
    for activity_id, count in expected.items():
        if some and (rows + count >= limit or len(some) == _MOST_IDS):
            yield some
            some, rows = [], 0
        some.append(activity_id)
        rows += count
    if some:
        yield some


def _report(row: Mapping[str, Any], since: datetime) -> InstallReport:
    text, properties = str(row["id"]), row["properties"]
    # Nobody promises in which case Resource Graph spells the fixed parts of an id.
    end = text.lower().rfind(_SEGMENT)
    modified_at = read_instant(dig(properties, "lastModifiedDateTime")) or since
    return read_report(
        properties,
        machine_id=text[:end],
        activity_id=text[end + len(_SEGMENT) :],
        started_at=modified_at,
        modified_at=modified_at,
    )
