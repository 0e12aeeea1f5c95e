"""The parameters and headers that operations share, by the names that the OpenAPI document gives them."""

from collections.abc import Mapping
from typing import Any

from shared.domain.run import Outcome, RunStatus
from shared.entrypoints.arm.paging import LARGEST_PAGE
from shared.entrypoints.arm.requests import API_VERSIONS


def _in_path(name: str, description: str, **schema: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", **(schema or {"pattern": _NAME})},
    }


def _elsewhere(place: str, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "description": description, "schema": schema}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": _TEXT}


_NAME = r"^[^<>%&:\\?/#\u0000-\u001f\u007f-\u009f]+$"
_KEY = {"pattern": "^[0-9]{14}$"}
_TEXT = {"type": "string"}
PARAMETERS: Mapping[str, Any] = {
    "apiVersion": {
        **_elsewhere(
            "query",
            "api-version",
            "From 2025 on, documents carry systemData and lists come in pages.",
            {"enum": list(API_VERSIONS), **_TEXT},
        ),
        "required": True,
    },
    "subscriptionId": _in_path("subscriptionId", "A subscription.", format="uuid"),
    "resourceGroupName": _in_path("resourceGroupName", "A resource group."),
    "configurationName": _in_path("configurationName", "A configuration."),
    "assignmentName": _in_path("assignmentName", "An assignment."),
    "serverName": _in_path("serverName", "A server on premises."),
    "applyUpdateName": _in_path(
        "applyUpdateName", "A run: its start, yyyyMMddHHmmss, UTC.", **_KEY
    ),
    "jobName": _in_path("jobName", "A job, as the list of jobs names it."),
    "scheduledEventId": _in_path("scheduledEventId", "A scheduled event."),
    "providerName": _in_path("providerName", "Such as Microsoft.Compute."),
    "resourceParentType": _in_path("resourceParentType", "Such as virtualMachineScaleSets."),
    "resourceParentName": _in_path("resourceParentName", "What the machine lies beneath."),
    "resourceType": _in_path("resourceType", "Such as virtualMachines."),
    "resourceName": _in_path("resourceName", "A machine."),
    "top": _elsewhere(
        "query",
        "$top",
        "Most items of a page, 100 unless said; a preview's has at most 100. Lists of Microsoft.Maintenance come "
        "whole in the api-versions before 2025.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    ),
    "skipToken": _elsewhere("query", "$skipToken", "As a nextLink holds it.", _TEXT),
    "status": _elsewhere(
        "query", "status", "Only runs of this status.", {"enum": list(RunStatus), **_TEXT}
    ),
    "outcome": _elsewhere(
        "query", "outcome", "Only jobs of this outcome.", {"enum": list(Outcome), **_TEXT}
    ),
    "ifMatch": _elsewhere("header", "If-Match", "The ETag that must be there, or `*`.", _TEXT),
    "ifNoneMatch": _elsewhere(
        "header", "If-None-Match", "An ETag that must not be there, or `*`.", _TEXT
    ),
}
HEADERS: Mapping[str, Any] = {
    "x-ms-request-id": _header("The request in the log."),
    "x-ms-correlation-request-id": _header("The caller's, if it was a GUID."),
    "ETag": _header("The version of the document."),
    "Muster-Warning": {
        "description": "What Azure's agent would refuse of this choice; absent if nothing.",
        "schema": _TEXT,
    },
}
