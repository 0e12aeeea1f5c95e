"""A life cycle through `azure-mgmt-maintenance`, told as JSON: `python sdk_client.py URL SUBSCRIPTION VM FLAVOUR`.

It runs in an environment that has the client and nothing of Muster's, with either generation of the client (models are
flat in the older one) and either flavour: `sync` or `async`. VM is a machine's `<group>/<name>`.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

GROUP = "sdk"
SCHEDULE = (GROUP, "Microsoft.Maintenance", "maintenanceConfigurations")
WINDOW = {
    "start_date_time": "2026-06-01 02:00",
    "duration": "03:00",
    "time_zone": "Pacific Standard Time",
    "recur_every": "Week Saturday,Sunday",
}
# The second of its occurrences once it recurs every two days.
COMING = "20260603090000"

models: Any = import_module("azure.mgmt.maintenance.models")
policies: Any = import_module("azure.core.pipeline.policies")
exceptions: Any = import_module("azure.core.exceptions")
rest: Any = import_module("azure.core.rest")
IS_FLAT = not hasattr(models, "MaintenanceConfigurationProperties")


class StaticBearer(policies.SansIOHTTPPolicy):  # type: ignore[misc]
    """Signs requests without asking Entra ID, which the client would refuse over plain HTTP."""

    def on_request(self, request: Any) -> None:
        """Add the header."""
        request.http_request.headers["Authorization"] = "Bearer none"


def configuration(**changes: Any) -> Any:
    """A configuration's model."""
    window = WINDOW | changes
    rules = {
        "maintenance_scope": "InGuestPatch",
        "extension_properties": {"InGuestPatchMode": "User"},
        "install_patches": models.InputPatchConfiguration(
            reboot_setting="IfRequired",
            linux_parameters=models.InputLinuxParameters(
                classifications_to_include=["Critical", "Security"]
            ),
        ),
    }
    return wrapped(
        "MaintenanceConfiguration",
        location="westeurope",
        tags={"Env": "Prod"},
        properties=rules | (window if IS_FLAT else {"maintenance_window": window_model(window)}),
    )


def change(**window: Any) -> Any:
    """A patch of a configuration's window."""
    changes = window if IS_FLAT else {"maintenance_window": window_model(window)}
    return wrapped("MaintenanceConfiguration", properties=changes)


def assignment(configuration_id: str, **more: Any) -> Any:
    """An assignment's model."""
    named = {"maintenance_configuration_id": configuration_id}
    return wrapped("ConfigurationAssignment", location="global", properties=named | more)


def scope(**tags: list[str]) -> Any:
    """The filter of Linux machines with any of these tags."""
    return models.ConfigurationAssignmentFilterProperties(
        os_types=["Linux"],
        tag_settings=models.TagSettingsProperties(tags=tags, filter_operator="Any"),
    )


def wrapped(kind: str, *, properties: dict[str, Any], **members: Any) -> Any:
    """A model whose properties are flat, or in a model of their own."""
    if IS_FLAT:
        return getattr(models, kind)(**members, **properties)
    inner = getattr(models, f"{kind}Properties")(**properties)
    return getattr(models, kind)(**members, properties=inner)


def window_model(members: dict[str, Any]) -> Any:
    """A window's model."""
    return models.MaintenanceWindow(**members)


async def done(call: Any) -> Any:
    """What a call of either flavour gives, as it went on the wire; a list for pages."""
    if hasattr(call, "__aiter__"):
        return [wire(one) async for one in call]
    if inspect.isawaitable(call):
        return wire(await call)
    if hasattr(call, "by_page"):
        return [wire(one) for one in call]
    return wire(call)


def wire(model: Any) -> Any:
    """A model under the names of the wire; None stays None."""
    if model is None:
        return None
    return model.serialize(keep_readonly=True) if IS_FLAT else model.as_dict()


async def error_of(call: Callable[[], Any]) -> dict[str, Any]:
    """The exception that a call ends in."""
    try:
        await done(call())
    except exceptions.HttpResponseError as error:
        said = error.error
        return {"kind": type(error).__name__, "status": error.status_code, "code": said.code}
    return {"kind": "none"}


async def configure(client: Any, name: str) -> dict[str, Any]:
    """Create, read and change a configuration."""
    operations = client.maintenance_configurations
    told = {"created": await done(operations.create_or_update(GROUP, name, configuration()))}
    told["got"] = await done(operations.get(GROUP, name))
    told["changed"] = await done(operations.update(GROUP, name, change(recur_every="2Days")))
    told["listed"] = await done(operations.list())
    of_group = client.maintenance_configurations_for_resource_group
    told["listed_in_group"] = await done(of_group.list(GROUP))
    return told


