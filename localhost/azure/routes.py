"""The operations of Azure Resource Manager that exist here, without sockets: a request in, a reply out.

Paths match without case. Each route says what it costs; a request that Azure throttles has no effect, and every reply
tells what is left.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from localhost.azure.documents import instance_view, machine_document
from localhost.azure.errors import ArmError
from localhost.azure.exchange import Asked, Reply, refusal
from localhost.azure.faults import fraction
from localhost.azure.fleet import Kind, Machine
from localhost.azure.limits import Charge, Cost
from localhost.azure.long_running import accepted, poll_arc, poll_vm, vm_addresses
from localhost.azure.operations import Change
from localhost.azure.simulation import Simulation

Handler = Callable[[Simulation, Asked, Mapping[str, str]], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation: what it costs and who answers it."""

    method: str
    pattern: re.Pattern[str]
    cost: Cost
    handler: Handler


def reply_to(azure: Simulation, asked: Asked) -> Reply:
    """Do what is asked, if the limits allow it; a refusal is a reply too."""
    try:
        route, parts = _found(asked)
    except ArmError as error:
        return refusal(error)
    charge = _charge(azure, route, parts)
    if charge.throttled_by:
        return _throttled(route, charge)
    try:
        if "subscription" in parts:
            _require_subscription(azure, parts["subscription"])
        reply = route.handler(azure, asked, parts)
    except ArmError as error:
        reply = refusal(error)
    return replace(reply, headers={**charge.headers, **reply.headers})


def machine_in(path: str) -> str | None:
    """The machine id that a path begins with, as it was spelled."""
    match = _ANY_MACHINE.match(path)
    return match["machine"] if match else None


def _found(asked: Asked) -> tuple[Route, Mapping[str, str]]:
    if "api-version" not in asked.query:
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "MissingApiVersionParameter",
            message="The api-version query parameter (?api-version=) is required for all requests.",
        )
    for route in _ROUTES:
        match = route.pattern.fullmatch(asked.path)
        if match and route.method == asked.method:
            return route, match.groupdict()
    raise ArmError(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        message=f"The local Azure has no operation {asked.method} {asked.path}.",
    )


def _charge(azure: Simulation, route: Route, parts: Mapping[str, str]) -> Charge:
    machine = azure.fleet.get(parts["machine"]) if "machine" in parts else None
    return azure.meter.charge(
        route.cost,
        subscription=parts.get("subscription", ""),
        region=machine.location if machine else parts.get("location", ""),
        now=azure.now(),
    )


def _throttled(route: Route, charge: Charge) -> Reply:
    code = "RateLimiting" if route.cost is Cost.QUERY else "TooManyRequests"
    message = f"The request was throttled: {charge.throttled_by} is used up. Try again later."
    error = ArmError(HTTPStatus.TOO_MANY_REQUESTS, code, message=message, headers=charge.headers)
    return replace(refusal(error), throttled_by=charge.throttled_by)


def _require_subscription(azure: Simulation, subscription: str) -> None:
    if not azure.fleet.has_subscription(subscription):
        raise ArmError(
            HTTPStatus.NOT_FOUND,
            "SubscriptionNotFound",
            message=f"The subscription '{subscription}' could not be found.",
        )


def _subscription(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    subscription = parts["subscription"].lower()
    return Reply(
        body={
            "id": f"/subscriptions/{subscription}",
            "subscriptionId": subscription,
            "displayName": f"Simulated subscription {subscription[-4:]}",
            "state": "Enabled",
        }
    )


def _machine(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    machine = azure.machine(parts["machine"])
    document = _document(azure, machine)
    if machine.kind is Kind.VM and asked.query.get("$expand", "").lower() == "instanceview":
        document["properties"]["instanceView"] = instance_view(machine)
    return Reply(body=document)


def _document(azure: Simulation, machine: Machine) -> dict[str, Any]:
    document = machine_document(machine)
    document["properties"]["provisioningState"] = azure.provisioning_state(machine)
    return document


def _change(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    changed = azure.change(parts["machine"], asked.body)
    if not isinstance(changed, Change):
        return Reply(body=_document(azure, changed))
    # The definition knows 200 alone, ARM's rules for long-running PATCH operations 202 as well.
    if fraction("202", changed.activity_id) < 0.5:
        return accepted(azure, asked, changed)
    return Reply(
        body=_document(azure, changed.machine),
        headers=vm_addresses(asked, changed),
        started=changed,
    )


def _install(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return accepted(azure, asked, azure.install(parts["machine"], asked.body))


def _assess(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return accepted(azure, asked, azure.assess(parts["machine"]))


def _query(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return Reply(body=azure.query(asked.body))


_SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
_RESOURCE = rf"(?P<machine>{_SUBSCRIPTION}/resourceGroups/[^/]+/providers/%s/[^/]+)"
_VM = _RESOURCE % r"Microsoft\.Compute/virtualMachines"
_ARC = _RESOURCE % r"Microsoft\.HybridCompute/machines"
_MACHINE = _RESOURCE % r"Microsoft\.(Compute/virtualMachines|HybridCompute/machines)"
_LOCATIONS = rf"{_SUBSCRIPTION}/providers/%s/locations/(?P<location>[^/]+)/%s/(?P<activity>[^/]+)"
_VM_OPERATION = _LOCATIONS % (r"Microsoft\.Compute", "operations")
_ARC_OPERATION = _LOCATIONS % (r"Microsoft\.HybridCompute", "updateCenterOperationResults")
_RESOURCE_GRAPH = r"/providers/Microsoft\.ResourceGraph/resources"

_ANY_MACHINE = re.compile(_MACHINE + "(/|$)", re.IGNORECASE)
_ROUTES = tuple(
    Route(method=method, pattern=re.compile(path, re.IGNORECASE), cost=cost, handler=handler)
    for method, path, cost, handler in (
        ("GET", _SUBSCRIPTION, Cost.READ, _subscription),
        ("GET", _MACHINE, Cost.READ, _machine),
        ("PATCH", _VM, Cost.WRITE, _change),
        ("POST", f"{_VM}/installPatches", Cost.VM_PATCH, _install),
        ("POST", f"{_VM}/assessPatches", Cost.VM_PATCH, _assess),
        ("POST", f"{_ARC}/installPatches", Cost.WRITE, _install),
        ("POST", f"{_ARC}/assessPatches", Cost.WRITE, _assess),
        ("GET", _VM_OPERATION, Cost.VM_POLL, poll_vm),
        ("GET", _ARC_OPERATION, Cost.ARC_POLL, poll_arc),
        ("POST", _RESOURCE_GRAPH, Cost.QUERY, _query),
    )
)
