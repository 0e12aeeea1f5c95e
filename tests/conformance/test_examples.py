"""Every published example is sent to the running host, and its reply held against the published definitions.

They are sent as they are, ids included, but for two things that Muster refuses because it patches machines and nothing
else; `adapted` names them. What is changed is first sent unchanged, and has to be refused.
"""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from localhost.azure.fleet import Kind, Machine
from localhost.azure.updates import Os
from tests.builders import a_configuration, a_scope
from tests.conformance import published
from tests.conformance.compatibility import Verdict, operations
from tests.conformance.exchange import Answer, lost, refusal, send, store
from tests.conformance.published import Example
from tests.integration.app import App

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBSCRIPTION = "5b4b650e-28b9-4790-b3ab-ddbd88d727c4"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/examplerg"
PROVIDER = "/providers/Microsoft.Maintenance"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/smdtest1"
CONFIGURATIONS = {
    name: f"{GROUP}{PROVIDER}/maintenanceConfigurations/{name}"
    for name in ("configuration1", "maintenanceConfig1")
}

WRITES = {
    "MaintenanceConfigurations_CreateOrUpdate",
    "MaintenanceConfigurations_Update",
    "ConfigurationAssignments_CreateOrUpdate",
    "ConfigurationAssignmentsForSubscriptions_CreateOrUpdate",
    "ConfigurationAssignmentsForSubscriptions_Update",
    "ConfigurationAssignmentsForResourceGroup_CreateOrUpdate",
    "ConfigurationAssignmentsForResourceGroup_Update",
}
READS = {
    "MaintenanceConfigurations_Get",
    "MaintenanceConfigurations_List",
    "MaintenanceConfigurationsForResourceGroup_List",
    "ConfigurationAssignments_Get",
    "ConfigurationAssignments_List",
    "ConfigurationAssignmentsForSubscriptions_Get",
    "ConfigurationAssignmentsForResourceGroup_Get",
    "ConfigurationAssignmentsWithinSubscription_List",
}
DELETIONS = {
    "MaintenanceConfigurations_Delete",
    "ConfigurationAssignments_Delete",
    "ConfigurationAssignmentsForSubscriptions_Delete",
    "ConfigurationAssignmentsForResourceGroup_Delete",
}
STARTS = {"ApplyUpdates_CreateOrUpdate"}
CANCELLATIONS = {"ApplyUpdates_CreateOrUpdateOrCancel"}
STATUSES = {"ApplyUpdates_Get", "ApplyUpdates_List", "ApplyUpdateForResourceGroup_List"}
OTHERS = {one.id for one in operations() if one.verdict is not Verdict.WORKS} | {
    "Operations_List",
    "Updates_List",
}
SENT = WRITES | READS | DELETIONS | STARTS | CANCELLATIONS | STATUSES | OTHERS

# It asks for a run that Azure has planned for a scale set, to be started before its time.
NO_CANCELLATION = "ApplyUpdates_CreateOrUpdateOnly_NoCancellation"


def of(operations: set[str]) -> list[Any]:
    """The examples of some operations, as cases."""
    return [
        pytest.param(one, id=f"{one.operation.version} {one.name}")
        for one in published.examples()
        if one.operation.id in operations and one.name != NO_CANCELLATION
    ]