async def assign(
    client: Any, name: str, *, configuration_id: str, machine: tuple[str, ...]
) -> dict[str, Any]:
    """Assign machines dynamically, by subscription and by group, and one statically."""
    dynamic = client.configuration_assignments_for_subscriptions
    prod = assignment(configuration_id, filter=scope(env=["prod"]))
    told = {"dynamic": await done(dynamic.create_or_update(name, prod))}
    test = assignment(configuration_id, filter=scope(env=["test"]))
    told["dynamic_changed"] = await done(dynamic.update(name, test))
    in_group = client.configuration_assignments_for_resource_group
    told["in_group"] = await done(in_group.create_or_update(GROUP, name, prod))
    static = client.configuration_assignments
    told["static"] = await done(
        static.create_or_update(*machine, name, assignment(configuration_id))
    )
    told["of_machine"] = await done(static.list(*machine))
    told["assignments"] = await done(client.configuration_assignments_within_subscription.list())
    return told


async def patch(client: Any, name: str, *, subscription: str) -> dict[str, Any]:
    """Start now, look at the run, list runs, cancel it and a coming one."""
    updates = client.apply_updates
    told = {"started": await done(updates.create_or_update(*SCHEDULE, name))}
    run = told["started"]["name"]
    told["status"] = await done(updates.get(*SCHEDULE, name, run))
    told["runs"] = await done(updates.list())
    told["runs_in_group"] = await done(client.apply_update_for_resource_group.list(GROUP))
    told["cancelled"] = await cancel(client, name, run, subscription=subscription)
    told["coming_cancelled"] = await cancel(client, name, COMING, subscription=subscription)
    return told


async def cancel(client: Any, name: str, run: str, *, subscription: str) -> Any:
    """Cancel a run; the older client has no operation for it, but sends what it is given."""
    if hasattr(client.apply_updates, "create_or_update_or_cancel"):
        wish = models.ApplyUpdate(properties=models.ApplyUpdateProperties(status="Cancel"))
        return await done(
            client.apply_updates.create_or_update_or_cancel(*SCHEDULE, name, run, wish)
        )
    request = rest.HttpRequest(
        "PUT",
        f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Maintenance"
        f"/maintenanceConfigurations/{name}/providers/Microsoft.Maintenance/applyUpdates/{run}",
        params={"api-version": "2023-10-01-preview"},
        json={"properties": {"status": "Cancel"}},
    )
    sent = client._send_request(request)
    reply = await sent if inspect.isawaitable(sent) else sent
    reply.raise_for_status()
    return reply.json()


async def delete(client: Any, name: str, *, machine: tuple[str, ...]) -> dict[str, Any]:
    """Delete everything, and show that nothing is left."""
    static = client.configuration_assignments
    told = {"static_deleted": await done(static.delete(*machine, name))}
    dynamic = client.configuration_assignments_for_subscriptions
    told["dynamic_deleted"] = await done(dynamic.delete(name))
    operations = client.maintenance_configurations
    told["deleted"] = await done(operations.delete(GROUP, name))
    told["deleted_again"] = await done(operations.delete(GROUP, name))
    told["gone"] = await error_of(lambda: operations.get(GROUP, name))
    in_group = client.configuration_assignments_for_resource_group
    told["gone_with_it"] = await error_of(lambda: in_group.get(GROUP, name))
    refused = configuration(recur_every="Fortnight")
    told["refused"] = await error_of(lambda: operations.create_or_update(GROUP, name, refused))
    return told


async def life_cycle(client: Any, name: str, *, subscription: str, vm: str) -> dict[str, Any]:
    """All of it, in order."""
    group, _, machine_name = vm.partition("/")
    machine = (group, "Microsoft.Compute", "virtualMachines", machine_name)
    told = await configure(client, name)
    told |= await assign(client, name, configuration_id=told["created"]["id"], machine=machine)
    told |= await patch(client, name, subscription=subscription)
    return told | await delete(client, name, machine=machine)


async def main(url: str, subscription: str, vm: str, flavour: str) -> None:
    """Print what a client of this flavour is told."""
    home = "azure.mgmt.maintenance" + (".aio" if flavour == "async" else "")
    client = import_module(home).MaintenanceManagementClient(
        object(),
        subscription,
        base_url=url,
        authentication_policy=StaticBearer(),
        retry_total=0,
    )
    generation = "flat" if IS_FLAT else "nested"
    told = await life_cycle(client, f"{generation}-{flavour}", subscription=subscription, vm=vm)
    closing = client.close()
    if inspect.isawaitable(closing):
        await closing
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
