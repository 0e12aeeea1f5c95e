"""Microsoft's published definitions of Microsoft.Maintenance, and the examples beside them.

1. A reply is held against the schema of its operation and status, across files, formats included.
2. Enumerations that are published as open (`modelAsString`) are open here too: a value more is no mistake.
3. Nothing is `required` in the definitions, so a schema alone proves little: tests compare members as well.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

ROOT = Path(__file__).parents[1] / "data" / "specs"
_PROVIDER = "maintenance/resource-manager/Microsoft.Maintenance"
DOCUMENTS = {
    "2023-04-01": f"{_PROVIDER}/stable/2023-04-01/Maintenance.json",
    "2023-10-01-preview": f"{_PROVIDER}/preview/2023-10-01-preview/Maintenance.json",
    "2025-11-01": f"{_PROVIDER}/Maintenance/stable/2025-11-01/Maintenance.json",
}
_BASE = "https://specs/"
# Named by a definition, but not published with it.
_LOST = {"ScheduledEvents_AcknowledgeList"}

# What an earlier version calls an operation that has another name today.
_RENAMED = {
    "ScheduledEvent_Acknowledge": "ScheduledEvents_Acknowledge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of one version; `body` is the name of its body's parameter, or empty."""

    version: str
    id: str
    method: str
    path: str
    body: str
    statuses: frozenset[int]

    def mistakes(self, status: int, reply: Any) -> list[str]:
        """What is wrong with a reply, by the published definition; *reply* is None where no body came."""
        known = str(status) if status in self.statuses else "default"
        where = ("paths", self.path, self.method.lower(), "responses", known, "schema")
        if not _has(_document(DOCUMENTS[self.version]), where):
            return [] if reply is None else [f"{self.id} answers {status} without a body"]
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in where)
        schema = {"$ref": f"{_BASE}{DOCUMENTS[self.version]}#/{quote(pointer, safe='/~')}"}
        validator = Draft4Validator(
            schema, registry=_REGISTRY, format_checker=Draft4Validator.FORMAT_CHECKER
        )
        return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(reply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One published example: the parameters of a request, and the reply by status."""

    name: str
    operation: Operation
    parameters: Mapping[str, Any]
    replies: Mapping[int, Any] = field(hash=False)

    @property
    def path(self) -> str:
        """The path of its request."""
        return self.operation.path.format_map(self.parameters)

    @property
    def body(self) -> Any:
        """The body of its request, or None."""
        return self.parameters.get(self.operation.body)


@cache
def examples() -> tuple[Example, ...]:
    """All examples of all versions."""
    return tuple(one for version in DOCUMENTS for one in _examples(version))


@cache
def operations(version: str) -> tuple[Operation, ...]:
    """All operations of a version."""
    return tuple(operation for operation, _ in _entries(version))


def _examples(version: str) -> Iterator[Example]:
    folder = (ROOT / DOCUMENTS[version]).parent
    for operation, entry in _entries(version):
        for reference in entry.get("x-ms-examples", {}).values():
            file = folder / reference["$ref"]
            if file.stem in _LOST:
                continue
            sent = json.loads(file.read_text(encoding="utf-8"))
            yield Example(
                name=file.stem,
                operation=operation,
                parameters=sent["parameters"],
                replies={int(status): one.get("body") for status, one in sent["responses"].items()},
            )


def _entries(version: str) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
    for path, methods in _document(DOCUMENTS[version])["paths"].items():
        for method, entry in methods.items():
            bodies = [one["name"] for one in entry["parameters"] if one.get("in") == "body"]
            statuses = frozenset(int(one) for one in entry["responses"] if one != "default")
            yield (
                Operation(
                    version=version,
                    id=_RENAMED.get(entry["operationId"], entry["operationId"]),
                    method=method.upper(),
                    path=path,
                    body="".join(bodies),
                    statuses=statuses,
                ),
                entry,
            )


@cache
def _document(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def _retrieve(uri: str) -> Resource[Any]:
    return DRAFT4.create_resource(_opened(_document(uri.removeprefix(_BASE))))


_REGISTRY: Registry[Any] = Registry(retrieve=_retrieve)  # type: ignore[call-arg]


def _opened(node: Any) -> Any:
    """The same definitions without the values of open enumerations."""
    if isinstance(node, list):
        return [_opened(one) for one in node]
    if not isinstance(node, dict):
        return node
    is_open = isinstance(node.get("x-ms-enum"), dict) and node["x-ms-enum"].get("modelAsString")
    return {
        name: _opened(value) for name, value in node.items() if not (is_open and name == "enum")
    }


def _has(node: Any, steps: tuple[str, ...]) -> bool:
    for step in steps:
        if step not in node:
            return False
        node = node[step]
    return True