def adapted(node: Any) -> Any:
    """A part of an example, changed where Muster refuses it.

    Configurations: the scope is InGuestPatch, and the mode that Muster requires is there (semantics, section 3). Ids:
    a machine in place of a scale set, for Muster assigns machines and has no others (semantics, section 2).
    """
    if isinstance(node, str):
        return node.replace("virtualMachineScaleSets", "virtualMachines")
    if isinstance(node, list):
        return [adapted(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {name: adapted(value) for name, value in node.items()}
    if "maintenanceScope" not in node:
        return changed
    mode = {"extensionProperties": {"InGuestPatchMode": "User"}}
    return changed | {"maintenanceScope": "InGuestPatch"} | mode


def adapted_example(example: Example) -> Example:
    return replace(
        example, parameters=adapted(example.parameters), replies=adapted(example.replies)
    )


async def request(app: App, example: Example) -> Answer:
    """Send the example; its answer is one that the definitions know."""
    operation = example.operation
    answer = await send(
        app, operation.method, example.path, version=operation.version, body=example.body
    )
    assert operation.mistakes(answer.status, answer.body) == []
    return answer


def listed(reply: Any) -> list[Any]:
    """The resources of a list, or the only one."""
    found: list[Any] = reply.get("value", [reply])
    return found


def shown(example: Example) -> list[Any]:
    """The resources that the published reply of a GET shows."""
    return listed(example.replies[200])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def prepared(app: App) -> None:
    """What the examples take for granted: their machine, and the configurations that they name."""
    app.azure.fleet.add(
        Machine(
            subscription=SUBSCRIPTION,
            resource_group="examplerg",
            kind=Kind.VM,
            name="smdtest1",
            os=Os.LINUX,
            location="westus2",
        )
    )
    for path in CONFIGURATIONS.values():
        await store(app, path, a_configuration())


# --- configurations and assignments --------------------------------------------------------------


@pytest.mark.parametrize("example", of(WRITES))
async def test_what_is_sent_comes_back_equal(app: App, example: Example) -> None:
    example = adapted_example(example)
    if example.operation.method == "PATCH":
        await store(app, example.path, example.body)
    answer = await request(app, example)
    assert answer.status in example.operation.statuses
    assert lost(example.body, answer.body) == []
    again = await send(app, "GET", example.path, version=example.operation.version)
    assert again.body == answer.body


@pytest.mark.parametrize(
    "example", [case for case in of(WRITES) if adapted_example(case.values[0]) != case.values[0]]
)
async def test_example_that_had_to_be_adapted_is_refused_as_it_is(
    app: App, example: Example
) -> None:
    if example.operation.method == "PATCH":
        await store(app, example.path, adapted(example.body))
    assert refusal(await request(app, example), 400)


def own(resource: Any) -> Any:
    """The members of a resource that a client sends."""
    return {name: resource[name] for name in ("location", "properties") if name in resource}


@pytest.mark.parametrize("example", of(READS))
async def test_published_reply_is_given_back_once_it_is_stored(app: App, example: Example) -> None:
    for resource in shown(example):
        if adapted(resource) != resource:
            refused = await send(app, "PUT", resource["id"], body=own(resource))
            assert refusal(refused, 400)
    example = adapted_example(example)
    for resource in shown(example):
        await store(app, resource["id"], own(resource), version=example.operation.version)
    answer = await request(app, example)
    assert answer.status == 200
    by_id = {one["id"].lower(): one for one in listed(answer.body)}
    for resource in shown(example):
        same = by_id[resource["id"].lower()]
        assert lost({**resource, "id": same["id"]}, same) == []


def deletable(path: str) -> Any:
    """What may be stored at a path, to be deleted."""
    if "maintenanceConfigurations" in path:
        return a_configuration()
    document = a_scope({}, CONFIGURATIONS["configuration1"])
    if "virtualMachines" in path:
        del document["properties"]["filter"]
    return document


@pytest.mark.parametrize("example", of(DELETIONS))
async def test_deleted_resource_comes_back_once(app: App, example: Example) -> None:
    example = adapted_example(example)
    body = deletable(example.path)
    before = await store(app, example.path, body)
    answer = await request(app, example)
    assert answer.status == 200
    assert lost(body, answer.body) == []
    assert answer.body["id"] == before["id"]
    again = await request(app, example)
    assert (again.status, again.body) == (204, None)


# --- runs ----------------------------------------------------------------------------------------


async def started(app: App) -> Any:
    """A run of the example's machine that its one static assignment causes."""
    assignment = f"{MACHINE}{PROVIDER}/configurationAssignments/workervmConfiguration"
    named = {"maintenanceConfigurationId": CONFIGURATIONS["configuration1"]}
    await store(app, assignment, {"properties": named})
    return await store(app, f"{MACHINE}{PROVIDER}/applyUpdates/default", None)


@pytest.mark.parametrize("example", of(STARTS))
async def test_start_answers_with_a_run(app: App, example: Example) -> None:
    assert refusal(await request(app, example), 400)
    run = await started(app)
    answer = await request(app, adapted_example(example))
    assert answer.status in example.operation.statuses
    assert answer.body["id"] == run["id"]
    assert answer.body["properties"]["status"] == "Pending"
    assert answer.body["properties"]["targetResourceId"].lower() == MACHINE.lower()


@pytest.mark.parametrize("example", of(STATUSES))
async def test_run_is_shown(app: App, example: Example) -> None:
    run = await started(app)
    if example.operation.id == "ApplyUpdates_Get":
        # Azure names runs of a scale set by GUIDs, those of guest patching by their start, as Muster does.
        assert refusal(await request(app, example), 400)
        named = adapted(example.parameters) | {"applyUpdateName": run["name"]}
        example = replace(example, parameters=named)
    answer = await request(app, example)
    assert answer.status == 200
    assert run["id"] in [one["id"] for one in listed(answer.body)]


@pytest.mark.parametrize("example", of(CANCELLATIONS))
async def test_cancellation_is_answered_as_published(app: App, example: Example) -> None:
    answer = await request(app, example)
    assert answer.status in example.operation.statuses
    expected = example.replies[200]
    assert answer.body["id"].lower() == expected["id"].lower()
    assert answer.body["properties"]["status"] == expected["properties"]["status"] == "Cancelled"


@pytest.mark.parametrize(
    "example", [one for one in published.examples() if one.name == NO_CANCELLATION]
)
async def test_early_start_of_a_planned_run_is_refused(app: App, example: Example) -> None:
    assert refusal(await request(app, example), 400)


# --- what Muster has not, or hardly has ----------------------------------------------------------


@pytest.mark.parametrize("example", of(OTHERS))
async def test_the_rest_is_answered_as_the_document_says(app: App, example: Example) -> None:
    said = next(one for one in operations() if one.id == example.operation.id)
    if said.verdict is Verdict.WORKS:
        example = adapted_example(example)
    answer = await request(app, example)
    assert answer.status == said.status
    if said.status == 200:
        assert isinstance(answer.body["value"], list)
    else:
        assert refusal(answer, said.status)
