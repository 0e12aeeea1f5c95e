"""What the OpenAPI document says of a request and its reply: every test that speaks HTTP holds both against it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from shared.entrypoints.arm.openapi import document

_BASE = "https://document/"
_ERROR = "#/components/schemas/Error"


def operation_at(method: str, url: str) -> dict[str, Any] | None:
    """What is said of the request, or None; of two paths that match, the one with fewer names counts."""
    path = "/" + unquote(urlsplit(url).path.strip("/"))
    matching = [
        (template.count("{"), methods)
        for template, pattern, methods in _paths()
        if pattern.fullmatch(path)
    ]
    if not matching:
        return None
    found: dict[str, Any] | None = min(matching, key=lambda one: one[0])[1].get(method.lower())
    return found


def mistakes_of_reply(method: str, url: str, status: int, content: bytes) -> list[str]:
    """Where a reply is not as the document has it."""
    operation = operation_at(method, url)
    if operation is None and status < 400:
        return [f"{method} {url} answers {status}, but is not in the document"]
    known = operation["responses"].get(str(status)) if operation else None
    if known is None:
        if status < 400:
            return [f"{method} {url} answers {status}, which is not in the document"]
        return _mistakes({"$ref": _ERROR}, content)
    if "content" not in known:
        return ["There is a body where none is documented"] if content else []
    return _mistakes(known["content"]["application/json"]["schema"], content)


def mistakes_of_request(method: str, url: str, content: bytes) -> list[str]:
    """Where a body, which was taken, is not as the document has it; one that nobody reads may be anything."""
    operation = operation_at(method, url)
    if operation is None or "requestBody" not in operation or not content:
        return []
    return _mistakes(operation["requestBody"]["content"]["application/json"]["schema"], content)


def mistakes_in(schema: str, value: Any) -> list[str]:
    """Where a value is not as one of the document's schemas has it."""
    return list(_found({"$ref": f"#/components/schemas/{schema}"}, value))


def _mistakes(schema: dict[str, str], content: bytes) -> list[str]:
    if not content:
        return ["There is no body"]
    return list(_found(schema, json.loads(content.decode("utf-8-sig"))))


def _found(schema: dict[str, str], value: Any) -> Iterator[str]:
    for one in _validator(json.dumps(schema)).iter_errors(value):
        yield f"{one.json_path}: {one.message}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource(
        _BASE, DRAFT202012.create_resource(document())
    )
    return Draft202012Validator(
        json.loads(schema.replace('"#/', f'"{_BASE}#/')),
        registry=registry,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@cache
def _paths() -> tuple[tuple[str, re.Pattern[str], dict[str, Any]], ...]:
    return tuple(
        (template, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), re.I), methods)
        for template, methods in document()["paths"].items()
    )
