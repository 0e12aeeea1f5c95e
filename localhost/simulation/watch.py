"""What can be seen of each write at once: how jobs and runs change, and what must never happen to a row.

1. An outcome changes only from `Unknown`.
2. A closed run stays closed.
3. The lease of a run is not taken while another holds it, by the clock of the fastest host.
"""

from collections.abc import Callable
from datetime import datetime

from localhost.simulation.journal import Changed, Journal
from localhost.simulation.tables import KEY, PARTITION, Entity
from shared.adapters.storage.agenda import AGENDA, CONFIGURATIONS, CORRECTIONS
from shared.adapters.storage.codec import instant
from shared.adapters.storage.jobs import JOBS
from shared.adapters.storage.runs import RUNS
from shared.domain.run import Outcome, Phase, RunStatus

_WAITING_FOR_A_WORD = (Phase.STARTED, Phase.UNCERTAIN, Outcome.UNKNOWN)


class Watch:
    """Looks at every write; `runs_changed` and `word_awaited` are called when a timer may have something to do."""

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._now = now
        self.runs_changed: Callable[[], None] = lambda: None
        self.word_awaited: Callable[[], None] = lambda: None
        self.inserted: dict[tuple[str, str], datetime] = {}
        """When each run appeared, by partition and key."""

    def see(self, table: str, before: Entity | None, after: Entity | None) -> None:
        """A row was written: inserted if there was none before, deleted if there is none after."""
        if table == JOBS and after is not None and "machine_id" in after:
            self._see_job(before, after)
        elif table == RUNS and after is not None and "status" in after:
            self._see_run(before, after)
        elif table == AGENDA and after is not None:
            self._see_entry(after[PARTITION])

    def _see_entry(self, partition: str) -> None:
        if partition == CONFIGURATIONS:
            self.runs_changed()
        elif partition == CORRECTIONS:
            self.word_awaited()

    def _see_job(self, before: Entity | None, after: Entity) -> None:
        state = _state(after)
        was = _state(before) if before else ""
        if state == was:
            return
        if state in _WAITING_FOR_A_WORD:
            self.word_awaited()
        elif state == Phase.QUEUED or after.get("outcome"):
            self.runs_changed()
        machine = str(after["machine_id"]).lower()
        change = Changed(
            at=self._now(), run=after[PARTITION], key=after[KEY], machine=machine, state=state
        )
        why = after.get("held_message") if state == "queued" else after.get("message")
        self._journal.changed(change, why=str(why or ""))
        if before and before.get("outcome") not in (None, "", Outcome.UNKNOWN.value):
            self._journal.breaks(f"{machine} in {after[PARTITION]}: {was} became {state}")

    def _see_run(self, before: Entity | None, after: Entity) -> None:
        place = (after[PARTITION], after[KEY])
        if before is None:
            self.inserted[place] = self._now()
            self._journal.note(f"run {_name(place)} appears: {after['status']}")
            self.runs_changed()
            return
        if before["status"] != after["status"]:
            self._journal.note(f"run {_name(place)}: {after['status']}")
            if not RunStatus(before["status"]).is_open and RunStatus(after["status"]).is_open:
                self._journal.breaks(f"run {_name(place)} was {before['status']} and is open again")
        if before.get("lease") != after.get("lease"):
            held_until = str(before.get("leased_until") or "")
            if held_until >= instant(self._now()):
                self._journal.breaks(f"the lease of run {_name(place)} was taken while it was held")
        if not before.get("cancellation") and after.get("cancellation"):
            self._journal.note(f"run {_name(place)} is cancelled")
            self.runs_changed()


def _state(row: Entity) -> str:
    return str(row.get("outcome") or row["phase"])


def _name(place: tuple[str, str]) -> str:
    return f"{place[0].rpartition('|')[2]} {place[1]}"
