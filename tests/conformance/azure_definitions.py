"""Microsoft's published definitions of what the local Azure imitates, read strictly.

1. A reply has a status that its operation names, and no member that its schema does not: `UNPUBLISHED` and
   `OTHER_STATUSES` list what is there all the same, and why.
2. Closed enumerations are closed, open ones (`modelAsString`) take any value. What is required has to be there.
3. A schema `object` without members is whatever the service makes of it: the published examples have lists there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urljoin

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.conformance.published import ROOT

COMPUTE = (
    "compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2024-07-01/virtualMachine.json"
)
HYBRID_COMPUTE = (
    "hybridcompute/resource-manager/Microsoft.HybridCompute/stable/2024-07-10/HybridCompute.json"
)
RESOURCE_GRAPH = (
    "resourcegraph/resource-manager/Microsoft.ResourceGraph/stable/2024-04-01/resourcegraph.json"
)
COMMON_TYPES = "common-types/resource-management/v5/types.json"

UNPUBLISHED: Mapping[tuple[str, str], str] = {
    ("PatchInstallationDetail", "msrcSeverity"): "recorded of Compute's installs on Windows",
    ("OperationStatusResult", "properties"): "recorded: the output of an operation of Compute's",
}
"""Members that no definition has, by definition and name, with the reason why they are there."""

OTHER_STATUSES: Mapping[tuple[str, int], str] = {
    ("VirtualMachines_Update", 202): "ARM's protocol for a long-running PATCH, beside 200",
}
"""Statuses without a body that no operation names, with the reason."""

_BASE = "https://specs/"
_SCHEMAS = ("items", "additionalProperties", "schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a provider, with what it takes and what it answers."""

    id: str
    method: str
    path: str
    entry: Mapping[str, Any]
    document: str

    def mistakes_of_request(self, body: Any) -> list[str]:
        """What is wrong with the body of a request; None where none is sent."""
        bodies = [one for one in self.entry["parameters"] if one.get("in") == "body"]
        if not bodies:
            return [] if body is None else [f"{self.id} takes no body"]
        index = self.entry["parameters"].index(bodies[0])
        return mistakes(f"{self._pointer()}/parameters/{index}/schema", body, in_=self.document)

    def mistakes_of_reply(self, status: int, body: Any) -> list[str]:
        """What is wrong with a reply; *body* is None where none came."""
        responses = self.entry["responses"]
        known = str(status) if str(status) in responses else "default"
        if known == "default" and status < 400:
            is_known = (self.id, status) in OTHER_STATUSES and body is None
            return [] if is_known else [f"{self.id} does not answer {status}"]
        if "schema" not in responses[known]:
            return [] if body is None else [f"{self.id} answers {status} without a body"]
        return mistakes(f"{self._pointer()}/responses/{known}/schema", body, in_=self.document)

    def _pointer(self) -> str:
        return f"/paths/{_escaped(self.path)}/{self.method.lower()}"


@cache
def operations(document: str) -> Mapping[str, Operation]:
    """The operations of a definition by id."""
    return {
        entry["operationId"]: Operation(
            id=entry["operationId"],
            method=method.upper(),
            path=path,
            entry=entry,
            document=document,
        )
        for path, methods in _document(document)["paths"].items()
        for method, entry in methods.items()
    }


def mistakes(pointer: str, value: Any, *, in_: str) -> list[str]:
    """What is wrong with a value by the schema at *pointer* of a document."""
    schema = {"$ref": f"{_BASE}{in_}#{quote(pointer, safe='/~')}"}
    validator = Draft202012Validator(
        {**schema, "unevaluatedProperties": False},
        registry=_registry(),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    found = (f"{one.json_path}: {one.message}" for one in validator.iter_errors(value))
    # A schema that is referred to may refuse the same member again.
    return list(dict.fromkeys(found))


@cache
def _document(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


@cache
def _registry() -> Registry[Any]:
    """All definitions that refer to each other; read once, since each is large."""
    folders = ("compute", "hybridcompute", "resourcegraph", "common-types")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.json")]
    uris = [
        f"{_BASE}{file.relative_to(ROOT).as_posix()}"
        for file in files
        if "examples" not in file.parts
    ]
    resources = [(uri, DRAFT202012.create_resource(_Reading(uri).document())) for uri in uris]
    return Registry[Any]().with_resources(resources).crawl()


class _Reading:
    """A definition as strictly as it is meant, for a validator that knows `unevaluatedProperties`.

    A member's schema refuses what it does not name; one that is only a part of another (`allOf`) can't.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def document(self) -> Any:
        return self._strict(_document(self._uri.removeprefix(_BASE)))

    def _strict(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._strict(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {name: self._member(name, value) for name, value in self._opened(node).items()}

    def _member(self, name: str, value: Any) -> Any:
        if name == "properties" and isinstance(value, dict):
            return {one: self._closed(schema) for one, schema in value.items()}
        if name in _SCHEMAS and isinstance(value, dict):
            return self._closed(value)
        if name == "definitions":
            return {one: self._with_unpublished(one, schema) for one, schema in value.items()}
        return self._strict(value)

    def _closed(self, schema: Any) -> Any:
        strict = self._strict(schema)
        if not isinstance(schema, dict) or self._is_anything(schema):
            return {} if isinstance(schema, dict) and "$ref" not in schema else strict
        return {**strict, "unevaluatedProperties": False}

    def _is_anything(self, schema: Mapping[str, Any]) -> bool:
        """Whether the schema is a bare object, itself or where it refers to."""
        if "$ref" in schema:
            target, _, pointer = urljoin(self._uri, schema["$ref"]).partition("#")
            found = _document(target.removeprefix(_BASE))
            for step in pointer.strip("/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            return _Reading(target)._is_anything(found)
        has_members = any(
            name in schema for name in ("properties", "allOf", "additionalProperties")
        )
        return schema.get("type") == "object" and not has_members

    def _with_unpublished(self, definition: str, schema: Any) -> Any:
        strict = self._strict(schema)
        names = [name for owner, name in UNPUBLISHED if owner == definition]
        members = {**strict.get("properties", {}), **{name: {} for name in names}}
        return {**strict, "properties": members} if names else strict

    @staticmethod
    def _opened(node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same without the values of an open enumeration."""
        kind = node.get("x-ms-enum")
        is_open = isinstance(kind, dict) and kind.get("modelAsString")
        return {name: one for name, one in node.items() if not (is_open and name == "enum")}


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
