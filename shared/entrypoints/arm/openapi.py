"""The OpenAPI 3.1 document of the whole interface, made from the routes, the bodies' models and the replies' shapes.

1. A path is in it exactly if `routes` has it, beside its own; what is said of an operation stands in `described`.
2. Where a member of a body may be missing it may be null too, which means the same.
3. Errors have one shape, whatever their status.
"""

from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared.entrypoints.arm.described import OPERATIONS, Described
from shared.entrypoints.arm.ids import MICROSOFT, MUSTER, ON_PREMISES, Place
from shared.entrypoints.arm.operations import Operation
from shared.entrypoints.arm.parameters import HEADERS, PARAMETERS
from shared.entrypoints.arm.reply_shapes import Error
from shared.entrypoints.arm.requests import API_VERSIONS
from shared.entrypoints.arm.routes import ROUTES, Route

PATH = "/openapi.json"
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"
_MAINTENANCE = "Microsoft.Maintenance"
_PARENTS = {
    Place.ROOT: "",
    Place.SUBSCRIPTION: _SUBSCRIPTION,
    Place.GROUP: _GROUP,
    Place.CONFIGURATION: f"{_GROUP}/providers/{_MAINTENANCE}/maintenanceConfigurations/{{configurationName}}",
    Place.RESOURCE: f"{_GROUP}/providers/{{providerName}}/{{resourceType}}/{{resourceName}}",
    Place.NESTED: f"{_GROUP}/providers/{{providerName}}/{{resourceParentType}}/{{resourceParentName}}"
    "/{resourceType}/{resourceName}",
}
_PROVIDERS = {
    MICROSOFT: _MAINTENANCE,
    MUSTER: "Muster.Maintenance",
    ON_PREMISES: "Muster.OnPremises",
}
_SCHEMA_REF = "#/components/schemas/{model}"
_JSON = "application/json"


@cache
def document() -> dict[str, Any]:
    """The document, as JSON; the same one each time."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "version": API_VERSIONS[-1],
            "description": "The REST interface of Microsoft.Maintenance for guest patching, and routes of Muster's "
            "own (docs/http.md). Paths are read without regard to case.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {"Error": _response("An error.", Error, ())},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of Entra ID. On a machine of its own Muster asks for none.",
                }
            },
        },
    }


class _Schemas(GenerateJsonSchema):
    """Leaves out titles and defaults, and says where null means absent."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # Only where the default is None does the type itself say whether null may be sent.
        if schema.get("default", schema) is None:
            return self.generate_inner(schema["schema"])
        return self.nullable_schema(core_schema.nullable_schema(schema["schema"]))


def _schemas() -> dict[str, Any]:
    shapes: dict[str, Any] = {"Error": (Error, ...)}
    for described in OPERATIONS.values():
        for shape in filter(None, (described.body, *described.replies.values())):
            shapes[shape.__name__] = (shape, ...)
    # One model that holds them all, since only then definitions that nothing refers to are left out.
    root = create_model("Root", **shapes)
    found: dict[str, Any] = root.model_json_schema(
        schema_generator=_Schemas, ref_template=_SCHEMA_REF
    )["$defs"]
    return found


# --- operations ----------------------------------------------------------------------------------


def _paths() -> dict[str, Any]:
    return {PATH: {"get": _OF_THE_DOCUMENT}} | {
        path_of(route, place): {
            "parameters": [_parameter("apiVersion"), *_names(path_of(route, place))],
            **{
                method.lower(): _operation(route, operation, place=place)
                for method, operation in route.operations.items()
            },
        }
        for route in ROUTES
        for place in Place
        if place in route.places
    }


_OF_THE_DOCUMENT = {
    "tags": ["openapi"],
    "summary": "This document.",
    "description": "Least role: none.",
    "operationId": "get_document",
    "responses": {
        "200": {"description": "OK", "content": {_JSON: {"schema": {"type": "object"}}}},
        "default": {"$ref": "#/components/responses/Error"},
    },
}


def path_of(route: Route, place: Place) -> str:
    """The path of a route at one of its places, its names in braces."""
    return f"{_PARENTS[place]}/providers/{_PROVIDERS[route.provider]}/{route.steps}"


def _operation(route: Route, operation: Operation, *, place: Place) -> dict[str, Any]:
    described = OPERATIONS[operation]
    role = described.role.name.title() if described.role else "none"
    return {
        "tags": [route.steps.split("/")[0]],
        "summary": described.summary,
        "description": f"Least role: {role}.",
        **_name_of(operation, place if len(route.places) > 1 else None),
        "parameters": [_parameter(name) for name in described.parameters],
        **_request(described),
        "responses": {
            **{str(status): _reply(described, status) for status in described.replies},
            "default": {"$ref": "#/components/responses/Error"},
        },
    }


def _name_of(operation: Operation, place: Place | None) -> dict[str, str]:
    """No name for what is always refused: nobody is to make a client's function of it."""
    if not OPERATIONS[operation].replies:
        return {}
    return {"operationId": operation.__name__ + (f"_at_{place.name.lower()}" if place else "")}


def _request(described: Described) -> dict[str, Any]:
    if not described.body:
        return {}
    content = {"schema": _schema(described.body)}
    if described.examples:
        content["examples"] = {name: {"value": body} for name, body in described.examples.items()}
    return {"requestBody": {"required": not described.may_lack_body, "content": {_JSON: content}}}


def _reply(described: Described, status: int) -> dict[str, Any]:
    return _response(HTTPStatus(status).phrase, described.replies[status], described.headers)


def _response(
    description: str, shape: type[BaseModel] | None, headers: tuple[str, ...]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": description,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in ("x-ms-request-id", "x-ms-correlation-request-id", *headers)
        },
    }
    return found | ({"content": {_JSON: {"schema": _schema(shape)}}} if shape else {})


def _schema(shape: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _SCHEMA_REF.format(model=shape.__name__)}


def _parameter(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/parameters/{name}"}


def _names(path: str) -> list[dict[str, Any]]:
    return [_parameter(step[1:-1]) for step in path.split("/") if step.startswith("{")]
