"""An install on a server as a detached task: its steps, and the note that says afterwards what was meant.

The server restarts by itself at the end where the reboot setting wants it and enough of the window is left, whether or
not anybody asks after it. It does so only after an install that the package manager calls a success.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.adapters.package_managers.detection import MANAGERS
from shared.adapters.package_managers.manager import INSTALL, PackageManager, UnreadableError
from shared.adapters.patching.servers.detached import harmless_task
from shared.adapters.ssh.commands import Command, Condition, Step
from shared.adapters.ssh.detached import Task
from shared.application.limits import Limits
from shared.application.ports import InstallOrder
from shared.domain.install_patches import RebootSetting
from shared.domain.selection import Selection
from shared.domain.updates import UpdateRecord, UpdateState

REBOOT = "reboot"
_SYSTEMCTL = Command(words=("/usr/bin/systemctl", "reboot"), as_root=True)
_PATIENCE = timedelta(seconds=30)


def install_task(
    order: InstallOrder, manager: PackageManager, selection: Selection, *, limits: Limits
) -> Task:
    """The task of an order, found again by the request's id; the order's duration is what is left of the window.

    Until the cut-off it may wait for a lock; nothing that changes the server begins after it.
    """
    updates = selection.selected
    has_installed = (Condition(step=INSTALL),) if updates else ()
    to_cut_off = max(order.maximum_duration - limits.server_cut_off, timedelta(0))
    steps = _within(to_cut_off, manager.install(updates))
    left = order.maximum_duration - limits.reboot_reserve
    match order.install_patches.reboot_setting:
        case RebootSetting.ALWAYS if left > timedelta(0):
            steps = (*steps, _reboot(has_installed, within=left))
        case RebootSetting.IF_REQUIRED if left > timedelta(0):
            steps = (*steps, _reboot((*has_installed, manager.reboot_needed), within=left))
    return Task(
        key=order.client_request_id,
        steps=steps,
        locked=manager.locked,
        began=manager.began,
        patience=to_cut_off,
        not_after=to_cut_off,
        note=Note(manager=manager, updates=_records(selection)).text,
    )


def verification(key: str, manager: PackageManager) -> Task:
    """The task that finds out what an interrupted install has left."""
    return harmless_task(manager, f"verify-{key}", steps=manager.inspect(), patience=_PATIENCE)


def _within(time: timedelta, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps, all up to the install only within that time."""
    last = next((number for number, step in enumerate(steps) if step.name == INSTALL), -1)
    return tuple(
        replace(step, within=time) if number <= last else step for number, step in enumerate(steps)
    )


def _reboot(only_if: tuple[Condition, ...], *, within: timedelta) -> Step:
    return Step(name=REBOOT, command=_SYSTEMCTL, only_if=only_if, within=within, reboots=True)


def _records(selection: Selection) -> tuple[UpdateRecord, ...]:
    parts = (
        (UpdateState.PENDING, selection.selected),
        (UpdateState.EXCLUDED, selection.excluded),
        (UpdateState.NOT_SELECTED, selection.not_selected),
    )
    return tuple(
        UpdateRecord(
            name=update.name,
            version=update.version,
            classification=update.classification,
            state=state,
        )
        for state, updates in parts
        for update in updates
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is kept beside an install on its server: selected updates are `Pending` until it has ended."""

    manager: PackageManager
    updates: tuple[UpdateRecord, ...]

    @property
    def text(self) -> str:
        """As it is kept, in one line."""
        updates = [[one.name, one.version, one.classification, one.state] for one in self.updates]
        return json.dumps({"manager": self.manager.name, "updates": updates})

    @property
    def selected(self) -> Sequence[UpdateRecord]:
        """Those that were to be installed."""
        return [one for one in self.updates if one.state is UpdateState.PENDING]

    def seen(self, states: Sequence[UpdateState]) -> tuple[UpdateRecord, ...]:
        """All updates, the selected ones in the states that were found, in their order."""
        found = iter(states)
        return tuple(
            replace(one, state=next(found)) if one.state is UpdateState.PENDING else one
            for one in self.updates
        )


def read_note(text: str) -> Note:
    """Read a note; raises `UnreadableError` for what Muster has not written."""
    try:
        body = json.loads(text)
        return Note(
            manager=MANAGERS[body["manager"]],
            updates=tuple(
                UpdateRecord(
                    name=str(name),
                    version=str(version),
                    classification=str(classification),
                    state=UpdateState(state),
                )
                for name, version, classification, state in body["updates"]
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError("The install's note on the server can't be read.") from error
