"""The documents of Microsoft.Maintenance as the records that the rules work with."""

from collections.abc import Mapping
from typing import Any

from shared.application.assignment_body import AssignmentBody
from shared.application.bodies import read_body
from shared.application.configuration_body import (
    ConfigurationBody,
    max_concurrency,
    patch_mode,
)
from shared.application.ports import StoredAssignment
from shared.domain.configuration import (
    ConfigurationAssignment,
    MaintenanceConfiguration,
    MaxConcurrency,
)
from shared.domain.ids import ResourceId
from shared.domain.machine import MachineType
from shared.domain.scope import Scope
from shared.errors import InvalidRequestError


def parse_configuration(
    configuration_id: str, document: Mapping[str, Any]
) -> MaintenanceConfiguration:
    """Read a configuration's body; raises `InvalidRequestError` with one detail for each mistake."""
    properties = read_body(ConfigurationBody, document).properties
    return MaintenanceConfiguration(
        id=configuration_id,
        window=properties.maintenance_window.record(),
        mode=patch_mode(properties.extension_properties),
        max_concurrency=max_concurrency(properties.extension_properties),
        install_patches=properties.install_patches.record() if properties.install_patches else None,
    )


def max_concurrency_of(document: Mapping[str, Any]) -> MaxConcurrency | None:
    """How many machines at once a configuration allows whose body was read before."""
    return max_concurrency(document["properties"]["extensionProperties"])


def parse_assignment(scope_id: str, document: Mapping[str, Any]) -> ConfigurationAssignment:
    """Read the body of an assignment that hangs on *scope_id*: a subscription, a resource group or a machine.

    Raises `InvalidRequestError` with one detail for each mistake.
    """
    scope = ResourceId.parse(scope_id)
    if scope.type and scope.type.lower() not in {kind.lower() for kind in MachineType}:
        raise InvalidRequestError(
            "An assignment hangs on a subscription, a resource group or a machine "
            f"({', '.join(MachineType)}), not on a resource of the type '{scope.type}'."
        )
    properties = read_body(AssignmentBody, document, context=scope).properties
    return ConfigurationAssignment(
        configuration_id=properties.maintenance_configuration_id,
        filter=properties.filter.record() if properties.filter else None,
    )


def scope_of(assignment: StoredAssignment) -> Scope | None:
    """The dynamic scope that a stored assignment is; None for a static one."""
    found = parse_assignment(assignment.scope_id, assignment.document).filter
    if found is None:
        return None
    place = ResourceId.parse(assignment.scope_id)
    return Scope(
        assignment_id=assignment.id,
        subscription=place.subscription,
        resource_group=place.resource_group or None,
        filter=found,
    )
