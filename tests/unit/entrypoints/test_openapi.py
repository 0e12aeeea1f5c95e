"""The OpenAPI document: of all routes and no others, as it is kept, and unable to lie."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from localhost import openapi as kept
from shared.entrypoints.arm.described import OPERATIONS
from shared.entrypoints.arm.ids import Address
from shared.entrypoints.arm.openapi import PATH, document, path_of
from shared.entrypoints.arm.routes import ROUTES, find_operations
from tests import documented
from tests.builders import CONFIGURATION, SUBSCRIPTION, a_configuration, a_scope
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error
from tests.unit.entrypoints.test_arm_roles import LEAST

NAMES = {
    "subscriptionId": "6b1f0c52-8d3e-4f7a-9a41-000000000001",
    "resourceGroupName": "ops",
    "configurationName": "nightly",
    "assignmentName": "prod",
    "serverName": "db-1",
    "applyUpdateName": "20260210010000",
    "providerName": "Microsoft.Compute",
    "resourceType": "virtualMachines",
    "resourceName": "vm-1",
    "resourceParentType": "virtualMachineScaleSets",
    "resourceParentName": "web",
    "jobName": "0" * 32,
    "scheduledEventId": "1",
}
# Of the examples of an assignment, the one that has no place at a machine, and the other that has one only there.
MISPLACED = {True: "A dynamic scope", False: "One machine"}
DESCRIBED = [
    (method, path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters" and path != PATH
]
EXAMPLES = [
    pytest.param(
        method.upper(), path.format_map(NAMES), one["value"], id=f"{name}: {method} {path}"
    )
    for method, path, operation in DESCRIBED
    if "requestBody" in operation
    for name, one in operation["requestBody"]["content"]["application/json"]
    .get("examples", {})
    .items()
    if name != MISPLACED["{resourceName}" in path]
]


def test_document_has_every_route_and_no_other() -> None:
    routed = {
        (method.lower(), path_of(route, place))
        for route in ROUTES
        for place in route.places
        for method in route.operations
    }
    assert {(method, path) for method, path, _ in DESCRIBED} == routed
    assert len(DESCRIBED) == sum(len(route.places) * len(route.operations) for route in ROUTES)


@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(method, path) for method, path, _ in DESCRIBED]
)
def test_path_leads_to_the_operation_that_is_described(method: str, path: str) -> None:
    operation = find_operations(Address.of(path.format_map(NAMES)))[method.upper()]
    told = document()["paths"][path][method]
    assert told["summary"] == OPERATIONS[operation].summary


def test_every_operation_is_described_and_none_that_is_gone() -> None:
    routed = {operation for route in ROUTES for operation in route.operations.values()}
    assert set(OPERATIONS) == routed


def test_roles_are_those_that_are_wanted() -> None:
    assert {one.__name__: told.role for one, told in OPERATIONS.items()} == LEAST


def test_names_of_operations_are_unique() -> None:
    names = [one["operationId"] for _, _, one in DESCRIBED if "operationId" in one]
    assert len(set(names)) == len(names)


def test_references_lead_somewhere_and_schemas_are_schemas() -> None:
    components = document()["components"]
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(document())):
        assert name in components[kind]
    for schema in components["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_document_in_docs_is_this_one() -> None:
    assert kept.FILE.read_text(encoding="utf-8") == kept.text(), "run `make openapi`"


# --- served --------------------------------------------------------------------------------------


async def test_document_is_served_without_a_version(client: ArmClient) -> None:
    answer = await client.send("GET", PATH, version="")
    assert (answer.status, answer.json) == (200, document())
    refused = await client.send("POST", PATH, version="")
    assert_arm_error(refused, 405, "MethodNotAllowed")
    assert refused.headers["Allow"] == "GET"


async def test_document_is_not_for_strangers(client: ArmClient) -> None:
    answer = await client.send("GET", PATH, headers={"Host": "muster.example"})
    assert_arm_error(answer, 403, "AuthorizationFailed")


@pytest.mark.parametrize(("method", "path", "body"), EXAMPLES)
async def test_examples_are_taken(client: ArmClient, method: str, path: str, body: Any) -> None:
    configuration = CONFIGURATION.replace(SUBSCRIPTION, NAMES["subscriptionId"])
    assert (await client.put(configuration, a_configuration())).status == 201
    answer = await client.send(method, path, body)
    # A run or an assignment to change may be missing; the body is right.
    assert answer.status in (200, 201, 404), answer.content


# --- it cannot lie -------------------------------------------------------------------------------


RUN = f"{CONFIGURATION}/providers/Microsoft.Maintenance/applyUpdates/20260602020000"


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        pytest.param(RUN, 200, b'{"id": "x"}', id="members are missing"),
        pytest.param(RUN, 200, b"", id="no body"),
        pytest.param(RUN, 404, b'{"message": "no"}', id="an error of another shape"),
        pytest.param(RUN, 201, b"{}", id="an unknown status"),
        pytest.param(CONFIGURATION, 304, b"{}", id="a body where there is none"),
        pytest.param("/subscriptions/x", 200, b"{}", id="an unknown path"),
    ],
)
def test_replies_that_the_document_does_not_know_are_found(
    path: str, status: int, content: bytes
) -> None:
    assert documented.mistakes_of_reply("GET", path, status, content)


@pytest.mark.parametrize(
    ("schema", "changes"),
    [
        pytest.param("RunProperties", {"statuss": "Pending"}, id="a member more"),
        pytest.param("RunProperties", {"status": "Done"}, id="an unknown status"),
        pytest.param("RunProperties", {"endTime": None}, id="null where it would be absent"),
        pytest.param("RunProperties", {"endTime": "yesterday"}, id="no instant"),
        pytest.param("RunProperties", {"counts": {}}, id="counts missing"),
    ],
)
async def test_shapes_are_exact(client: ArmClient, schema: str, changes: dict[str, Any]) -> None:
    await client.put(CONFIGURATION, a_configuration())
    run = (await client.put(f"{RUN.rpartition('/')[0]}/default")).json["properties"]
    assert documented.mistakes_in(schema, run) == []
    assert documented.mistakes_in(schema, run | changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"duration": 3}, id="a wrong type"),
        pytest.param({"every": "Day"}, id="an unknown member"),
        pytest.param({"timeZone": None}, id="null for what is required"),
    ],
)
def test_bodies_that_are_refused_are_not_documented(changes: dict[str, Any]) -> None:
    body = a_configuration(**changes)
    content = json.dumps(body).encode()
    assert documented.mistakes_of_request("PUT", CONFIGURATION, content)
    allowed = json.dumps(a_configuration(recurEvery=None)).encode()  # type: ignore[arg-type]
    assert documented.mistakes_of_request("PUT", CONFIGURATION, allowed) == []


async def test_unknown_member_that_is_null_is_in_the_document_and_in_the_reply(
    client: ArmClient,
) -> None:
    """The client holds what it sends and what it gets against the document."""
    await client.put(CONFIGURATION, a_configuration())
    scope = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Maintenance/configurationAssignments/all"
    answer = await client.put(scope, a_scope({"locations": ["westeurope"], "zones": None}))
    assert answer.json["properties"]["filter"] == {"locations": ["westeurope"], "zones": None}
