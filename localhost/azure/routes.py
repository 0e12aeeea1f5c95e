"""The operations of Azure Resource Manager that exist here, without sockets: a request in, a reply out.

Paths match without case. Compute's operations are polled at `Azure-AsyncOperation` (200 with a status) and `Location`
(202, then the result); Arc's only at `Location`, which is another one in every reply. The id of an operation in these
addresses is the activity id of the install.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from localhost.azure.documents import instance_view, machine_document, result, timestamp
from localhost.azure.errors import ArmError
from localhost.azure.fleet import Kind, Machine
from localhost.azure.operations import Operation, under_way
from localhost.azure.simulation import Simulation

_PATCH_BUDGET = "Microsoft.Compute/PatchOperation3Min;189,Microsoft.Compute/PatchOperation30Min;599"
_READ_BUDGET = "Microsoft.Compute/GetOperation3Min;14996,Microsoft.Compute/GetOperation30Min;29985"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: `path` decoded, `base` the address of this server, `body` as JSON or None."""

    method: str
    path: str
    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, and for the log what it started; `body` None is an empty one, `dropped` none at all."""

    status: HTTPStatus = HTTPStatus.OK
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    started: Operation | None = None
    dropped: bool = False


Handler = Callable[[Simulation, Asked, Mapping[str, str]], Reply]


def reply_to(azure: Simulation, asked: Asked) -> Reply:
    """Do what is asked; a refusal is a reply too."""
    try:
        return _handle(azure, asked)
    except ArmError as error:
        return Reply(status=error.status, body=error.body(), headers=error.headers)


def machine_in(path: str) -> str | None:
    """The machine id that a path begins with, as it was spelled."""
    match = re.match(_MACHINE + "(/|$)", path, re.IGNORECASE)
    return match["machine"] if match else None


def _handle(azure: Simulation, asked: Asked) -> Reply:
    if "api-version" not in asked.query:
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "MissingApiVersionParameter",
            message="The api-version query parameter (?api-version=) is required for all requests.",
        )
    for method, pattern, handler in _ROUTES:
        match = pattern.fullmatch(asked.path)
        if match and method == asked.method:
            parts = match.groupdict()
            if "subscription" in parts:
                _require_subscription(azure, parts["subscription"])
            return handler(azure, asked, parts)
    raise ArmError(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        message=f"The local Azure has no operation {asked.method} {asked.path}.",
    )


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
    document = machine_document(machine)
    if machine.kind is Kind.VM and asked.query.get("$expand", "").lower() == "instanceview":
        document["properties"]["instanceView"] = instance_view(machine)
    return Reply(body=document)


def _change(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return Reply(body=machine_document(azure.change(parts["machine"], asked.body)))


def _install(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return _accepted(azure, asked, azure.install(parts["machine"], asked.body))


def _assess(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    return _accepted(azure, asked, azure.assess(parts["machine"]))


def _accepted(azure: Simulation, asked: Asked, operation: Operation) -> Reply:
    machine = operation.machine
    if machine.kind is Kind.ARC:
        headers = {
            "Location": _arc_location(azure, asked, operation),
            "x-ms-ratelimit-remaining-subscription-writes": "799",
        }
    else:
        address = f"{asked.base}{_operations(machine, 'operations')}/{operation.activity_id}"
        version = f"api-version={asked.query['api-version']}"
        headers = {
            "Azure-AsyncOperation": f"{address}?{version}",
            "Location": f"{address}?monitor=true&{version}",
            "x-ms-ratelimit-remaining-resource": _PATCH_BUDGET,
            "x-ms-ratelimit-remaining-subscription-writes": "1199",
        }
    return Reply(status=HTTPStatus.ACCEPTED, headers=headers, started=operation)


def _poll_vm(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    operation, now = azure.operation(parts["activity"]), azure.now()
    headers = {"x-ms-ratelimit-remaining-resource": _READ_BUDGET}
    running = under_way(operation, now)
    if asked.query.get("monitor") == "true":
        if running:
            here = f"{asked.base}{asked.path}?monitor=true"
            location = f"{here}&api-version={asked.query['api-version']}"
            return Reply(status=HTTPStatus.ACCEPTED, headers={**headers, "Location": location})
        return Reply(body=result(operation, now), headers=headers)
    document: dict[str, Any] = {
        "startTime": timestamp(operation.started_at),
        "status": "InProgress",
        "name": operation.activity_id,
    }
    if not running:
        document |= {
            "endTime": timestamp(operation.ended_at),
            # That the operation succeeded says nothing of the patches: their status is in the output.
            "status": "Succeeded",
            "properties": {"output": result(operation, now)},
        }
    return Reply(body=document, headers=headers)


def _poll_arc(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    operation, now = azure.operation(parts["activity"]), azure.now()
    headers = {"x-ms-ratelimit-remaining-subscription-resource-requests": "999"}
    if under_way(operation, now):
        headers["Location"] = _arc_location(azure, asked, operation)
        return Reply(status=HTTPStatus.ACCEPTED, headers=headers)
    return Reply(body=result(operation, now), headers=headers)


def _query(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    headers = {
        "x-ms-user-quota-remaining": "14",
        "x-ms-user-quota-resets-after": "00:00:05",
    }
    return Reply(body=azure.query(asked.body), headers=headers)


def _operations(machine: Machine, collection: str) -> str:
    namespace = machine.kind.partition("/")[0]
    return (
        f"/subscriptions/{machine.subscription}/providers/{namespace}"
        f"/locations/{machine.location}/{collection}"
    )


def _arc_location(azure: Simulation, asked: Asked, operation: Operation) -> str:
    """Where to ask next: the number `t` and with it the signature differ in every reply."""
    number = azure.attempts.next(f"location {operation.activity_id}")
    path = (
        f"{_operations(operation.machine, 'updateCenterOperationResults')}/{operation.activity_id}"
    )
    signature = hashlib.sha256(f"{path} {number}".encode()).hexdigest()[:32]
    version = asked.query["api-version"]
    return f"{asked.base}{path}?api-version={version}&t={number}&c=local&s={signature}&h=local"


_SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
_RESOURCE = rf"(?P<machine>{_SUBSCRIPTION}/resourceGroups/[^/]+/providers/%s/[^/]+)"
_VM = _RESOURCE % r"Microsoft\.Compute/virtualMachines"
_MACHINE = _RESOURCE % r"(Microsoft\.Compute/virtualMachines|Microsoft\.HybridCompute/machines)"
_LOCATIONS = rf"{_SUBSCRIPTION}/providers/%s/locations/[^/]+/%s/(?P<activity>[^/]+)"

_ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
    (method, re.compile(pattern, re.IGNORECASE), handler)
    for method, pattern, handler in (
        ("GET", _SUBSCRIPTION, _subscription),
        ("GET", _MACHINE, _machine),
        ("PATCH", _VM, _change),
        ("POST", f"{_MACHINE}/installPatches", _install),
        ("POST", f"{_MACHINE}/assessPatches", _assess),
        ("GET", _LOCATIONS % (r"Microsoft\.Compute", "operations"), _poll_vm),
        (
            "GET",
            _LOCATIONS % (r"Microsoft\.HybridCompute", "updateCenterOperationResults"),
            _poll_arc,
        ),
        ("POST", r"/providers/Microsoft\.ResourceGraph/resources", _query),
    )
)
