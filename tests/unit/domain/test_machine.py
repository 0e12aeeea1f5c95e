"""Who may be patched: the truth table of consent, and each type's own condition."""

import pytest

from shared.domain.machine import Machine, MachineState, MachineType, OsType, ineligible
from shared.domain.run import Reason


def a_machine(kind: MachineType) -> Machine:
    return Machine(
        id="/Machines/M1", type=kind, subscription="s", resource_group="g", location="westeurope"
    )


@pytest.mark.parametrize(
    ("patch_mode", "bypass_checks", "consented"),
    [
        ("AutomaticByPlatform", True, True),
        ("AutomaticByPlatform", False, False),
        ("AutomaticByPlatform", None, False),
        ("AutomaticByOS", True, False),
        ("AutomaticByOS", False, False),
        ("AutomaticByOS", None, False),
        ("ImageDefault", True, False),
        ("ImageDefault", False, False),
        ("ImageDefault", None, False),
        ("Manual", True, False),
        ("Manual", False, False),
        ("Manual", None, False),
        (None, True, False),
        (None, False, False),
        (None, None, False),
    ],
)
def test_only_customer_managed_schedules_are_consent(
    patch_mode: str | None, bypass_checks: bool | None, consented: bool
) -> None:
    state = MachineState(
        machine=a_machine(MachineType.AZURE_VM),
        running=True,
        patch_mode=patch_mode,
        bypass_checks=bypass_checks,
    )

    found = ineligible(state)

    assert (found is None) is consented
    assert found is None or found.reason is Reason.PREREQUISITES_NOT_MET


@pytest.mark.parametrize("running", [False, None], ids=["stopped", "unknown"])
def test_vm_has_to_run(running: bool | None) -> None:
    state = MachineState(
        machine=a_machine(MachineType.AZURE_VM),
        running=running,
        patch_mode="AutomaticByPlatform",
        bypass_checks=True,
    )

    found = ineligible(state)

    assert found is not None
    assert found.reason is Reason.NOT_RUNNING


def test_missing_consent_is_told_before_a_stopped_vm() -> None:
    found = ineligible(MachineState(machine=a_machine(MachineType.AZURE_VM), running=False))

    assert found is not None
    assert found.reason is Reason.PREREQUISITES_NOT_MET
    assert "bypassPlatformSafetyChecksOnUserSchedule" in found.message


@pytest.mark.parametrize(
    ("connected", "reason"),
    [(True, None), (False, Reason.NOT_CONNECTED), (None, Reason.NOT_CONNECTED)],
)
def test_arc_server_has_to_be_connected_and_needs_no_consent(
    connected: bool | None, reason: Reason | None
) -> None:
    found = ineligible(MachineState(machine=a_machine(MachineType.ARC_SERVER), connected=connected))

    assert (found and found.reason) == reason


@pytest.mark.parametrize(
    ("enabled", "reason"), [(True, None), (False, Reason.DISABLED), (None, Reason.DISABLED)]
)
def test_ssh_server_has_to_be_enabled(enabled: bool | None, reason: Reason | None) -> None:
    found = ineligible(MachineState(machine=a_machine(MachineType.SERVER), enabled=enabled))

    assert (found and found.reason) == reason


def test_types_and_systems_are_read_without_case() -> None:
    assert MachineType("microsoft.COMPUTE/virtualmachines") is MachineType.AZURE_VM
    assert OsType("LINUX") is OsType.LINUX


@pytest.mark.parametrize("text", ["", "Microsoft.Compute", "None"])
def test_unknown_type_is_none_of_them(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid MachineType"):
        MachineType(text)


def test_machine_is_found_by_its_id_without_case() -> None:
    assert a_machine(MachineType.SERVER).key == "/machines/m1"
