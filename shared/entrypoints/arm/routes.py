"""Which operation a path and a method lead to.

One table, first match wins. The host tries functions in the order of their names and answers wrong paths and methods in
a shape of its own; so there is one route for all, and what it does not know is answered here, in ARM's shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.application.ports import Services
from shared.entrypoints.arm import operations as do
from shared.entrypoints.arm import own_operations as own
from shared.entrypoints.arm import unserved
from shared.entrypoints.arm.errors import method_not_allowed
from shared.entrypoints.arm.ids import (
    MICROSOFT,
    MUSTER,
    ON_PREMISES,
    Address,
    Place,
    no_such_path,
)
from shared.entrypoints.arm.operations import Operation
from shared.entrypoints.arm.replies import Reply
from shared.entrypoints.arm.requests import ArmRequest

_SCOPES = frozenset({Place.SUBSCRIPTION, Place.GROUP})
_CONFIGURATION = frozenset({Place.CONFIGURATION})
_RESOURCE = frozenset({Place.RESOURCE})
_NESTED = frozenset({Place.NESTED})
_SUBSCRIPTION = frozenset({Place.SUBSCRIPTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a collection hangs, the steps that follow (`{...}` is any name), and its operations by method."""

    places: frozenset[Place]
    steps: str
    operations: Mapping[str, Operation]
    provider: str = MICROSOFT

    def leads_to(self, place: Place, steps: tuple[str, ...]) -> bool:
        """Whether a path is this route's."""
        own = self.steps.split("/")
        return (
            place in self.places
            and len(own) == len(steps)
            and all(
                one.startswith("{") or one.lower() == step.lower()
                for one, step in zip(own, steps, strict=True)
            )
        )


ROUTES = (
    Route(
        places=frozenset({Place.ROOT}), steps="operations", operations={"GET": do.list_operations}
    ),
    Route(
        places=_SCOPES,
        steps="maintenanceConfigurations",
        operations={"GET": do.list_configurations},
    ),
    Route(
        places=frozenset({Place.GROUP}),
        steps="maintenanceConfigurations/{configurationName}",
        operations={
            "GET": do.get_configuration,
            "PUT": do.put_configuration,
            "PATCH": do.patch_configuration,
            "DELETE": do.delete_configuration,
        },
    ),
    Route(
        places=_SCOPES | _RESOURCE,
        steps="configurationAssignments",
        operations={"GET": do.list_assignments},
    ),
    Route(
        places=_SCOPES | _RESOURCE,
        steps="configurationAssignments/{assignmentName}",
        operations={
            "GET": do.get_assignment,
            "PUT": do.put_assignment,
            "PATCH": do.patch_assignment,
            "DELETE": do.delete_assignment,
        },
    ),
    Route(
        places=frozenset({Place.GROUP}),
        steps="maintenanceConfigurations/{configurationName}/preview",
        operations={"POST": own.preview},
    ),
    Route(places=_SCOPES, steps="applyUpdates", operations={"GET": do.list_runs}),
    Route(places=_CONFIGURATION, steps="applyUpdates", operations={"GET": own.page_runs}),
    Route(
        places=_RESOURCE,
        steps="applyUpdates/default",
        operations={"GET": do.get_latest_machine_run, "PUT": do.start_machine_runs},
    ),
    Route(
        places=_RESOURCE,
        steps="applyUpdates/{applyUpdateName}",
        operations={"GET": do.get_machine_run, "PUT": do.put_machine_run},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyUpdates/default",
        operations={"GET": do.get_latest_run_on_demand, "PUT": do.start_configuration_run},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyUpdates/{applyUpdateName}",
        operations={"GET": do.get_run, "PUT": do.put_run},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyUpdates/{applyUpdateName}/jobs",
        operations={"GET": own.list_jobs},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyUpdates/{applyUpdateName}/jobs/{jobName}",
        operations={"GET": own.get_job},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyUpdates/{applyUpdateName}/jobs/{jobName}/updates",
        operations={"GET": own.list_updates},
    ),
    Route(places=_RESOURCE, steps="updates", operations={"GET": do.list_pending_updates}),
    Route(
        places=_RESOURCE,
        steps="assessment",
        operations={"GET": own.get_assessment},
        provider=MUSTER,
    ),
    Route(places=_SUBSCRIPTION, steps="assess", operations={"POST": own.assess}, provider=MUSTER),
    Route(places=_SUBSCRIPTION, steps="consent", operations={"POST": own.consent}, provider=MUSTER),
    Route(
        places=_SCOPES,
        steps="servers",
        operations={"GET": own.list_servers},
        provider=ON_PREMISES,
    ),
    Route(
        places=frozenset({Place.GROUP}),
        steps="servers/{serverName}",
        operations={
            "GET": own.get_server,
            "PUT": own.put_server,
            "DELETE": own.delete_server,
        },
        provider=ON_PREMISES,
    ),
    Route(
        places=_SUBSCRIPTION,
        steps="publicMaintenanceConfigurations",
        operations={"GET": unserved.list_public_configurations},
    ),
    Route(
        places=_SUBSCRIPTION,
        steps="publicMaintenanceConfigurations/{configurationName}",
        operations={"GET": unserved.get_public_configuration},
    ),
    Route(
        places=_RESOURCE,
        steps="scheduledevents",
        operations={"POST": unserved.refuse_scheduled_event},
    ),
    Route(
        places=_RESOURCE,
        steps="scheduledevents/{scheduledEventId}/acknowledge",
        operations={"POST": unserved.refuse_scheduled_event},
    ),
    *(
        Route(
            places=_NESTED, steps=steps, operations=dict.fromkeys(methods, unserved.refuse_nested)
        )
        for steps, methods in (
            ("configurationAssignments", ("GET",)),
            ("configurationAssignments/{assignmentName}", ("GET", "PUT", "PATCH", "DELETE")),
            ("applyUpdates/{applyUpdateName}", ("GET", "PUT")),
            ("updates", ("GET",)),
        )
    ),
)


def find_operations(address: Address) -> Mapping[str, Operation]:
    """The operations of a path, by method; raises `NotFoundError` for a path that has none."""
    place = address.place()
    for route in ROUTES:
        if route.provider == address.provider and route.leads_to(place, address.steps):
            return route.operations
    raise no_such_path()


async def answer(services: Services, request: ArmRequest) -> Reply:
    """Find the operation and await it; raises `MusterError`."""
    known = find_operations(request.address)
    if request.method not in known:
        return method_not_allowed(request.method, allowed=known)
    request.check_api_version()
    request.check_arrived()
    return await known[request.method](services, request)
