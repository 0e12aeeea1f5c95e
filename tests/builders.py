"""What tests are built from: ids, documents and machines that are right unless a test says otherwise."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.domain.machine import Machine, MachineState, MachineType, OsType

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ops"
CONFIGURATION = f"{GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations/nightly"
SERVER = f"{GROUP}/providers/Muster.OnPremises/servers/db-1"
HOST_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKZuYn+TU6RqTjtN+7/lOhZTMN46gq29ch0l8IEsQUbz root@db-1"
)
DAY_BEFORE = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
WINDOW_OPENS = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)
"""The first occurrence of `a_configuration`: daily at 02:00 UTC, for three hours."""


def a_configuration(**window: str) -> dict[str, Any]:
    """A configuration's document; *window* replaces members of its maintenance window."""
    return {
        "location": "westeurope",
        "properties": {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": {"InGuestPatchMode": "User"},
            "maintenanceWindow": {
                "startDateTime": "2026-06-01 02:00",
                "duration": "03:00",
                "timeZone": "UTC",
                "recurEvery": "Day",
                **window,
            },
            "installPatches": {
                "rebootSetting": "IfRequired",
                "windowsParameters": {"classificationsToInclude": ["Critical", "Security"]},
                "linuxParameters": {"classificationsToInclude": ["Critical", "Security"]},
            },
        },
    }


def a_scope(
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the wire's word
    configuration_id: str = CONFIGURATION,
) -> dict[str, Any]:
    """A dynamic scope's document; every machine unless a filter is given."""
    return {
        "location": "global",
        "properties": {
            "maintenanceConfigurationId": configuration_id,
            "filter": dict(filter or {}),
        },
    }


def a_server(**properties: Any) -> dict[str, Any]:
    """The document of a server on premises; *properties* replace members, and None takes one away."""
    replaced = {
        "osType": "Linux",
        "host": "db-1.example.com",
        "user": "muster",
        "hostKey": HOST_KEY,
        "authentication": {"keySetting": "SSH_KEY_DB"},
        **properties,
    }
    return {
        "location": "berlin",
        "tags": {"env": "prod"},
        "properties": {name: value for name, value in replaced.items() if value is not None},
    }


def a_machine(
    name: str = "vm-1",
    *,
    machine_type: MachineType = MachineType.AZURE_VM,
    group: str = "web",
    os_type: OsType = OsType.LINUX,
    tags: Mapping[str, str] | None = None,
) -> Machine:
    """A machine in `SUBSCRIPTION`."""
    return Machine(
        id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{machine_type}/{name}",
        type=machine_type,
        subscription=SUBSCRIPTION,
        resource_group=group,
        location="westeurope",
        os_type=os_type,
        tags=tags or {},
    )


def a_state(machine: Machine | None = None, **changes: Any) -> MachineState:
    """A machine that may be patched; *changes* say what stands in the way."""
    ready: dict[str, Any] = {"machine": machine or a_machine()}
    if ready["machine"].type is MachineType.AZURE_VM:
        ready |= {"running": True, "patch_mode": "AutomaticByPlatform", "bypass_checks": True}
    else:
        ready |= {"connected": True}
    return MachineState(**(ready | changes))
