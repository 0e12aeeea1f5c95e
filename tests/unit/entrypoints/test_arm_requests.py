"""Paths, versions, bodies and failures: whatever comes, the answer has ARM's shape."""

import json
import logging
from typing import Any, NoReturn

import pytest

from shared import bootstrap
from shared.entrypoints.arm.blueprint import arm, blueprint, openapi, unmatched
from shared.entrypoints.arm.errors import STATUSES
from shared.entrypoints.arm.ids import Address, Place
from shared.entrypoints.arm.requests import API_VERSIONS
from shared.entrypoints.arm.routes import ROUTES
from shared.errors import MusterError, NotFoundError
from tests.builders import CONFIGURATION, GROUP, SUBSCRIPTION, a_configuration, a_machine
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
NAMESPACE = "/providers/Microsoft.Maintenance"
GUID = "0a1b2c3d-0000-4000-8000-0123456789ab"


# --- paths and methods ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/admin",
        f"{WHOLE}",
        f"{GROUP}{NAMESPACE}",
        f"{GROUP}{NAMESPACE}/publicThings",
        f"{WHOLE}{NAMESPACE}/maintenanceConfigurations/group-is-missing",
        f"{CONFIGURATION}/more",
        f"{CONFIGURATION}{NAMESPACE}/configurationAssignments/on-a-configuration",
        f"{CONFIGURATION}{NAMESPACE}/applyUpdates/20260602020000/machines",
        f"{a_machine().id}{NAMESPACE}/applyUpdates/20260602020000/jobs",
        f"{GROUP}/providers/Microsoft.Compute/maintenanceConfigurations/x",
        f"{GROUP}/providers/Microsoft.Compute/virtualMachines{NAMESPACE}/applyUpdates/default",
        f"{GROUP}{NAMESPACE}/maintenanceConfigurations/a%2Fb",
        f"{GROUP}{NAMESPACE}/maintenanceConfigurations/%ff",
        f"{GROUP}//{NAMESPACE}/maintenanceConfigurations/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_unknown_path_is_not_found(client: ArmClient, method: str, path: str) -> None:
    assert_arm_error(await client.send(method, path), 404, "InvalidResourcePath")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", CONFIGURATION, "GET, PUT, PATCH, DELETE"),
        ("HEAD", CONFIGURATION, "GET, PUT, PATCH, DELETE"),
        ("OPTIONS", f"{WHOLE}{NAMESPACE}/maintenanceConfigurations", "GET"),
        ("DELETE", f"{CONFIGURATION}{NAMESPACE}/applyUpdates/20260602020000", "GET, PUT"),
        ("POST", f"{NAMESPACE}/operations", "GET"),
    ],
)
async def test_wrong_method_is_told_which_are_right(
    client: ArmClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.send(method, path)
    assert_arm_error(answer, 405, "MethodNotAllowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        f"/subscriptions/not-a-guid{NAMESPACE}/maintenanceConfigurations",
        f"/resourceGroups/ops{NAMESPACE}/maintenanceConfigurations",
        f"{GROUP}{NAMESPACE}/maintenanceConfigurations/a%25b",
        f"{GROUP}{NAMESPACE}/maintenanceConfigurations/{'x' * 500}",
    ],
)
async def test_what_is_no_resource_id_is_refused(client: ArmClient, path: str) -> None:
    assert_arm_error(await client.put(path, a_configuration()), 400, "InvalidParameter")


async def test_operations_are_listed(client: ArmClient) -> None:
    listed = (await client.get(f"{NAMESPACE}/operations")).json["value"]
    names = {one["name"] for one in listed}
    assert "Microsoft.Maintenance/maintenanceConfigurations/write" in names
    assert len(names) == len(listed)


@pytest.mark.parametrize(
    ("path", "parent", "place", "steps"),
    [
        (f"{NAMESPACE}/operations", "", Place.ROOT, ("operations",)),
        (f"{WHOLE}{NAMESPACE}/a", WHOLE, Place.SUBSCRIPTION, ("a",)),
        (f"{GROUP}{NAMESPACE}/a/b", GROUP, Place.GROUP, ("a", "b")),
        (f"{CONFIGURATION}{NAMESPACE}/a/b/c", CONFIGURATION, Place.CONFIGURATION, ("a", "b", "c")),
        (f"{a_machine().id}{NAMESPACE}/a/", a_machine().id, Place.RESOURCE, ("a",)),
        (
            f"{WHOLE}/resourceGroups/providers{NAMESPACE}/a/providers",
            f"{WHOLE}/resourceGroups/providers",
            Place.GROUP,
            ("a", "providers"),
        ),
        (
            f"{WHOLE}/resourceGroups/x%20(y){NAMESPACE}/a",
            f"{WHOLE}/resourceGroups/x (y)",
            Place.GROUP,
            ("a",),
        ),
    ],
)
def test_path_is_split_at_its_last_collection(
    path: str, parent: str, place: Place, steps: tuple[str, ...]
) -> None:
    address = Address.of(f"http://localhost:7071{path}?a=b")
    assert (address.parent, address.place(), address.steps) == (parent, place, steps)


def test_address_without_collection_is_no_path() -> None:
    with pytest.raises(NotFoundError):
        Address.of("http://localhost/subscriptions")


def test_no_route_is_hidden_by_an_earlier_one() -> None:
    for at, route in enumerate(ROUTES):
        steps = tuple(route.steps.split("/"))
        for place in route.places:
            assert not any(earlier.leads_to(place, steps) for earlier in ROUTES[:at])


