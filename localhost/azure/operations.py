"""One operation on one machine: planned when it is accepted, shown as far as its clock has come.

Nothing waits: the whole course is computed at acceptance, and whoever asks gets what is true at that instant. Updates
are installed one after the other, in equal shares of the time. The one that runs when `maximumDuration` is over is
never killed; what comes after it stays `Pending`, the window counts as exceeded and the install as failed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from localhost.azure.fleet import Kind, Machine
from localhost.azure.install_request import InstallRequest
from localhost.azure.updates import ALWAYS_REBOOTS, PatchState, Update

_ATTEMPTED = (PatchState.INSTALLED, PatchState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A look at what a machine lacks; it has `machine` as it was when it was asked."""

    activity_id: str
    machine: Machine
    started_at: datetime
    ended_at: datetime | None

    @property
    def operation(self) -> Literal["assess"]:
        """What the log calls it."""
        return "assess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a VM's model that takes its time: `settings` hold from `ended_at`, unless it `fails`."""

    activity_id: str
    machine: Machine
    started_at: datetime
    ended_at: datetime
    settings: Mapping[str, Any]
    fails: bool

    @property
    def operation(self) -> Literal["change"]:
        """What the log calls it."""
        return "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """An install: `ended_at` is None for one that never ends; `states` are by patch id, as they will be at the end.

    `stopped_at` is set where the machine goes away in the middle: Compute's operation itself fails then.
    """

    activity_id: str
    machine: Machine
    started_at: datetime
    ended_at: datetime | None
    states: Mapping[str, PatchState]
    status: str
    reboot_status: str
    window_exceeded: bool
    stopped_at: datetime | None = None

    @property
    def operation(self) -> Literal["install"]:
        """What the log calls it."""
        return "install"

    @property
    def counts(self) -> Counter[PatchState]:
        """How many updates ended in each state."""
        return Counter(self.states.values())

    def left(self, missing: Iterable[Update]) -> tuple[Update, ...]:
        """What of *missing* is still missing when the install has ended."""
        installed = PatchState.INSTALLED
        return tuple(u for u in missing if self.states.get(u.patch_id) is not installed)

    def late(self, ended_at: datetime) -> "Install":
        """The same, but its last update is done only then, out of its window."""
        return replace(self, ended_at=ended_at, window_exceeded=True, status="Failed")

    def broken_off(self, at: datetime) -> "Install":
        """The same on a machine that stops at *at*, before the end: a VM's fails, an Arc server's is never heard of."""
        attempted = [u for u in self.machine.missing if self.states[u.patch_id] in _ATTEMPTED]
        done = 0
        if self.ended_at and attempted:
            share = (self.ended_at - self.started_at) / len(attempted)
            done = int((at - self.started_at) / share)
        undone = dict.fromkeys((u.patch_id for u in attempted[done:]), PatchState.PENDING)
        return replace(
            self,
            ended_at=at if self.machine.kind is Kind.VM else None,
            states={**self.states, **undone},
            status="Failed",
            reboot_status="NotNeeded",
            window_exceeded=False,
            stopped_at=at,
        )


Operation = Install | Assessment | Change


def under_way(operation: Operation, now: datetime) -> bool:
    """Whether the operation has not ended yet."""
    return operation.ended_at is None or now < operation.ended_at


def plan_install(
    machine: Machine,
    request: InstallRequest,
    *,
    activity_id: str,
    started_at: datetime,
    needs: timedelta | None,
) -> Install:
    """The course of an install that would need the time *needs*; None for one that never ends."""
    states = request.selection.states(machine.missing)
    selected = [u for u in machine.missing if states[u.patch_id] is PatchState.PENDING]
    takes, attempted = _within(request.maximum_duration, needs=needs, updates=len(selected))
    for update in selected[:attempted]:
        failed = update.patch_id in machine.failing
        states[update.patch_id] = PatchState.FAILED if failed else PatchState.INSTALLED
    installed = [u for u in selected if states[u.patch_id] is PatchState.INSTALLED]
    exceeded = attempted < len(selected) or _longer(takes, request.maximum_duration)
    reboot_status = _reboot_status(machine, request.reboot_setting, installed=installed)
    return Install(
        activity_id=activity_id,
        machine=machine,
        started_at=started_at,
        ended_at=None if takes is None else started_at + takes,
        states=states,
        status="Failed" if exceeded else _status(reboot_status, states),
        reboot_status=reboot_status,
        window_exceeded=exceeded,
    )


def _within(
    limit: timedelta | None, *, needs: timedelta | None, updates: int
) -> tuple[timedelta | None, int]:
    """How long it takes and how many of the updates are attempted, when none is begun after *limit*."""
    if needs is None or limit is None or needs <= limit or not updates:
        return needs, updates
    share = needs / updates
    # The one that runs at the limit is finished: rounded up.
    attempted = max(1, -(-limit // share))
    return share * attempted, attempted


def _longer(takes: timedelta | None, limit: timedelta | None) -> bool:
    return takes is not None and limit is not None and takes > limit


def _reboot_status(machine: Machine, setting: str, *, installed: list[Update]) -> str:
    if setting != "Always" and all(update.reboot != ALWAYS_REBOOTS for update in installed):
        return "NotNeeded"
    if setting == "Never":
        return "Required"
    return "Failed" if machine.reboot_fails else "Completed"


def _status(reboot_status: str, states: Mapping[str, PatchState]) -> str:
    """Source: Azure Update Manager, "how it works", overall status."""
    if reboot_status == "Failed" or PatchState.FAILED in states.values():
        return "Failed"
    return "CompletedWithWarnings" if reboot_status == "Required" else "Succeeded"
