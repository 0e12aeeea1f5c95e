"""A fleet in memory: inventory, patching and reports over the same fake machines.

An install takes `takes` of the clock and appears in the bulk reports `lag` later, those of servers on premises only
where they are asked after. `unready` says what keeps a machine from being asked, `replies` what its next requests are
answered with; a reply that is `Uncertain` and names `accepted` means: it was started, but the answer was lost. Every
accepted request is listed in `installs`, so that a second one would be seen. `notes` is what goes on at a machine.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.application.ports import (
    Accepted,
    Clock,
    InstallOrder,
    InstallReply,
    InventoryPage,
    NotNow,
    Uncertain,
)
from shared.domain.assessment import Assessment
from shared.domain.machine import Ineligible, Machine, MachineState, MachineType
from shared.domain.records import Job, UpdateCounts
from shared.domain.report import InstallReport
from shared.domain.scope import Scope
from shared.domain.updates import Update, UpdateRecord, UpdateState

LOST = Uncertain(message="accepted, but the reply was lost")
"""The reply that means: the install was started, and nobody was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """One install that was accepted."""

    order: InstallOrder
    activity_id: str
    at: datetime
    ends_at: datetime


class MemoryFleet:
    """Implements the ports `Inventory`, `Patching`, `InstallReports` and `AssessmentReports`.

    `lacking` says what machines lack, by key; an assessment finds it at once.
    """

    def __init__(
        self,
        clock: Clock,
        states: Sequence[MachineState] = (),
        *,
        takes: timedelta = timedelta(minutes=5),
        lag: timedelta = timedelta(seconds=90),
    ) -> None:
        self._clock = clock
        self._takes = takes
        self._lag = lag
        self.states = {state.machine.key: state for state in states}
        self.unreadable: set[str] = set()
        self.replies: dict[str, list[InstallReply]] = {}
        self.unready: dict[str, list[NotNow | Ineligible]] = {}
        self.silent: set[str] = set()
        self.notes: dict[str, str] = {}
        self.installs: list[Install] = []
        self.lacking: dict[str, tuple[Update, ...]] = {}
        self.assessments: dict[str, Assessment] = {}

    async def is_readable(self, subscription: str) -> bool:
        return subscription not in self.unreadable

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        keys = sorted(
            key
            for key, state in self.states.items()
            if key > after
            and state.machine.subscription.lower() == scope.subscription.lower()
            and state.machine.subscription not in self.unreadable
        )
        found = tuple(self.states[key] for key in keys[:limit])
        return InventoryPage(states=found, last=keys[limit - 1] if len(keys) > limit else None)

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        return self.states.get(machine_id.lower())

    async def assess(self, machine: Machine) -> InstallReply:
        if reply := self._planned(machine.key):
            return reply
        self.assessments[machine.key] = Assessment(
            machine_id=machine.id,
            assessed_at=self._clock.now(),
            status="Succeeded",
            os_type=machine.os_type,
            reboot_pending=False,
        )
        return Accepted()

    async def consent(self, machine: Machine) -> InstallReply:
        if reply := self._planned(machine.key):
            return reply
        self.states[machine.key] = replace(
            self.states[machine.key], patch_mode="AutomaticByPlatform", bypass_checks=True
        )
        return Accepted()

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        return {key: self.assessments[key] for key in machine_keys if key in self.assessments}

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        return {key: self.lacking[key] for key in machine_keys if self.lacking.get(key)}

    def _planned(self, machine_key: str) -> InstallReply | None:
        planned = self.replies.get(machine_key)
        return planned.pop(0) if planned else None

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        unready = self.unready.get(order.machine.key)
        return unready.pop(0) if unready else None

    async def install(self, order: InstallOrder) -> InstallReply:
        reply = self._planned(order.machine.key)
        if reply is not None and reply is not LOST:
            return reply
        now, activity = self._clock.now(), str(uuid.uuid4())
        if order.machine.type is MachineType.SERVER:
            activity = order.client_request_id
        self.installs.append(
            Install(order=order, activity_id=activity, at=now, ends_at=now + self._takes)
        )
        return reply or Accepted(operation=activity, activity_id=activity)

    async def ask_after(self, job: Job) -> InstallReport | None:
        found = (one for one in self.installs if one.activity_id == job.operation)
        install = next(found, None)
        if install is None or install.order.machine.key in self.silent:
            return None
        return self._report(install, self._clock.now())

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        seen = self._clock.now() - self._lag
        reports = [
            self._report(install, seen)
            for install in self.installs
            if install.at <= seen
            and install.order.machine.key not in self.silent
            and install.order.machine.type is not MachineType.SERVER
        ]
        changed = [report for report in reports if report.modified_at >= instant]
        for at in range(0, len(changed), limit):
            yield changed[at : at + limit]

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        return {activity.lower(): _UPDATES for activity in expected}

    def _report(self, install: Install, at: datetime) -> InstallReport:
        is_done = install.ends_at <= at
        return InstallReport(
            machine_id=install.order.machine.id,
            activity_id=install.activity_id,
            status="Succeeded" if is_done else "InProgress",
            started_at=install.at,
            modified_at=install.ends_at if is_done else install.at,
            counts=UpdateCounts(installed=1, not_selected=1) if is_done else UpdateCounts(),
            updates=_UPDATES if install.order.machine.type is MachineType.SERVER else None,
            note=self.notes.get(install.order.machine.key, ""),
        )


_UPDATES = (
    UpdateRecord(
        name="openssl",
        version="3.0.2",
        kb=None,
        classification="Security",
        state=UpdateState.INSTALLED,
    ),
    UpdateRecord(
        name="nano", version="6.2", kb=None, classification="Other", state=UpdateState.NOT_SELECTED
    ),
)
