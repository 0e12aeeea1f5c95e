"""Resource Graph as a replica of the fleet and its operations, behind a lag.

1. The start of an install shows as a row `InProgress`, its end as the final row and one row per update, each a lag
   later. An install that Azure has forgotten meanwhile has no rows.
2. Machines show at once as they are, but what happens to them by itself shows only after the lag.
3. The tables are brought up to date when they are asked, in one statement for each.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet, Machine
from localhost.azure.operations import Assessment, Install, Operation
from localhost.azure.resource_graph import Query, ResourceGraph
from localhost.azure.rows import Row, assessment_rows, install_rows, miscounted, resource_row
from localhost.azure.timeline import Timeline

_View = Callable[[Install], Iterable[Row]]

# So many queries see the same machines before `changing_page` hides others.
_QUERIES_ALIKE = 2


class Replica:
    """What queries see. *operations* are those that Azure remembers, *first_look* assesses a machine that is new."""

    def __init__(
        self,
        fleet: Fleet,
        operations: Mapping[str, Operation],
        *,
        lag: timedelta,
        first_look: Callable[[Machine], Assessment],
    ) -> None:
        self._fleet = fleet
        self._operations = operations
        self._lag = lag
        self._first_look = first_look
        self._graph = ResourceGraph()
        self._sights = Timeline()
        self._seen: dict[str, list[Row]] = {}
        self._held_back: dict[str, datetime] = {}
        self._assessed: set[str] = set()
        self._unstored: dict[str, Assessment] = {}
        self._queries = 0

    def show_start(self, install: Install) -> None:
        """Show that it runs."""
        at = install.started_at
        self._show(install, lambda one: install_rows(one, at), at=at)

    def show_end(self, install: Install, *, delay: timedelta = timedelta()) -> None:
        """Show what came of it, *delay* later than usual; nothing for one that never ends."""
        at = install.ended_at
        if at:
            self._show(install, lambda one: install_rows(one, at), at=at + delay)

    def show_wrong_end(self, install: Install, *, until: timedelta) -> None:
        """Show a wrong count, and *until* after its end what came of it, as a row that was changed then."""
        at = install.ended_at
        if at:
            right_at = at + until
            self._show(install, lambda one: miscounted(install_rows(one, at)), at=at)
            self._show(
                install, lambda one: install_rows(one, at, modified_at=right_at), at=right_at
            )

    def show_assessment(self, assessment: Assessment) -> None:
        """Show what it found."""
        if assessment.ended_at:
            key = assessment.machine.key
            self._sights.add(
                assessment.ended_at + self._lag,
                lambda _: self._unstored.update({key: assessment}),
            )

    def forget(self, install: Install, at: datetime) -> None:
        """Take away its rows, since Azure forgot it at *at*."""
        self._show(install, lambda _: (), at=at)

    def hold_back(self, *machine_keys: str, at: datetime) -> None:
        """Show these as they are, and only after the lag what happens to them now, *at*."""
        self._follow_fleet(at)
        self._held_back |= dict.fromkeys(machine_keys, at + self._lag)

    def answer(self, body: object, *, now: datetime, faults: Faults) -> dict[str, Any]:
        """Answer a Resource Graph request; raises `ArmError` (400)."""
        query = Query.parse(body)
        self._follow_fleet(now)
        self._sights.run(now)
        self._graph.replace("patchinstallationresources", self._seen)
        self._seen.clear()
        if "patchassessmentresources" in query.text.lower():
            self._store_assessments()
        self._graph.hide(self._hidden(faults))
        return self._graph.answer(query, now)

    def close(self) -> None:
        """Let go of the database."""
        self._graph.close()

    def _show(self, install: Install, view: _View, *, at: datetime) -> None:
        activity = install.activity_id

        def seen(_: datetime) -> None:
            known = self._operations.get(activity)
            self._seen[activity] = list(view(known)) if isinstance(known, Install) else []

        self._sights.add(at + self._lag, seen)

    def _follow_fleet(self, now: datetime) -> None:
        """Bring `resources` up to date; a machine that is new there counts as just assessed."""
        for key in sorted(self._fleet.changes()):
            self._held_back.setdefault(key, now)
        due = [key for key, until in self._held_back.items() if until <= now]
        rows: dict[str, list[Row]] = {}
        for key in due:
            del self._held_back[key]
            machine = self._fleet.get(key)
            rows[key] = [resource_row(machine)] if machine else []
            if machine and key not in self._assessed:
                self._assessed.add(key)
                self._unstored[key] = self._first_look(machine)
        self._graph.replace("resources", rows)

    def _store_assessments(self) -> None:
        # Only when asked for: a large fleet lacks more updates than all other rows together.
        rows = {key: list(assessment_rows(found)) for key, found in self._unstored.items()}
        self._graph.replace("patchassessmentresources", rows)
        self._unstored.clear()

    def _hidden(self, faults: Faults) -> frozenset[str]:
        self._queries += 1
        if not faults.changing_page:
            return frozenset()
        slice_ = self._queries // _QUERIES_ALIKE
        return frozenset(
            machine.key
            for machine in self._fleet.machines()
            if faults.strikes("changing_page", machine.key, attempt=slice_)
        )
