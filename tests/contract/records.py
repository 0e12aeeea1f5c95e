"""Records that the contract tests store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.application.ports import StoredAssignment, StoredConfiguration
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunKind, job_key, run_key
from tests.builders import CONFIGURATION, GROUP, SUBSCRIPTION, a_machine

NOW = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
OTHER = f"{GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations/other"
STAMPS: dict[str, Any] = {
    "created_at": NOW,
    "created_by": "ann",
    "modified_at": NOW,
    "modified_by": "bob",
}


def a_configuration(configuration_id: str = CONFIGURATION, **changes: Any) -> StoredConfiguration:
    fields: dict[str, Any] = {"document": {"a": [1, None, "ü"]}, "window_since": NOW, **STAMPS}
    return StoredConfiguration(id=configuration_id, revision="r1", **(fields | changes))


def an_assignment(
    name: str = "all", *, scope: str = SCOPE, configuration: str = CONFIGURATION
) -> StoredAssignment:
    return StoredAssignment(
        id=f"{scope}/providers/Microsoft.Maintenance/configurationAssignments/{name}",
        scope_id=scope,
        name=name,
        configuration_id=configuration,
        document={"properties": {"filter": {}}},
        **STAMPS,
    )


def a_run(minutes: int = 0, *, configuration: str = CONFIGURATION, **changes: Any) -> Run:
    starts_at = NOW + minutes * MINUTE
    fields: dict[str, Any] = {"kind": RunKind.SCHEDULED, "created_at": NOW, "created_by": "timer"}
    return Run(
        configuration_id=configuration,
        key=run_key(starts_at),
        starts_at=starts_at,
        duration=timedelta(hours=3),
        **(fields | changes),
    )


def a_job(name: str = "vm", **changes: Any) -> Job:
    machine = a_machine(name)
    return Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
        **changes,
    )


RUN = a_run().id
