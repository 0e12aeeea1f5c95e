"""What of an assessment would be installed."""

from datetime import UTC, datetime

import pytest

from shared.domain.assessment import Assessment, may_reboot, selected_by
from shared.domain.install_patches import InstallPatches, LinuxParameters, RebootSetting
from shared.domain.machine import MachineType, OsType
from shared.domain.selection import Selection
from shared.domain.updates import Classification, Update

SECURITY = Update(name="curl", classification="Security", reboot_behavior="NeverReboots")
CRITICAL = Update(name="libc6", classification="Critical", reboot_behavior="CanRequestReboot")
FOUND = Assessment(
    machine_id="/m",
    assessed_at=datetime(2026, 6, 1, tzinfo=UTC),
    status="Succeeded",
    os_type=OsType.LINUX,
    updates=(SECURITY, CRITICAL),
)
ONLY_SECURITY = InstallPatches(linux=LinuxParameters(classifications=(Classification.SECURITY,)))


@pytest.mark.parametrize(
    ("machine_type", "selected"),
    [
        (MachineType.AZURE_VM, (SECURITY, CRITICAL)),
        (MachineType.ARC_SERVER, (SECURITY, CRITICAL)),
        (MachineType.SERVER, (SECURITY,)),
    ],
)
def test_azure_widens_security_and_a_server_of_ones_own_does_not(
    machine_type: MachineType, selected: tuple[Update, ...]
) -> None:
    assert selected_by(FOUND, ONLY_SECURITY, machine_type=machine_type).selected == selected


def test_machine_of_an_unknown_system_gets_nothing() -> None:
    unknown = Assessment(
        machine_id="/m", assessed_at=FOUND.assessed_at, status="Failed", updates=FOUND.updates
    )
    selection = selected_by(unknown, ONLY_SECURITY, machine_type=MachineType.AZURE_VM)
    assert selection == Selection(not_selected=FOUND.updates)


@pytest.mark.parametrize(
    ("selected", "setting", "reboots"),
    [
        ((SECURITY,), RebootSetting.IF_REQUIRED, False),
        ((SECURITY, CRITICAL), RebootSetting.IF_REQUIRED, True),
        ((Update(name="x", classification="Other"),), RebootSetting.IF_REQUIRED, True),
        ((SECURITY, CRITICAL), RebootSetting.NEVER, False),
        ((SECURITY,), RebootSetting.ALWAYS, True),
        ((), RebootSetting.ALWAYS, False),
    ],
    ids=["none of them", "one of them", "not known", "never", "always", "nothing to install"],
)
def test_reboot_is_foretold(
    selected: tuple[Update, ...], setting: RebootSetting, reboots: bool
) -> None:
    assert may_reboot(Selection(selected=selected), setting) is reboots
