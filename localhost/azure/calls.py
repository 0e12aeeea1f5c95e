"""The log of every call: what was asked, when, and what came of it.

It is the witness of tests, so it is written before the reply is sent. With a file each call is also appended there as
one line of JSON, which another process can read after this one was killed.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from localhost.azure.exchange import Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `at` is virtual time; `status` an HTTP status, or how the connection was cut.

    `machine` is the id as it was sent. `activity` is the id of the operation that the call started, with or without a
    reply. `throttled` names the limit that rejected it; it is empty for a 429 that was a fault. `authorized` says only
    whether an Authorization header came.
    """

    at: datetime
    method: str
    path: str
    status: int | Cut
    machine: str | None = None
    client_request_id: str | None = None
    operation: Literal["install", "assess", "change"] | None = None
    activity: str | None = None
    throttled: str | None = None
    authorized: bool = False

    @property
    def effect(self) -> str:
        """`accepted <activity id>`, or nothing."""
        return f"accepted {self.activity}" if self.activity else ""

    def document(self) -> dict[str, object]:
        """The call as JSON."""
        return {**asdict(self), "at": self.at.isoformat(), "effect": self.effect}


class Calls:
    """The calls so far, oldest first."""

    def __init__(self, file: Path | None = None) -> None:
        self._calls: list[Call] = []
        self._installs: list[Call] = []
        self._file = file

    def record(self, call: Call) -> None:
        """Append a call, and its line to the file if there is one."""
        self._calls.append(call)
        if call.operation == "install" and call.activity:
            self._installs.append(call)
        if self._file:
            # Opened for each line: nothing is lost in a buffer when the process is killed.
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(call.document()) + "\n")

    def all(self) -> list[Call]:
        """Every call."""
        return list(self._calls)

    def installs(self) -> list[Call]:
        """The calls that started an install, whether or not their reply was sent."""
        return list(self._installs)

    def throttled(self) -> list[Call]:
        """The calls that a limit rejected."""
        return [call for call in self._calls if call.throttled]
