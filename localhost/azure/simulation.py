"""Machines and their operations, and Resource Graph behind its lag: the local Azure without its HTTP.

State follows from the clock at each request; nothing runs in between. What an install changes of its machine changes at
its end, and what `Faults` lets happen to machines happens at its instant, seen from the next request on.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from localhost.azure import incidents
from localhost.azure.calls import Calls
from localhost.azure.course import Course
from localhost.azure.errors import ArmError
from localhost.azure.faults import Attempts, Faults, fraction
from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.install_request import parse_install_request
from localhost.azure.limits import Limits, Meter
from localhost.azure.operations import (
    Assessment,
    Change,
    Install,
    Operation,
    plan_install,
    under_way,
)
from localhost.azure.patch_settings import changed_settings

LAG = timedelta(seconds=90)
INSTALL_TIME = (timedelta(minutes=3), timedelta(minutes=12))
SLOW_TIME = (timedelta(hours=3), timedelta(hours=9))
ASSESSMENT_TIME = timedelta(minutes=2)


class Simulation:
    """One Azure with one fleet. Not for several threads; `faults` may be exchanged at any time.

    *now* gives aware UTC; *install_time* is the shortest and the longest time that an install takes (equal: fixed);
    without *limits* nothing is ever throttled.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        now: Callable[[], datetime],
        faults: Faults | None = None,
        limits: Limits | None = None,
        lag: timedelta = LAG,
        install_time: tuple[timedelta, timedelta] = INSTALL_TIME,
        calls_file: Path | None = None,
    ) -> None:
        self.fleet = fleet
        self.now = now
        self.calls = Calls(calls_file)
        self.meter = Meter(limits)
        self.attempts = Attempts()
        self._install_time = install_time
        self._course = Course(fleet, lag=lag, first_look=self._first_look)
        self.faults = faults or Faults()

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self._course.plan_moves(faults, self.now())

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

    def provisioning_state(self, machine: Machine) -> str:
        """How the latest change of the machine's model stands."""
        change = self._course.changes.get(machine.key)
        if change and under_way(change, self.now()):
            return "Updating"
        return "Failed" if change and change.fails else "Succeeded"

    def install(self, machine_id: str, body: object) -> Install:
        """Accept an install; raises `ArmError` (400, 404, 409) and changes nothing."""
        machine = self.machine(machine_id)
        request = parse_install_request(body, machine=machine)
        _require_reachable(machine)
        _require_idle(self._course.installs.get(machine.key), self.now())
        number, activity = self._next("install", machine)
        planned = plan_install(
            machine,
            request,
            activity_id=activity,
            started_at=self.now(),
            needs=self._needs(machine, activity),
        )
        limit = request.maximum_duration
        install = incidents.plan_course(planned, self.faults, limit=limit, number=number)
        self._course.begin_install(install, self.faults, number=number)
        return install

    def assess(self, machine_id: str) -> Assessment:
        """Accept an assessment; raises `ArmError` (404, 409)."""
        machine = self.machine(machine_id)
        _require_reachable(machine)
        _, activity = self._next("assess", machine)
        now = self.now()
        assessment = Assessment(
            activity_id=activity,
            machine=machine,
            started_at=now,
            ended_at=now + ASSESSMENT_TIME,
        )
        self._course.begin_assessment(assessment)
        return assessment

    def change(self, machine_id: str, body: object) -> Machine | Change:
        """Change a VM's patch settings: the machine, if that is done at once; raises `ArmError` (400, 404, 409)."""
        machine = self.machine(machine_id)
        settings = changed_settings(body, machine=machine)
        _require_idle(self._course.changes.get(machine.key), self.now())
        number, activity = self._next("change", machine)
        if not incidents.takes_time(machine, self.faults, number=number):
            self._course.changes.pop(machine.key, None)
            return self.fleet.change(machine.id, **settings)
        change = Change(
            activity_id=activity,
            machine=machine,
            started_at=self.now(),
            ended_at=self.now() + incidents.PROVISIONING_TIME,
            settings=settings,
            fails=incidents.change_fails(machine, self.faults, number=number),
        )
        self._course.begin_change(change)
        return change

    def operation(self, activity_id: str, *, kind: Kind) -> Operation:
        """What was accepted under this id by the provider of *kind*; raises `ArmError` (404)."""
        self._settle()
        found = self._course.operations.get(activity_id.lower())
        if found is None or found.machine.kind is not kind:
            raise ArmError(
                HTTPStatus.NOT_FOUND,
                "NotFound",
                message=f"The operation {activity_id} was not found.",
            )
        return found

    def query(self, body: object) -> dict[str, Any]:
        """Answer a Resource Graph request; raises `ArmError` (400)."""
        self._settle()
        return self._course.replica.answer(body, now=self.now(), faults=self.faults)

    def close(self) -> None:
        """Let go of the database."""
        self._course.replica.close()

    def _settle(self) -> None:
        self._course.run(self.now())

    def _next(self, operation: str, machine: Machine) -> tuple[int, str]:
        """The number of this operation on the machine, and the id that follows from it and the time."""
        number = self.attempts.next(f"{operation} {machine.key}")
        return number, self._activity(f"{machine.key} {operation} {number}")

    def _activity(self, place: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place} {self.now().isoformat()}"))

    def _needs(self, machine: Machine, activity: str) -> timedelta | None:
        if self.faults.strikes("never_ends", machine.id):
            return None
        slow = self.faults.strikes("slow", machine.id)
        shortest, longest = SLOW_TIME if slow else self._install_time
        return shortest + (longest - shortest) * fraction("takes", activity)

    def _first_look(self, machine: Machine) -> Assessment:
        now = self.now()
        activity = self._activity(f"{machine.key} assess")
        return Assessment(activity_id=activity, machine=machine, started_at=now, ended_at=now)


def _require_reachable(machine: Machine) -> None:
    if machine.reachable:
        return
    state = "running" if machine.kind is Kind.VM else "connected"
    raise ArmError(
        HTTPStatus.CONFLICT,
        "OperationNotAllowed",
        message=f"The operation requires that '{machine.id}' is {state}.",
    )


def _require_idle(latest: Operation | None, now: datetime) -> None:
    if latest and under_way(latest, now):
        raise ArmError(
            HTTPStatus.CONFLICT,
            "Conflict",
            message=f"The operation {latest.activity_id} is in progress on '{latest.machine.id}'.",
        )
