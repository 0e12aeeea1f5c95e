"""Storage in memory over which the process may die, and which notes how jobs change.

A write that dies either never happened, or has happened and nobody was told; which writes these are follows from the
seed alone. Jobs are what a death can hurt; over other rows, which are written every minute, it comes less often.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from localhost.azure.faults import fraction
from localhost.campaign.journal import Changed, Journal, Noted
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.jobs import JOBS
from shared.adapters.storage.rows import Row, Write

_OF_OTHER_ROWS = 0.1


class DiedError(Exception):
    """The process is dead: the invocation goes no further."""


class MortalRows(MemoryRows):
    """Rows in memory; *mortality* is the share of writes of jobs over which the process dies."""

    def __init__(
        self, journal: Journal, now: Callable[[], datetime], *, seed: int, mortality: float
    ) -> None:
        super().__init__()
        self._journal = journal
        self._now = now
        self._seed = seed
        self._mortality = mortality
        self._states: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.deaths = 0

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        self.writes += 1
        share = self._mortality * (1 if table == JOBS else _OF_OTHER_ROWS)
        dies = fraction(self._seed, "dies", self.writes) < share
        if dies and fraction(self._seed, "dies early", self.writes) < 0.5:
            raise self._death(table, "before")
        etags = await super().transact(table, writes)
        if table == JOBS:
            for write in writes:
                self._note(write.row)
        if dies:
            raise self._death(table, "after")
        return etags

    def _death(self, table: str, when: str) -> DiedError:
        self.deaths += 1
        self._journal.add(Noted(at=self._now(), text=f"the process dies {when} a write of {table}"))
        return DiedError(table)

    def _note(self, written: Row) -> None:
        place = (written.partition, written.key)
        row = self.tables[JOBS].get(place)
        if row is None or "machine_id" not in row.values:
            return
        values = row.values
        state = str(values.get("outcome") or values["phase"])
        if self._states.get(place) == state:
            return
        self._states[place] = state
        why = values.get("held_message") if state == "queued" else values.get("message")
        self._journal.add(
            Changed(
                at=self._now(),
                run=written.partition,
                key=written.key,
                machine=str(values["machine_id"]).lower(),
                state=state,
                why=str(why or ""),
            )
        )
