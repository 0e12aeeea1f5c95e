"""What Azure's own service has stored and answered: Muster stores it too, and differs where the document says so."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.builders import a_configuration
from tests.conformance import compatibility
from tests.conformance.compatibility import DifferenceRow
from tests.conformance.exchange import Answer, lost, put_all, refusal, send, store
from tests.conformance.published import ROOT
from tests.integration.app import App

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Azure allows 250 configurations in a subscription and region, and so does Muster; it counts them at each PUT.
IN_ONE_SUBSCRIPTION = 50
# Two recorded configurations have no mode at all: they were never guest patching, whatever their scope says.
WITHOUT_MODE = "properties.extensionProperties.InGuestPatchMode"


def recorded(name: str) -> Any:
    return json.loads((ROOT / "recorded" / name).read_text(encoding="utf-8"))


# --- what it has stored --------------------------------------------------------------------------


def placed(tenant: int, documents: Sequence[Any]) -> dict[str, Any]:
    """The documents by the paths at which they are stored, a few in each subscription of a tenant."""
    return {f"{_collection(tenant, at)}/one-{at}": one for at, one in enumerate(documents)}


async def read(app: App, paths: Iterable[str]) -> dict[str, Any]:
    """What was stored, read again by listing, by path."""
    collections = sorted({path.rpartition("/")[0] for path in paths})
    lists = [await send(app, "GET", one) for one in collections]
    return {one["id"]: one for answer in lists for one in answer.body["value"]}


def _collection(tenant: int, at: int) -> str:
    subscription = f"{tenant:08}-0000-0000-0000-{at // IN_ONE_SUBSCRIPTION:012}"
    group = f"/subscriptions/{subscription}/resourceGroups/ops"
    return f"{group}/providers/Microsoft.Maintenance/maintenanceConfigurations"


async def test_recorded_configurations_come_back_as_they_were(app: App) -> None:
    documents = placed(
        1,
        [
            {"location": "westeurope", "properties": one}
            for one in recorded("inguestpatch-configurations.json")
        ],
    )
    answers = await put_all(app, documents)
    refused = [refusal(answer, 400) for answer in answers if answer.status != 201]
    assert [one["target"] for one in refused] == [WITHOUT_MODE, WITHOUT_MODE]
    found = await read(app, documents)
    for (path, document), answer in zip(documents.items(), answers, strict=True):
        if answer.status == 201:
            assert lost(document, answer.body) == []
            assert lost(document, found[path]) == []


async def test_recorded_windows_come_back_as_they_were(app: App) -> None:
    properties = a_configuration()["properties"]
    windows = recorded("maintenance-windows.json")
    documents = placed(
        2,
        [
            {"location": "westeurope", "properties": properties | {"maintenanceWindow": one}}
            for one in windows
        ],
    )
    answers = await put_all(app, documents)
    assert {answer.status for answer in answers} == {201}
    found = await read(app, documents)
    read_again = [found[path]["properties"]["maintenanceWindow"] for path in documents]
    assert read_again == windows


# --- what it has answered ------------------------------------------------------------------------


async def test_recorded_exchanges_differ_as_the_document_says(app: App) -> None:
    exchanges = recorded("az-maintenance-exchanges.json")
    # The record begins after the configuration that the assignments name was made.
    await store(app, exchanges[1]["body"]["properties"][_CONFIGURATION_ID], a_configuration())
    found: set[DifferenceRow] = set()
    for exchange in exchanges:
        path, _, query = exchange["url"].partition("?")
        version = query.removeprefix("api-version=")
        method, body = exchange["method"], exchange["body"]
        ours = await send(app, method, path, version=version, body=body)
        azure = Answer(status=exchange["status"], body=exchange["reply"] or None)
        request = f"{method} {path.split('/')[-2]}"
        found |= compared(request, azure=azure, ours=ours)
    assert found == compatibility.differences()


_CONFIGURATION_ID = "maintenanceConfigurationId"
_ABSENT = object()


def compared(request: str, *, azure: Answer, ours: Answer) -> set[DifferenceRow]:
    """The members in which two answers to one request differ."""
    whole = [
        ("status", azure.status, ours.status),
        ("body", _ABSENT if azure.body is None else azure.body, ours.body),
    ]
    return {
        DifferenceRow(request=request, member=member, azure=one, muster=other)
        for name, their, our in whole
        for member, one, other in _differing(name, their, our)
    }


def _differing(member: str, azure: Any, ours: Any) -> list[tuple[str, str, str]]:
    if azure == ours:
        return []
    if isinstance(azure, dict) and isinstance(ours, dict):
        return [
            found
            for name in sorted({*azure, *ours})
            for found in _differing(
                f"{member}.{name}".removeprefix("body."),
                azure.get(name, _ABSENT),
                ours.get(name, _ABSENT),
            )
        ]
    if isinstance(azure, str) and isinstance(ours, str) and azure.lower() == ours.lower():
        return [(member, "another case", "case kept")]
    return [(member, _word(azure), _word(ours))]


def _word(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    return "an object" if isinstance(value, dict) and value else json.dumps(value)
