"""The operations that role definitions can name, as `GET /providers/Microsoft.Maintenance/operations` lists them.

Source of the shape: `Operation` of ARM's common types, version 5.
"""

from shared.entrypoints.arm.replies import Json

_PROVIDER = "Microsoft Maintenance"
_RESOURCES = {
    "maintenanceConfigurations": ("Maintenance Configuration", ("read", "write", "delete")),
    "configurationAssignments": ("Configuration Assignment", ("read", "write", "delete")),
    "applyUpdates": ("Apply Update", ("read", "write")),
    "updates": ("Update", ("read",)),
}
_VERBS = {"read": "Read", "write": "Create or update", "delete": "Delete"}


def _operation(collection: str, action: str) -> Json:
    resource, _ = _RESOURCES[collection]
    return {
        "name": f"Microsoft.Maintenance/{collection}/{action}",
        "isDataAction": False,
        "display": {
            "provider": _PROVIDER,
            "resource": resource,
            "operation": f"{_VERBS[action]} {resource.lower()}",
            "description": f"{_VERBS[action]} {resource.lower()}.",
        },
        "origin": "user",
    }


CATALOGUE: tuple[Json, ...] = tuple(
    _operation(collection, action)
    for collection, (_, actions) in _RESOURCES.items()
    for action in actions
)
