"""Which operation a path and a method lead to.

One table, first match wins. The host tries functions in the order of their names and answers wrong paths and methods in
a shape of its own; so there is one route for all, and what it does not know is answered here, in ARM's shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.application.ports import Services
from shared.entrypoints.arm import operations as do
from shared.entrypoints.arm.errors import method_not_allowed
from shared.entrypoints.arm.ids import Address, Place, no_such_path
from shared.entrypoints.arm.operations import Operation
from shared.entrypoints.arm.replies import Reply
from shared.entrypoints.arm.requests import ArmRequest

_SCOPES = frozenset({Place.SUBSCRIPTION, Place.GROUP})
_CONFIGURATION = frozenset({Place.CONFIGURATION})
_RESOURCE = frozenset({Place.RESOURCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a collection hangs, the steps that follow (`*` is any name), and its operations by method."""

    places: frozenset[Place]
    steps: str
    operations: Mapping[str, Operation]

    def leads_to(self, place: Place, steps: tuple[str, ...]) -> bool:
        """Whether a path is this route's."""
        own = self.steps.split("/")
        return (
            place in self.places
            and len(own) == len(steps)
            and all(one in ("*", step.lower()) for one, step in zip(own, steps, strict=True))
        )


ROUTES = (
    Route(
        places=frozenset({Place.ROOT}), steps="operations", operations={"GET": do.list_operations}
    ),
    Route(
        places=_SCOPES,
        steps="maintenanceconfigurations",
        operations={"GET": do.list_configurations},
    ),
    Route(
        places=frozenset({Place.GROUP}),
        steps="maintenanceconfigurations/*",
        operations={
            "GET": do.get_configuration,
            "PUT": do.put_configuration,
            "PATCH": do.patch_configuration,
            "DELETE": do.delete_configuration,
        },
    ),
    Route(
        places=_SCOPES | _RESOURCE,
        steps="configurationassignments",
        operations={"GET": do.list_assignments},
    ),
    Route(
        places=_SCOPES | _RESOURCE,
        steps="configurationassignments/*",
        operations={
            "GET": do.get_assignment,
            "PUT": do.put_assignment,
            "PATCH": do.patch_assignment,
            "DELETE": do.delete_assignment,
        },
    ),
    Route(places=_SCOPES | _CONFIGURATION, steps="applyupdates", operations={"GET": do.list_runs}),
    Route(
        places=_RESOURCE,
        steps="applyupdates/default",
        operations={"PUT": do.start_machine_runs},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyupdates/default",
        operations={"GET": do.get_latest_run_on_demand, "PUT": do.start_configuration_run},
    ),
    Route(
        places=_CONFIGURATION,
        steps="applyupdates/*",
        operations={"GET": do.get_run, "PUT": do.put_run},
    ),
    Route(places=_CONFIGURATION, steps="applyupdates/*/jobs", operations={"GET": do.list_jobs}),
    Route(places=_CONFIGURATION, steps="applyupdates/*/jobs/*", operations={"GET": do.get_job}),
    Route(
        places=_CONFIGURATION,
        steps="applyupdates/*/jobs/*/updates",
        operations={"GET": do.list_updates},
    ),
)


def find_operations(address: Address) -> Mapping[str, Operation]:
    """The operations of a path, by method; raises `NotFoundError` for a path that has none."""
    place = address.place()
    for route in ROUTES:
        if route.leads_to(place, address.steps):
            return route.operations
    raise no_such_path()


async def answer(services: Services, request: ArmRequest) -> Reply:
    """Find the operation and await it; raises `MusterError`."""
    known = find_operations(request.address)
    if request.method not in known:
        return method_not_allowed(request.method, allowed=known)
    request.check_api_version()
    return await known[request.method](services, request)