def test_functions_are_three_and_the_catch_all_sorts_last() -> None:
    functions = {one.get_function_name(): one.get_trigger() for one in blueprint_functions()}
    routes = {name: trigger.route for name, trigger in functions.items()}
    assert routes == {
        "arm": "subscriptions/{*path}",
        "openapi": "openapi.json",
        "unmatched": "{*path}",
    }
    assert max(routes) == "unmatched"
    assert not any(trigger.get_dict_repr().get("methods") for trigger in functions.values())


def blueprint_functions() -> list[Any]:
    """The functions of the blueprint; the library hands them out once, so a second one stands in."""
    builders = blueprint._function_builders
    assert builders == [arm, openapi, unmatched]
    return [builder._function for builder in builders]


# --- versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [*API_VERSIONS, "2023-10-01-PREVIEW"])
async def test_versions_of_current_clients_are_served(client: ArmClient, version: str) -> None:
    answer = await client.get(f"{GROUP}{NAMESPACE}/maintenanceConfigurations", version=version)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("version", "code"),
    [("", "MissingApiVersionParameter"), ("2018-06-01", "InvalidApiVersionParameter")],
)
async def test_other_versions_are_refused_with_those_that_are_served(
    client: ArmClient, version: str, code: str
) -> None:
    error = assert_arm_error(await client.get(CONFIGURATION, version=version), 400, code)
    assert all(served in error["message"] for served in API_VERSIONS)


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b'{"a": 1, "a": 1}', id="a name twice"),
        pytest.param(b'{"p": {"\\u0061": 1, "a": 2}}', id="a name twice, deep and disguised"),
        pytest.param(b'{"a": NaN}', id="no number"),
        pytest.param(b'{"a": -Infinity}', id="an endless number"),
        pytest.param(b'{"a": 1e999}', id="a number out of bounds"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a": "\\ud800"}', id="half a character"),
        pytest.param(b'{"\\udfff": 1}', id="half a character in a name"),
        pytest.param(b'{"a":' * 40 + b"1" + b"}" * 40, id="deep"),
        pytest.param(b"[" * 100_000, id="an abyss"),
        pytest.param(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="a closed abyss"),
        pytest.param(b"{'a': 1}", id="Python"),
    ],
)
async def test_body_that_is_no_json_object_is_refused(client: ArmClient, content: bytes) -> None:
    answer = await client.put(CONFIGURATION, content=content)
    assert_arm_error(answer, 400, "InvalidRequestContent")


async def test_body_may_begin_with_a_mark_of_byte_order(client: ArmClient) -> None:
    content = json.dumps(a_configuration()).encode("utf-8-sig")
    assert (await client.put(CONFIGURATION, content=content)).status == 201


async def test_body_has_a_limit(client: ArmClient) -> None:
    limit = client.services.limits.body_bytes
    document = json.dumps(a_configuration()).encode()
    fitting = document + b" " * (limit - len(document))
    assert (await client.put(CONFIGURATION, content=fitting)).status == 201
    answer = await client.put(CONFIGURATION, content=fitting + b" ")
    assert_arm_error(answer, 413, "RequestBodyTooLarge")


async def test_body_that_did_not_arrive_is_not_taken_for_none(client: ArmClient) -> None:
    await client.put(CONFIGURATION, a_configuration())
    path = f"{CONFIGURATION}/preview"
    answer = await client.send("POST", path, headers={"Transfer-Encoding": "chunked"})
    assert assert_arm_error(answer, 400, "LengthRequired")["target"] == "Content-Length"


# --- headers and failures ------------------------------------------------------------------------


async def test_every_reply_can_be_found_again(client: ArmClient) -> None:
    for path in (CONFIGURATION, "/nowhere"):
        answer = await client.get(path, headers={"x-ms-correlation-request-id": GUID})
        assert answer.headers["x-ms-correlation-request-id"] == GUID
        assert answer.headers["x-ms-request-id"] != GUID
        own = await client.get(path, headers={"x-ms-correlation-request-id": "a\r\nSet-Cookie: b"})
        assert own.headers["x-ms-correlation-request-id"] == own.headers["x-ms-request-id"]


async def test_what_nobody_foresaw_is_told_to_the_log_alone(
    client: ArmClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> NoReturn:
        raise RuntimeError("the cellar is flooded")

    monkeypatch.setattr(bootstrap, "services", broken)
    with caplog.at_level(logging.ERROR):
        answer = await client.put(CONFIGURATION, {"secret": "in the body"})
    error = assert_arm_error(answer, 500, "InternalError")
    assert answer.headers["x-ms-request-id"] in error["message"]
    assert b"cellar" not in answer.content
    assert "cellar" in caplog.text
    assert "in the body" not in caplog.text


def test_every_error_has_a_status() -> None:
    def classes(base: type[MusterError]) -> set[type[MusterError]]:
        return {base}.union(*(classes(one) for one in base.__subclasses__()))

    assert set(STATUSES) <= classes(MusterError)
    for kind in classes(MusterError) - {MusterError}:
        status = next(STATUSES[one] for one in kind.__mro__ if one in STATUSES)
        assert status != 500, f"{kind.__name__} would look like a failure of ours"


def test_code_that_makes_clients_register_a_provider_is_never_sent() -> None:
    """azure-core answers it by polling the provider's registration for ever."""
    codes = {kind.code for kind in STATUSES}
    assert "MissingSubscriptionRegistration" not in codes
