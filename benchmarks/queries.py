"""The queries that the app puts to Resource Graph, watched in its own process, and how few would have done.

A sweep of the inventory goes on until its last page; a collecting pass reads the installs that changed, page by page,
and the updates of those that ended. Each needs a query for every 1,000 rows of a kind, and one where there are none.
Azure's log of calls can't tell: it knows neither rows nor passes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from shared.adapters.arm import ArmClient, ArmReply, dig

_ROWS = 1000

Table = Literal["machines", "installs", "updates", "other"]

# What one pass reads: a sweep of the inventory, and a collecting pass.
_TOGETHER: tuple[tuple[Table, ...], ...] = (("machines",), ("installs", "updates"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that was answered: `begins` is the first page of its table's rows."""

    table: Table
    begins: bool
    rows: int


class WatchedArm(ArmClient):
    """The app's client, which also appends each answered query to the file `log` as a line of JSON."""

    log: ClassVar[Path]

    async def ask(self, path: str, body: Mapping[str, Any], *, api_version: str) -> ArmReply:
        """As the app's own."""
        reply = await super().ask(path, body, api_version=api_version)
        rows = dig(reply.body, "data")
        if isinstance(rows, list):
            text = str(body.get("query"))
            query = Query(table=_table(text), begins="strcmp(key" not in text, rows=len(rows))
            with self.log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(query)) + "\n")
        return reply


def read_queries(log: Path) -> list[Query]:
    """What one process has asked, oldest first."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return [Query(**json.loads(line)) for line in text.splitlines()]


def least(queries: Sequence[Query]) -> Counter[Table]:
    """How many queries of each table one process needed; its queries in the order in which they were answered."""
    needed = Counter[Table]()
    for tables in _TOGETHER:
        for rows in _passes([query for query in queries if query.table in tables], tables[0]):
            needed.update({table: max(1, -(-count // _ROWS)) for table, count in rows.items()})
    return needed


def _passes(queries: Iterable[Query], first: Table) -> Iterator[Counter[Table]]:
    """The rows of each pass, which begins with the first page of the table *first*."""
    rows = Counter[Table]()
    for query in queries:
        if query.begins and query.table == first:
            yield rows
            rows = Counter()
        rows[query.table] += query.rows
    yield rows


def _table(text: str) -> Table:
    if text.startswith("resources"):
        return "machines"
    if not text.startswith("patchinstallationresources"):
        return "other"
    return "updates" if "/softwarepatches" in text else "installs"
