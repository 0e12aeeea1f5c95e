"""What a server says of an install becomes a report that claims no more than was found."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.package_managers.apt import Apt
from shared.adapters.package_managers.manager import INSTALL, UnreadableError
from shared.adapters.patching.servers.orders import (
    REBOOT,
    Note,
    install_task,
    read_note,
)
from shared.adapters.patching.servers.results import Ended, final, restart_note
from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.snapshots import Reboot, Snapshot, State
from shared.application.limits import Limits
from shared.application.ports import InstallOrder
from shared.domain.install_patches import InstallPatches, RebootSetting
from shared.domain.machine import MachineType, OsType
from shared.domain.records import Job, UpdateCounts, job_key
from shared.domain.selection import Selection
from shared.domain.updates import Update, UpdateRecord, UpdateState
from tests.builders import DAY_BEFORE, SERVER, SUBSCRIPTION, a_machine

NOW = DAY_BEFORE
MINUTE = timedelta(minutes=1)
MANAGER = Apt()
JOB = Job(
    key=job_key(SERVER),
    machine_id=SERVER,
    machine_type=MachineType.SERVER,
    subscription=SUBSCRIPTION,
    operation="one",
    activity_id="one",
)
LOCKED = Output(code=100, stderr=f"{MANAGER.locked[0]}/var/lib/dpkg/lock-frontend")


def update(name: str, version: str = "2.0") -> Update:
    return Update(name=name, version=version, classification="Security")


SELECTION = Selection(
    selected=(update("app"), update("base")),
    excluded=(update("curl"),),
    not_selected=(update("dash"),),
)


def an_order(
    reboot: RebootSetting = RebootSetting.IF_REQUIRED, left: timedelta = timedelta(hours=3)
) -> InstallOrder:
    return InstallOrder(
        machine=a_machine("db-1", machine_type=MachineType.SERVER, group="ops"),
        os_type=OsType.LINUX,
        install_patches=InstallPatches(reboot_setting=reboot),
        maximum_duration=left,
        client_request_id="one",
    )


def note() -> Note:
    return read_note(install_task(an_order(), MANAGER, SELECTION, limits=Limits()).note)


def found(**versions: str) -> dict[str, Output]:
    """What the second look has found, by the package manager's own words."""
    lines = [f"{name}\tall\t{version}\tinstalled" for name, version in versions.items()]
    return {
        "architecture": Output(code=0, stdout="amd64\n"),
        "packages": Output(code=0, stdout="".join(f"{line}\n" for line in lines)),
        "reboot-needed": Output(code=1),
    }


def ended(outputs: Mapping[str, Output], **snapshot: Any) -> Ended:
    """An install that began an hour ago and ended ten minutes ago, unless *snapshot* says so."""
    whole = {
        "state": State.ENDED,
        "outputs": outputs,
        "began_ago": 60 * MINUTE,
        "ended_ago": 10 * MINUTE,
        **snapshot,
    }
    return Ended(snapshot=Snapshot(**whole), note=note(), found=outputs)


def states(records: tuple[UpdateRecord, ...] | None) -> dict[str, UpdateState]:
    return {one.name: one.state for one in records or ()}


def test_what_is_there_afterwards_is_installed() -> None:
    outputs = found(app="2.0", base="2.0", curl="1.0") | {INSTALL: Output(code=0)}
    report = final(JOB, ended(outputs), now=NOW)
    assert (report.status, report.error, report.reboot_status) == ("Succeeded", "", "NotNeeded")
    assert states(report.updates) == {
        "app": UpdateState.INSTALLED,
        "base": UpdateState.INSTALLED,
        "curl": UpdateState.EXCLUDED,
        "dash": UpdateState.NOT_SELECTED,
    }
    assert report.counts == UpdateCounts(installed=2, excluded=1, not_selected=1)
    assert (report.started_at, report.modified_at) == (NOW - 60 * MINUTE, NOW - 10 * MINUTE)


@pytest.mark.parametrize(
    ("install", "state", "said"),
    [
        pytest.param(
            Output(code=0),
            UpdateState.FAILED,
            "these are not installed: base",
            id="it claims success",
        ),
        pytest.param(
            Output(code=100, stderr="E: Sub-process /usr/bin/dpkg returned an error code (1)\n"),
            UpdateState.FAILED,
            "dpkg returned an error",
            id="it says that it failed",
        ),
        pytest.param(LOCKED, UpdateState.PENDING, "lock", id="the lock was never free"),
    ],
)
def test_what_is_not_there_is_not_installed_whatever_was_said(
    install: Output, state: UpdateState, said: str
) -> None:
    report = final(JOB, ended(found(app="2.0", base="1.0") | {INSTALL: install}), now=NOW)
    assert report.status == "Failed"
    assert said in report.error
    assert states(report.updates)["app"] is UpdateState.INSTALLED
    assert states(report.updates)["base"] is state


