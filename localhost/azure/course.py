"""What becomes of accepted operations, and what happens to machines by itself, each at its instant.

A happening finds its operation by the activity id: one that was forgotten by then does nothing any more, and one whose
machine was moved goes on under the new id.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from localhost.azure import incidents
from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet, Machine
from localhost.azure.operations import Assessment, Change, Install, Operation
from localhost.azure.replica import Replica
from localhost.azure.timeline import Timeline


class Course:
    """All operations by activity id, and by machine key the latest of `installs` and `changes`."""

    def __init__(
        self, fleet: Fleet, *, lag: timedelta, first_look: Callable[[Machine], Assessment]
    ) -> None:
        self.operations: dict[str, Operation] = {}
        self.installs: dict[str, Install] = {}
        self.changes: dict[str, Change] = {}
        self.replica = Replica(fleet, self.operations, lag=lag, first_look=first_look)
        self._fleet = fleet
        self._timeline = Timeline()
        self._moves_of: Faults | None = None

    def run(self, now: datetime) -> None:
        """Let happen what is due by now."""
        self._timeline.run(now)

    def begin_install(self, install: Install, faults: Faults, *, number: int) -> None:
        """Take in a machine's n-th install, and foresee what will come of it and be seen of it."""
        activity = install.activity_id
        self.operations[activity] = self.installs[install.machine.key] = install
        if install.stopped_at:
            self._timeline.add(install.stopped_at, partial(self._stop, activity))
        elif install.ended_at:
            self._timeline.add(install.ended_at, partial(self._end, activity))
        recreated_at = incidents.recreated_at(install, faults, number=number)
        if recreated_at:
            self._timeline.add(recreated_at, partial(self._recreate, activity))
        self._foresee_sight(install, faults, number=number)

    def begin_assessment(self, assessment: Assessment) -> None:
        """Take in an assessment."""
        self.operations[assessment.activity_id] = assessment
        self.replica.show_assessment(assessment)

    def begin_change(self, change: Change) -> None:
        """Take in a change that takes its time."""
        self.operations[change.activity_id] = self.changes[change.machine.key] = change
        self._timeline.add(change.ended_at, partial(self._change, change.activity_id))

    def plan_moves(self, faults: Faults, now: datetime) -> None:
        """Move the machines that these faults want moved; those of earlier faults stay where they are."""
        self._moves_of = faults
        for machine in self._fleet.machines() if faults.move else ():
            after = incidents.moved_after(machine, faults)
            if after is not None:
                self._timeline.add(now + after, partial(self._move, machine.id, faults))

    def _foresee_sight(self, install: Install, faults: Faults, *, number: int) -> None:
        self.replica.show_start(install)
        contradicted = incidents.contradicted_for(install, faults, number=number)
        if contradicted is None:
            self.replica.show_end(install)
        elif incidents.miscounts(install, faults):
            self.replica.show_wrong_end(install, until=contradicted)
        else:
            self.replica.show_end(install, delay=contradicted)

    def _install(self, activity: str) -> tuple[Install, Machine] | None:
        """The install and its machine as it is now; None where either is gone."""
        install = self.operations.get(activity)
        machine = self._fleet.get(install.machine.id) if install else None
        return (install, machine) if isinstance(install, Install) and machine else None

    def _end(self, activity: str, _: datetime) -> None:
        if found := self._install(activity):
            install, machine = found
            self._fleet.change(machine.id, missing=install.left(machine.missing))

    def _stop(self, activity: str, at: datetime) -> None:
        if found := self._install(activity):
            install, machine = found
            self.replica.hold_back(machine.key, at=at)
            missing = install.left(machine.missing)
            self._fleet.change(machine.id, missing=missing, reachable=False)

    def _recreate(self, activity: str, at: datetime) -> None:
        if found := self._install(activity):
            install, machine = found
            del self.operations[activity]
            self.installs.pop(machine.key, None)
            self.replica.forget(install, at)

    def _change(self, activity: str, _: datetime) -> None:
        change = self.operations.get(activity)
        machine = self._fleet.get(change.machine.id) if change else None
        if isinstance(change, Change) and machine and not change.fails:
            self._fleet.change(machine.id, **change.settings)

    def _move(self, machine_id: str, faults: Faults, at: datetime) -> None:
        machine = self._fleet.get(machine_id)
        if machine is None or self._moves_of is not faults:
            return
        group = f"{machine.resource_group}-moved"
        moved = replace(machine, resource_group=group)
        self.replica.hold_back(machine.key, moved.key, at=at)
        self._fleet.remove(machine.id)
        self._fleet.add(moved)
        if install := self.installs.pop(machine.key, None):
            there = replace(install, machine=replace(install.machine, resource_group=group))
            self.installs[moved.key] = self.operations[install.activity_id] = there
        if change := self.changes.pop(machine.key, None):
            away = replace(change, machine=replace(change.machine, resource_group=group))
            self.changes[moved.key] = self.operations[change.activity_id] = away
