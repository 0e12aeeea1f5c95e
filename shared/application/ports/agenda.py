"""What is to be looked at, and when."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.records import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaEntry:
    """When a configuration wants to be looked at again, and up to where its occurrences are recorded.

    `revision` is the one of the configuration that the writer of "look at me" was about to store. `window_since` is
    that of the window whose occurrences were recorded up to `handled_up_to`.
    """

    configuration_id: str
    next_due: datetime
    handled_up_to: datetime | None = None
    window_since: datetime | None = None
    revision: str = ""
    touched_at: datetime | None = None
    etag: str = ""

    def handled(self, window_since: datetime) -> datetime | None:
        """Up to where the occurrences of the window that counts since *window_since* are recorded.

        A worker whose clock is ahead may have handled an earlier window up to an instant that the new one has yet to
        reach: that says nothing about the new one.
        """
        return self.handled_up_to if self.window_since == window_since else None


class Agenda(Protocol):
    """What is to be looked at: configurations by their next due instant, and the runs that are open."""

    async def look_at(self, configuration_id: str, *, revision: str, now: datetime) -> None:
        """Set *next due* to now, before the configuration is written; what is handled stays."""

    async def get(self, configuration_id: str) -> AgendaEntry | None: ...

    def due(self, now: datetime) -> AsyncIterator[AgendaEntry]:
        """The entries whose next due instant is not after *now*."""

    async def settle(self, entry: AgendaEntry) -> AgendaEntry:
        """Store *next due* and *handled up to* by the entry's ETag; raises `StaleError`."""

    async def forget(self, entry: AgendaEntry) -> None:
        """Remove the entry by its ETag; raises `StaleError` when somebody asked to look again."""

    async def open_run(self, run_id: RunId, *, now: datetime) -> None:
        """Written before the run row, so that no open run is ever without it."""

    async def close_run(self, run_id: RunId) -> None: ...

    def open_runs(self) -> AsyncIterator[tuple[RunId, datetime]]:
        """The open runs and when each was opened; an entry may be there whose run row never came."""

    async def keep_for_correction(self, run_id: RunId, *, until: datetime) -> None:
        """A closed run with `Unknown` jobs: a later word may still correct them."""

    def for_correction(self) -> AsyncIterator[tuple[RunId, datetime]]: ...

    async def end_correction(self, run_id: RunId) -> None: ...

    async def watermark(self) -> datetime | None:
        """Up to where the reports of installs have been read."""

    async def set_watermark(self, instant: datetime) -> None: ...
