"""The published definitions of Azure's providers refuse what is wrong, and take what Microsoft itself says."""

import json
from typing import Any

import pytest

from tests.conformance.azure_definitions import (
    COMPUTE,
    HYBRID_COMPUTE,
    RESOURCE_GRAPH,
    Operation,
    operations,
)
from tests.conformance.published import ROOT

VMS, ARC, GRAPH = (operations(one) for one in (COMPUTE, HYBRID_COMPUTE, RESOURCE_GRAPH))
INSTALLED = {"status": "Succeeded", "installationActivityId": "a", "patches": []}


@pytest.mark.parametrize(
    ("operation", "status", "reply"),
    [
        pytest.param(
            VMS["VirtualMachines_InstallPatches"],
            200,
            {**INSTALLED, "excludedPatches": 3},
            id="a member that nobody published",
        ),
        pytest.param(
            VMS["VirtualMachines_InstallPatches"],
            200,
            {**INSTALLED, "patches": [{"patchId": "a", "kb": "3"}]},
            id="such a member in a list",
        ),
        pytest.param(
            VMS["VirtualMachines_InstallPatches"],
            200,
            {**INSTALLED, "installedPatchCount": "3"},
            id="text for a number",
        ),
        pytest.param(
            VMS["VirtualMachines_InstallPatches"],
            200,
            {**INSTALLED, "startDateTime": "yesterday"},
            id="no instant",
        ),
        pytest.param(VMS["VirtualMachines_InstallPatches"], 202, {}, id="a body beside 202"),
        pytest.param(VMS["VirtualMachines_InstallPatches"], 201, None, id="another status"),
        pytest.param(VMS["VirtualMachines_Get"], 200, {}, id="no location"),
        pytest.param(
            VMS["VirtualMachines_Get"],
            200,
            {"location": "l", "properties": {"storageProfile": {"osDisk": {"osType": "Windows"}}}},
            id="a required member of a definition in another file",
        ),
        pytest.param(
            VMS["VirtualMachines_Get"],
            200,
            {
                "location": "l",
                "properties": {
                    "storageProfile": {"osDisk": {"createOption": "Empty", "osType": "BeOS"}}
                },
            },
            id="a value that a closed enumeration lacks",
        ),
        pytest.param(
            ARC["Machines_InstallPatches"], 200, {"patches": []}, id="Compute's member in Arc's"
        ),
        pytest.param(ARC["Machines_Get"], 404, {"error": {"code": 3}}, id="an error"),
        pytest.param(ARC["Machines_Get"], 404, {"fault": {}}, id="another error"),
        pytest.param(
            GRAPH["Resources"],
            200,
            {"totalRecords": 0, "count": 0, "resultTruncated": "maybe", "data": []},
            id="neither true nor false",
        ),
        pytest.param(
            GRAPH["Resources"],
            200,
            {"totalRecords": 0, "count": 0, "resultTruncated": "false"},
            id="no data",
        ),
    ],
)
def test_definitions_refuse_a_reply_that_is_wrong(
    operation: Operation, status: int, reply: object
) -> None:
    assert len(operation.mistakes_of_reply(status, reply)) == 1


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        pytest.param(VMS["VirtualMachines_InstallPatches"], {}, id="no reboot setting"),
        pytest.param(
            ARC["Machines_InstallPatches"], {"rebootSetting": "Never"}, id="no maximum duration"
        ),
        pytest.param(
            VMS["VirtualMachines_InstallPatches"],
            {"rebootSetting": "Never", "windowsParameters": {"kbs": []}},
            id="a misspelt member",
        ),
        pytest.param(VMS["VirtualMachines_AssessPatches"], {}, id="a body where none is"),
        pytest.param(GRAPH["Resources"], {"subscriptions": []}, id="no query"),
        pytest.param(
            GRAPH["Resources"], {"query": "a", "options": {"$top": 2000}}, id="too large a page"
        ),
    ],
)
def test_definitions_refuse_a_request_that_is_wrong(operation: Operation, body: object) -> None:
    assert len(operation.mistakes_of_request(body)) == 1


def test_open_enumeration_takes_a_new_value() -> None:
    reply = {**INSTALLED, "rebootStatus": "Postponed"}
    assert VMS["VirtualMachines_InstallPatches"].mistakes_of_reply(200, reply) == []


def examples(document: str) -> list[Any]:
    """The examples of a definition that are kept here."""
    return [
        pytest.param(operation, json.loads(file.read_text(encoding="utf-8")), id=file.stem)
        for operation in operations(document).values()
        for reference in operation.entry.get("x-ms-examples", {}).values()
        # Facets are told apart by a discriminator, which no reply of the local Azure has.
        if (file := (ROOT / document).parent / reference["$ref"]).exists()
        and file.stem != "ResourcesFacetQuery"
    ]


@pytest.mark.parametrize(
    ("operation", "example"),
    [*examples(COMPUTE), *examples(HYBRID_COMPUTE), *examples(RESOURCE_GRAPH)],
)
def test_microsofts_own_examples_pass_without_their_nulls(
    operation: Operation, example: Any
) -> None:
    for status, reply in example["responses"].items():
        assert operation.mistakes_of_reply(int(status), without_nulls(reply.get("body"))) == []


def without_nulls(node: Any) -> Any:
    """The same without members that are null, which the definitions do not allow and the examples have."""
    if isinstance(node, list):
        return [without_nulls(one) for one in node]
    if isinstance(node, dict):
        return {name: without_nulls(one) for name, one in node.items() if one is not None}
    return node
