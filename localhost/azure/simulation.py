"""Machines, their operations, and Resource Graph behind its lag: the local Azure without its HTTP.

State follows from the clock at each request; nothing runs in between. A machine's updates change at the end of an
install. Resource Graph shows an event `lag` later: the start of an install as a row `InProgress`, its end as the final
row and one row per update.
"""

import heapq
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from localhost.azure.calls import Calls
from localhost.azure.errors import ArmError
from localhost.azure.faults import Attempts, Faults, fraction
from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.install_request import parse_install_request
from localhost.azure.operations import Assessment, Install, Operation, plan_install, under_way
from localhost.azure.patch_settings import changed_settings
from localhost.azure.resource_graph import Query, ResourceGraph
from localhost.azure.rows import Row, assessment_rows, install_rows, resource_row

LAG = timedelta(seconds=90)
INSTALL_TIME = (timedelta(minutes=3), timedelta(minutes=12))
SLOW_TIME = (timedelta(hours=3), timedelta(hours=9))
ASSESSMENT_TIME = timedelta(minutes=2)


class Simulation:
    """One Azure with one fleet. Not for several threads; `faults` may be exchanged at any time.

    *now* gives aware UTC; *install_time* is the shortest and the longest time that an install takes (equal: fixed).
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        now: Callable[[], datetime],
        faults: Faults | None = None,
        lag: timedelta = LAG,
        install_time: tuple[timedelta, timedelta] = INSTALL_TIME,
        calls_file: Path | None = None,
    ) -> None:
        self.fleet = fleet
        self.now = now
        self.faults = faults or Faults()
        self.calls = Calls(calls_file)
        self.attempts = Attempts()
        self._lag = lag
        self._install_time = install_time
        self._operations: dict[str, Operation] = {}
        self._latest: dict[str, Install] = {}
        self._order = count()
        self._ends: list[tuple[datetime, int, Operation]] = []
        self._sights: list[tuple[datetime, int, Operation]] = []
        self._graph = ResourceGraph()
        self._assessed: set[str] = set()
        self._unstored: dict[str, Assessment] = {}

    def machines(self) -> list[Machine]:
        """All machines as they are now."""
        self._settle()
        return self.fleet.machines()

    def machine(self, machine_id: str) -> Machine:
        """The machine as it is now; raises `ArmError` (404), also for one that vanished."""
        self._settle()
        machine = self.fleet.get(machine_id)
        if machine is None or self.faults.strikes("vanish", machine_id):
            raise ArmError(
                HTTPStatus.NOT_FOUND,
                "ResourceNotFound",
                message=f"The Resource '{machine_id}' was not found.",
            )
        return machine

    def install(self, machine_id: str, body: object) -> Install:
        """Accept an install; raises `ArmError` (400, 404, 409) and changes nothing."""
        machine = self.machine(machine_id)
        request = parse_install_request(body, machine=machine)
        _require_reachable(machine)
        now, latest = self.now(), self._latest.get(machine.key)
        if latest and under_way(latest, now):
            raise ArmError(
                HTTPStatus.CONFLICT,
                "Conflict",
                message=f"The patch operation {latest.activity_id} is in progress on '{machine.id}'.",
            )
        activity = self._activity("install", machine)
        install = plan_install(
            machine,
            request,
            activity_id=activity,
            started_at=now,
            needs=self._needs(machine, activity),
        )
        self._latest[machine.key] = install
        self._accept(install)
        self._show_later(install, event_at=now)
        return install

    def assess(self, machine_id: str) -> Assessment:
        """Accept an assessment; raises `ArmError` (404, 409)."""
        machine = self.machine(machine_id)
        _require_reachable(machine)
        now = self.now()
        assessment = Assessment(
            activity_id=self._activity("assess", machine),
            machine=machine,
            started_at=now,
            ended_at=now + ASSESSMENT_TIME,
        )
        self._accept(assessment)
        return assessment

    def change(self, machine_id: str, body: object) -> Machine:
        """Change a VM's patch settings at once; raises `ArmError` (400, 404) and changes nothing."""
        machine = self.machine(machine_id)
        return self.fleet.change(machine.id, **changed_settings(body, machine=machine))

    def operation(self, activity_id: str) -> Operation:
        """What was accepted under this id; raises `ArmError` (404)."""
        self._settle()
        try:
            return self._operations[activity_id.lower()]
        except KeyError:
            raise ArmError(
                HTTPStatus.NOT_FOUND,
                "NotFound",
                message=f"The operation {activity_id} was not found.",
            ) from None

    def query(self, body: object) -> dict[str, Any]:
        """Answer a Resource Graph request; raises `ArmError` (400)."""
        query = Query.parse(body)
        self._settle()
        self._follow_fleet()
        self._show_operations()
        if "patchassessmentresources" in query.text.lower():
            self._store_assessments()
        return self._graph.answer(query, self.now())

    def close(self) -> None:
        """Let go of the database."""
        self._graph.close()

    def _activity(self, operation: str, machine: Machine) -> str:
        number = self.attempts.next(f"{operation} {machine.key}")
        place = f"{machine.key} {operation} {number} {self.now().isoformat()}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, place))

    def _needs(self, machine: Machine, activity: str) -> timedelta | None:
        if self.faults.strikes("never_ends", machine.id):
            return None
        slow = self.faults.strikes("slow", machine.id)
        shortest, longest = SLOW_TIME if slow else self._install_time
        return shortest + (longest - shortest) * fraction("takes", activity)

    def _accept(self, operation: Operation) -> None:
        self._operations[operation.activity_id] = operation
        if operation.ended_at:
            heapq.heappush(self._ends, (operation.ended_at, next(self._order), operation))
            self._show_later(operation, event_at=operation.ended_at)

    def _show_later(self, operation: Operation, *, event_at: datetime) -> None:
        heapq.heappush(self._sights, (event_at + self._lag, next(self._order), operation))

    def _settle(self) -> None:
        """Let the installs that have ended by now change their machines."""
        now = self.now()
        while self._ends and self._ends[0][0] <= now:
            operation = heapq.heappop(self._ends)[2]
            machine = self.fleet.get(operation.machine.id)
            if isinstance(operation, Install) and machine:
                self.fleet.change(machine.id, missing=operation.left(machine.missing))

    def _follow_fleet(self) -> None:
        """Bring `resources` up to date; a machine that is new there counts as just assessed."""
        rows: dict[str, list[Row]] = {}
        now = self.now()
        for key in self.fleet.changes():
            machine = self.fleet.get(key)
            rows[key] = [resource_row(machine)] if machine else []
            if machine and key not in self._assessed:
                self._unstored[key] = Assessment(
                    activity_id=self._activity("assess", machine),
                    machine=machine,
                    started_at=now,
                    ended_at=now,
                )
                self._assessed.add(key)
        self._graph.replace("resources", rows)

    def _show_operations(self) -> None:
        """Bring `patchinstallationresources` to what the lag lets through."""
        rows: dict[str, list[Row]] = {}
        now = self.now()
        while self._sights and self._sights[0][0] <= now:
            shown_at, _, operation = heapq.heappop(self._sights)
            if isinstance(operation, Install):
                rows[operation.activity_id] = list(install_rows(operation, shown_at - self._lag))
            else:
                self._unstored[operation.machine.key] = operation
        self._graph.replace("patchinstallationresources", rows)

    def _store_assessments(self) -> None:
        # Only when asked for: a large fleet lacks more updates than all other rows together.
        rows = {key: list(assessment_rows(found)) for key, found in self._unstored.items()}
        self._graph.replace("patchassessmentresources", rows)
        self._unstored.clear()


def _require_reachable(machine: Machine) -> None:
    if machine.reachable:
        return
    state = "running" if machine.kind is Kind.VM else "connected"
    raise ArmError(
        HTTPStatus.CONFLICT,
        "OperationNotAllowed",
        message=f"The operation requires that '{machine.id}' is {state}.",
    )
