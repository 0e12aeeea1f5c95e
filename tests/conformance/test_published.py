"""The published definitions can refuse a reply, every example is sent, and the document names every operation."""

import pytest

from shared.entrypoints.arm.ids import Address
from shared.entrypoints.arm.routes import find_operations
from tests.builders import SUBSCRIPTION
from tests.conformance import compatibility, published, test_examples
from tests.conformance.compatibility import OperationRow, Verdict

NEWEST = {one.id: one for one in published.operations("2025-11-01")}
# Of what the definitions leave open, names that Muster has a use for.
NAMES = {
    "subscriptionId": SUBSCRIPTION,
    "resourceGroupName": "ops",
    "providerName": "Microsoft.Compute",
    "resourceType": "virtualMachines",
    "resourceName": "vm-1",
    "configurationAssignmentName": "one",
}
A_RUN = {
    "providerName": "Microsoft.Maintenance",
    "resourceType": "maintenanceConfigurations",
    "resourceName": "nightly",
    "applyUpdateName": "20260602020000",
}


@pytest.mark.parametrize(
    ("operation", "status", "reply"),
    [
        pytest.param(
            "ApplyUpdates_Get", 200, {"properties": {"status": 5}}, id="a number for text"
        ),
        pytest.param(
            "ApplyUpdates_Get",
            200,
            {"properties": {"lastUpdateTime": "yesterday"}},
            id="no instant",
        ),
        pytest.param(
            "ConfigurationAssignments_Get",
            200,
            {"properties": {"filter": {"tagSettings": {"filterOperator": "None"}}}},
            id="a value that a closed enumeration lacks",
        ),
        pytest.param("ApplyUpdates_Get", 404, {"error": {"code": 3}}, id="an error"),
        pytest.param("ApplyUpdates_List", 200, {"value": {}}, id="no list"),
        pytest.param("MaintenanceConfigurations_Delete", 204, {}, id="a body where there is none"),
    ],
)
def test_definitions_refuse_what_is_wrong(operation: str, status: int, reply: object) -> None:
    assert len(NEWEST[operation].mistakes(status, reply)) == 1


def test_open_enumeration_takes_a_new_value() -> None:
    reply = {"properties": {"status": "Missed"}}
    assert NEWEST["ApplyUpdates_Get"].mistakes(200, reply) == []


def test_every_published_example_is_sent() -> None:
    assert {one.operation.id for one in published.examples()} <= test_examples.SENT


def test_document_names_every_operation_once() -> None:
    named = [one.id for one in compatibility.operations()]
    assert sorted(named) == sorted(NEWEST)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(one, id=one.id)
        for one in compatibility.operations()
        if one.verdict is Verdict.WORKS
    ],
)
def test_operation_that_works_has_a_route(row: OperationRow) -> None:
    operation = NEWEST[row.id]
    values = NAMES | (A_RUN if "{applyUpdateName}" in operation.path else {})
    path = operation.path.format_map(values)
    assert operation.method in find_operations(Address.of(path))
