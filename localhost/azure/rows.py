"""The rows of Resource Graph's tables: `resources`, `patchinstallationresources`, `patchassessmentresources`.

As in Resource Graph, `type`, `location` and `resourceGroup` are lower-case in every row, ids keep their spelling, and
only `resources` shows tags.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from localhost.azure.documents import (
    arc_assessment,
    arc_install,
    instance_view,
    machine_document,
    software_patch,
    timestamp,
)
from localhost.azure.fleet import Kind, Machine
from localhost.azure.operations import Assessment, Install, under_way

TENANT = "d2a5b7c1-4e0f-4b39-8a66-000000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, of whichever table; `kind` is its lower-case type."""

    id: str
    name: str
    kind: str
    machine: Machine
    properties: dict[str, Any]
    tags: dict[str, str] | None = None


def resource_row(machine: Machine) -> Row:
    """A machine in `resources`; a VM's power state is under `properties.extended`."""
    document = machine_document(machine)
    properties = document["properties"]
    if machine.kind is Kind.VM:
        code = instance_view(machine)["statuses"][-1]
        properties["extended"] = {"instanceView": {"powerState": code}}
    return Row(
        id=machine.id,
        name=machine.name,
        kind=machine.kind.lower(),
        machine=machine,
        properties=properties,
        tags=document.get("tags"),
    )


def install_rows(
    install: Install, now: datetime, *, modified_at: datetime | None = None
) -> Iterator[Row]:
    """The row of an install as it is at *now*, and once it has ended those of its updates.

    *modified_at* is said of a row that was put right later.
    """
    machine, activity = install.machine, install.activity_id
    base, kind = f"{machine.id}/patchInstallationResults/{activity}", machine.kind.lower()
    yield Row(
        id=base,
        name=activity,
        kind=f"{kind}/patchinstallationresults",
        machine=machine,
        properties={
            "errorDetails": None,
            **arc_install(install, now),
            **({"lastModifiedDateTime": timestamp(modified_at)} if modified_at else {}),
            "maintenanceRunId": None,
        },
    )
    if under_way(install, now):
        return
    for update in machine.missing:
        state = install.states[update.patch_id]
        yield Row(
            id=f"{base}/softwarePatches/{update.patch_id}",
            name=update.patch_id,
            kind=f"{kind}/patchinstallationresults/softwarepatches",
            machine=machine,
            properties=software_patch(update, at=install.ended_at, state=state),
        )


def miscounted(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of an install, of which the first claims more than the others show."""
    for row in rows:
        count = row.properties.get("installedPatchCount")
        wrong = {} if count is None else {"installedPatchCount": count + 1}
        yield replace(row, properties={**row.properties, **wrong})


def assessment_rows(assessment: Assessment) -> Iterator[Row]:
    """The rows of a machine's latest assessment."""
    machine = assessment.machine
    base, kind = f"{machine.id}/patchAssessmentResults/latest", machine.kind.lower()
    yield Row(
        id=base,
        name="latest",
        kind=f"{kind}/patchassessmentresults",
        machine=machine,
        properties={"errorDetails": None, **arc_assessment(assessment)},
    )
    for update in machine.missing:
        yield Row(
            id=f"{base}/softwarePatches/{update.patch_id}",
            name=update.patch_id,
            kind=f"{kind}/patchassessmentresults/softwarepatches",
            machine=machine,
            properties=software_patch(update, at=assessment.ended_at, state=None),
        )
