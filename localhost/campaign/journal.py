"""Everything that happened, in order: calls of Azure, changes of jobs, and what the driver did.

It is the witness of the checks, it is what `--trace` prints, and its digest says whether two runs of a seed were the
same. So nothing is in it that differs by nature: no port, no claim, no lease.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from localhost.azure.calls import Call

_LONGEST_WHY = 300
"""The id of a run is in it, whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call of Azure, with what came of it."""

    call: Call

    @property
    def at(self) -> datetime:
        """When it was answered, or not."""
        return self.call.at

    def __str__(self) -> str:
        call = self.call
        why = f" by {call.throttled}" if call.throttled else ""
        asked = f"{call.method} {_short(call.path)}"
        return " ".join(filter(None, (asked, f"-> {call.status}{why}", call.effect)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A job in another state: `run` is its partition, `key` its row, `state` its phase, or at the end its outcome."""

    at: datetime
    run: str
    key: str
    machine: str
    state: str
    why: str = ""

    def __str__(self) -> str:
        parts = self.run.split("|")
        run = f"{parts[-5]} {parts[-1]}"
        why = f" ({self.why[:_LONGEST_WHY]})" if self.why else ""
        return f"    {self.machine.rpartition('/')[2]} in {run}: {self.state}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What the driver did, or saw."""

    at: datetime
    text: str

    def __str__(self) -> str:
        return f"  * {self.text}"


Entry = Called | Changed | Noted


class Journal:
    """Entries, oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Write down what just happened."""
        self.entries.append(entry)

    def lines(self) -> Iterable[str]:
        """The entries as text, each with its instant."""
        return (f"{entry.at:%d %H:%M:%S.%f} {entry}" for entry in self.entries)


def digest(*texts: Iterable[str]) -> str:
    """A short hash of lines of text."""
    whole = hashlib.sha256()
    for lines in texts:
        for line in lines:
            whole.update(line.encode())
            whole.update(b"\n")
    return whole.hexdigest()[:12]


def _short(path: str) -> str:
    """A path without what is the same in all of them."""
    head, _, rest = path.partition("/providers/")
    subscription, _, group = head.removeprefix("/subscriptions/").partition("/resourceGroups/")
    return "/".join(filter(None, (subscription[-4:], group, rest)))
