"""The course of an install: what is installed in the time, the reboot, and the status that follows."""

from datetime import UTC, datetime, timedelta

import pytest

from localhost.azure.fleet import Kind, Machine
from localhost.azure.install_request import InstallRequest
from localhost.azure.operations import Install, plan_install, under_way
from localhost.azure.updates import ALWAYS_REBOOTS, Os, PatchState, Selection, Update

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
UPDATES = tuple(
    Update(patch_id=f"p{n}", name=f"package{n}", version="1", classification="Other")
    for n in range(4)
)


def plan(
    machine: Machine,
    *,
    reboot: str = "IfRequired",
    needs: timedelta | None = timedelta(minutes=40),
    limit: timedelta | None = None,
) -> Install:
    everything = Selection(os=Os.LINUX)
    return plan_install(
        machine,
        InstallRequest(selection=everything, reboot_setting=reboot, maximum_duration=limit),
        activity_id="a",
        started_at=START,
        needs=needs,
    )


def linux(**changes: object) -> Machine:
    facts: dict[str, object] = {"missing": UPDATES, **changes}
    return Machine(
        subscription="s",
        resource_group="g",
        kind=Kind.VM,
        name="m",
        os=Os.LINUX,
        location="l",
        **facts,  # type: ignore[arg-type]
    )


KERNEL = (
    Update(
        patch_id="k", name="kernel", version="2", classification="Critical", reboot=ALWAYS_REBOOTS
    ),
)


@pytest.mark.parametrize(
    ("machine", "reboot", "status", "reboot_status"),
    [
        pytest.param(linux(), "IfRequired", "Succeeded", "NotNeeded", id="nothing to reboot for"),
        pytest.param(linux(), "Always", "Succeeded", "Completed", id="always reboots once"),
        pytest.param(
            linux(missing=KERNEL), "IfRequired", "Succeeded", "Completed", id="reboots when needed"
        ),
        pytest.param(
            linux(missing=KERNEL),
            "Never",
            "CompletedWithWarnings",
            "Required",
            id="a reboot that may not be is a warning",
        ),
        pytest.param(
            linux(missing=KERNEL, reboot_fails=True),
            "IfRequired",
            "Failed",
            "Failed",
            id="a reboot that fails",
        ),
        pytest.param(
            linux(failing=frozenset({"p1"})), "Never", "Failed", "NotNeeded", id="an update fails"
        ),
        pytest.param(
            linux(missing=KERNEL, failing=frozenset({"k"})),
            "IfRequired",
            "Failed",
            "NotNeeded",
            id="what was not installed needs no reboot",
        ),
        pytest.param(linux(missing=()), "Never", "Succeeded", "NotNeeded", id="nothing to do"),
    ],
)
def test_status_follows_from_updates_and_reboot(
    machine: Machine, reboot: str, status: str, reboot_status: str
) -> None:
    install = plan(machine, reboot=reboot)
    assert (install.status, install.reboot_status) == (status, reboot_status)


def test_updates_after_the_limit_stay_pending_and_the_running_one_is_finished() -> None:
    install = plan(linux(), limit=timedelta(minutes=15))
    assert install.counts == {PatchState.INSTALLED: 2, PatchState.PENDING: 2}
    assert install.ended_at == START + timedelta(minutes=20)
    assert install.window_exceeded
    assert install.status == "Failed"


def test_one_long_update_overruns_and_says_so() -> None:
    install = plan(linux(missing=UPDATES[:1]), limit=timedelta(minutes=15))
    assert install.counts == {PatchState.INSTALLED: 1}
    assert install.ended_at == START + timedelta(minutes=40)
    assert install.window_exceeded


def test_install_in_time_does_not_exceed_its_window() -> None:
    install = plan(linux(), limit=timedelta(minutes=40))
    assert install.counts == {PatchState.INSTALLED: 4}
    assert not install.window_exceeded


def test_install_that_never_ends_is_always_under_way() -> None:
    assert under_way(plan(linux(), needs=None), START + timedelta(days=30))


def test_machine_keeps_what_failed_and_loses_what_was_installed() -> None:
    install = plan(linux(failing=frozenset({"p1"})))
    assert [update.patch_id for update in install.left(UPDATES)] == ["p1"]