def test_complaint_is_a_warning_where_nothing_is_missing() -> None:
    complains = Output(code=100, stderr="E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    outputs = found(app="2.0", base="2.0") | {INSTALL: complains}
    report = final(JOB, ended(outputs), now=NOW)
    assert report.status == "CompletedWithWarnings"
    assert "dpkg returned an error" in report.error


@pytest.mark.parametrize(
    ("began_ago", "said"),
    [
        pytest.param(60 * MINUTE, "interrupted", id="under way"),
        pytest.param(None, "did not begin", id="before it began"),
    ],
)
def test_interrupted_install_leaves_the_rest_pending(
    began_ago: timedelta | None, said: str
) -> None:
    looked = found(app="2.0", base="1.0")
    cut = ended({}, state=State.INTERRUPTED, began_ago=began_ago, ended_ago=None)
    report = final(JOB, replace(cut, found=looked), now=NOW)
    assert report.status == "Failed"
    assert said in report.error
    assert states(report.updates) == {
        "app": UpdateState.INSTALLED,
        "base": UpdateState.PENDING,
        "curl": UpdateState.EXCLUDED,
        "dash": UpdateState.NOT_SELECTED,
    }


@pytest.mark.parametrize(
    ("reboot", "needed", "refused", "status"),
    [
        pytest.param(None, False, False, "NotNeeded", id="nobody wants one"),
        pytest.param(None, True, False, "Required", id="needed and not made"),
        pytest.param(Reboot(ago=MINUTE, is_done=True), True, False, "Completed", id="proved"),
        pytest.param(Reboot(ago=60 * MINUTE, is_done=False), True, False, "Failed", id="not come"),
        pytest.param(None, True, True, "Failed", id="refused"),
    ],
)
def test_restart_is_what_the_boot_id_says(
    reboot: Reboot | None, needed: bool, refused: bool, status: str
) -> None:
    outputs = found(app="2.0", base="2.0") | {INSTALL: Output(code=0)}
    outputs["reboot-needed"] = Output(code=0 if needed else 1)
    if refused:
        outputs[REBOOT] = Output(code=1, stderr="Access denied")
    assert final(JOB, ended(outputs, reboot=reboot), now=NOW).reboot_status == status


@pytest.mark.parametrize(
    ("reboot", "said"),
    [
        (None, ""),
        (Reboot(ago=MINUTE, is_done=True), ""),
        (Reboot(ago=15 * MINUTE, is_done=False), ""),
        (Reboot(ago=14 * MINUTE, is_done=False), "It was told to restart at 11:46 UTC."),
    ],
    ids=["none asked", "done", "too late", "waited for"],
)
def test_restart_is_waited_for_as_long_as_it_may_take(reboot: Reboot | None, said: str) -> None:
    snapshot = Snapshot(state=State.ENDED, reboot=reboot)
    assert restart_note(snapshot, now=NOW, patience=15 * MINUTE) == said


@pytest.mark.parametrize(
    "packages",
    [
        pytest.param(Output(code=0, stdout="nonsense\n"), id="not understood"),
        pytest.param(
            Output(code=0, stdout="app\tall\t2.0\tinstalled\n", is_cut=True), id="in part"
        ),
    ],
)
def test_what_can_not_be_read_is_no_report(packages: Output) -> None:
    outputs = found(app="2.0", base="2.0") | {"packages": packages}
    with pytest.raises(UnreadableError):
        final(JOB, ended(outputs), now=NOW)


def test_install_that_said_too_much_is_read_all_the_same() -> None:
    chatty = Output(code=0, stdout="building\n", is_cut=True)
    outputs = found(app="2.0", base="2.0") | {INSTALL: chatty}
    assert final(JOB, ended(outputs), now=NOW).status == "Succeeded"


# --- the task and its note -----------------------------------------------------------------------


def test_note_says_what_was_meant() -> None:
    assert note().manager.name == "apt"
    assert states(note().updates) == {
        "app": UpdateState.PENDING,
        "base": UpdateState.PENDING,
        "curl": UpdateState.EXCLUDED,
        "dash": UpdateState.NOT_SELECTED,
    }
    assert [(one.name, one.version) for one in note().selected] == [("app", "2.0"), ("base", "2.0")]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"manager": "pacman", "updates": []}', '{"manager": "apt", "updates": [1]}'],
)
def test_other_notes_are_not_read(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_note(text)


@pytest.mark.parametrize(
    ("setting", "left", "conditions"),
    [
        (RebootSetting.NEVER, timedelta(hours=3), None),
        (RebootSetting.IF_REQUIRED, timedelta(hours=3), {INSTALL, "reboot-needed"}),
        (RebootSetting.ALWAYS, timedelta(hours=3), {INSTALL}),
        (RebootSetting.ALWAYS, 15 * MINUTE, None),
    ],
    ids=["never", "if required", "always", "no time left"],
)
def test_restart_is_the_last_step_where_it_is_wanted_and_in_time(
    setting: RebootSetting, left: timedelta, conditions: set[str] | None
) -> None:
    task = install_task(an_order(setting, left), MANAGER, SELECTION, limits=Limits())
    last = task.steps[-1]
    assert (last.name == REBOOT) is (conditions is not None)
    if conditions is not None:
        assert {one.step for one in last.only_if} == conditions
        assert (last.within, last.reboots) == (left - 15 * MINUTE, True)
    assert not any(step.reboots for step in task.steps[:-1])


def test_lock_is_waited_for_until_the_cut_off() -> None:
    task = install_task(an_order(), MANAGER, SELECTION, limits=Limits())
    assert task.patience == timedelta(hours=3) - timedelta(minutes=25)
    late = install_task(an_order(left=20 * MINUTE), MANAGER, SELECTION, limits=Limits())
    assert (late.patience, late.not_after) == (timedelta(0), timedelta(0))


def test_nothing_that_changes_the_server_begins_after_the_cut_off() -> None:
    task = install_task(an_order(), MANAGER, SELECTION, limits=Limits())
    names = [step.name for step in task.steps]
    changing = task.steps[: names.index(INSTALL) + 1]
    assert {step.within for step in changing} == {timedelta(hours=3) - timedelta(minutes=25)}
    looking = task.steps[names.index(INSTALL) + 1 : -1]
    assert {step.within for step in looking} == {None}


def test_install_that_came_too_late_says_so() -> None:
    report = final(JOB, ended(found(app="1.0", base="1.0")), now=NOW)
    assert report.status == "Failed"
    assert "cut-off" in report.error
    assert states(report.updates)["app"] is UpdateState.PENDING
