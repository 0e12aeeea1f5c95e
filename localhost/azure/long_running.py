"""The two protocols of operations that take their time, as they are recorded.

Compute's are polled at `Azure-AsyncOperation` (200 with a status) and at `Location` (202, then the result). Arc's are
polled at `Location` only, which is signed, and another one in every reply: one that was not given out is 403, one that
is older than an hour 404 (both inferred). The id of an operation in these addresses is the activity id of the install.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from localhost.azure.documents import failure, result, timestamp
from localhost.azure.errors import ArmError
from localhost.azure.exchange import Asked, Reply
from localhost.azure.fleet import Kind, Machine
from localhost.azure.operations import Operation, under_way
from localhost.azure.simulation import Simulation

ADDRESS_LIVES = timedelta(hours=1)
"""How long an address of Arc's that was given out is good."""

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def accepted(azure: Simulation, asked: Asked, operation: Operation) -> Reply:
    """202 without a body, and where to ask for more."""
    if operation.machine.kind is Kind.ARC:
        headers = {"Location": _arc_location(azure, asked, operation)}
    else:
        headers = vm_addresses(asked, operation)
    return Reply(status=HTTPStatus.ACCEPTED, headers=headers, started=operation)


def vm_addresses(asked: Asked, operation: Operation) -> dict[str, str]:
    """Both addresses of an operation of Compute's."""
    address = f"{asked.base}{_operations(operation.machine, 'operations')}/{operation.activity_id}"
    version = f"api-version={asked.query['api-version']}"
    return {
        "Azure-AsyncOperation": f"{address}?{version}",
        "Location": f"{address}?monitor=true&{version}",
    }


def poll_vm(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    """Compute's answer at either of its addresses."""
    operation, now = azure.operation(parts["activity"], kind=Kind.VM), azure.now()
    if asked.query.get("monitor") == "true":
        return _vm_result(asked, operation, now)
    document: dict[str, Any] = {
        "startTime": timestamp(operation.started_at),
        "status": "InProgress",
        "name": operation.activity_id,
    }
    if under_way(operation, now):
        return Reply(body=document)
    document["endTime"] = timestamp(operation.ended_at)
    if error := failure(operation):
        return Reply(body={**document, "status": "Failed", "error": error})
    # That the operation succeeded says nothing of the patches: their status is in the output.
    output = {"output": result(operation, now)}
    return Reply(body={**document, "status": "Succeeded", "properties": output})


def _vm_result(asked: Asked, operation: Operation, now: datetime) -> Reply:
    if under_way(operation, now):
        location = vm_addresses(asked, operation)["Location"]
        return Reply(status=HTTPStatus.ACCEPTED, headers={"Location": location})
    if error := failure(operation):
        return Reply(status=HTTPStatus.CONFLICT, body={"error": error})
    return Reply(body=result(operation, now))


def poll_arc(azure: Simulation, asked: Asked, parts: Mapping[str, str]) -> Reply:
    """Arc's answer at one of the addresses that it gave out."""
    _require_given_out(asked, azure.now())
    operation, now = azure.operation(parts["activity"], kind=Kind.ARC), azure.now()
    if under_way(operation, now):
        location = _arc_location(azure, asked, operation)
        return Reply(status=HTTPStatus.ACCEPTED, headers={"Location": location})
    return Reply(body=result(operation, now))


def _operations(machine: Machine, collection: str) -> str:
    namespace = machine.kind.partition("/")[0]
    return (
        f"/subscriptions/{machine.subscription}/providers/{namespace}"
        f"/locations/{machine.location}/{collection}"
    )


def _arc_location(azure: Simulation, asked: Asked, operation: Operation) -> str:
    """Where to ask next: the time `t`, in ticks of 100 ns, is in no two addresses the same."""
    path = (
        f"{_operations(operation.machine, 'updateCenterOperationResults')}/{operation.activity_id}"
    )
    number = azure.attempts.next(f"location {operation.activity_id}")
    ticks = (azure.now() - _EPOCH) // timedelta(microseconds=1) * 10 + number
    version = asked.query["api-version"]
    return (
        f"{asked.base}{path}?api-version={version}"
        f"&t={ticks}&c=local&s={_signature(path, str(ticks))}&h=local"
    )


def _require_given_out(asked: Asked, now: datetime) -> None:
    ticks = asked.query.get("t", "")
    if asked.query.get("s") != _signature(asked.path, ticks):
        raise ArmError(
            HTTPStatus.FORBIDDEN,
            "AuthorizationFailed",
            message="The signature of this address is not valid.",
        )
    given_out_at = _EPOCH + timedelta(microseconds=int(ticks) // 10)
    if now - given_out_at > ADDRESS_LIVES:
        raise ArmError(
            HTTPStatus.NOT_FOUND, "NotFound", message="This address is not valid any more."
        )


def _signature(path: str, ticks: str) -> str:
    return hashlib.sha256(f"a local secret {path.lower()} {ticks}".encode()).hexdigest()[:32]
