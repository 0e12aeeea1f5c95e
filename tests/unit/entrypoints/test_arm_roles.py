"""Every operation has a least role: below it nothing is done, from it on the role is no obstacle."""

from enum import IntEnum
from typing import Any, cast

import pytest

from shared import bootstrap
from shared.application.callers import Authentication, Caller, Role
from shared.entrypoints.arm.ids import Place
from shared.entrypoints.arm.routes import ROUTES, Route
from tests.builders import (
    CONFIGURATION,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
    a_server,
)
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

LEAST = {
    "list_operations": None,
    "list_public_configurations": Role.READER,
    "get_public_configuration": Role.READER,
    "refuse_scheduled_event": Role.READER,
    "refuse_nested": Role.READER,
    "list_configurations": Role.READER,
    "get_configuration": Role.READER,
    "put_configuration": Role.ADMINISTRATOR,
    "patch_configuration": Role.ADMINISTRATOR,
    "delete_configuration": Role.ADMINISTRATOR,
    "list_assignments": Role.READER,
    "get_assignment": Role.READER,
    "put_assignment": Role.ADMINISTRATOR,
    "patch_assignment": Role.ADMINISTRATOR,
    "delete_assignment": Role.ADMINISTRATOR,
    "list_servers": Role.READER,
    "get_server": Role.READER,
    "put_server": Role.ADMINISTRATOR,
    "delete_server": Role.ADMINISTRATOR,
    "preview": Role.READER,
    "list_runs": Role.READER,
    "page_runs": Role.READER,
    "get_run": Role.READER,
    "get_machine_run": Role.READER,
    "get_latest_machine_run": Role.READER,
    "get_latest_run_on_demand": Role.READER,
    "list_jobs": Role.READER,
    "get_job": Role.READER,
    "list_updates": Role.READER,
    "list_pending_updates": Role.READER,
    "get_assessment": Role.READER,
    "start_configuration_run": Role.OPERATOR,
    "start_machine_runs": Role.OPERATOR,
    "put_run": Role.OPERATOR,
    "put_machine_run": Role.OPERATOR,
    "assess": Role.OPERATOR,
    "consent": Role.ADMINISTRATOR,
}
"""By operation; None is for what is the same for everybody and reads nothing, so that it wants no role."""

CANCEL = {"properties": {"status": "Cancel"}}
BODIES = {
    "put_configuration": a_configuration(),
    "put_assignment": a_scope(),
    "put_server": a_server(),
    "put_run": CANCEL,
    "put_machine_run": CANCEL,
    "assess": {"machines": [a_machine().id]},
    "consent": {"machines": [a_machine().id]},
    "patch_configuration": {},
    "patch_assignment": {},
}
PARENTS = {
    Place.ROOT: "",
    Place.SUBSCRIPTION: f"/subscriptions/{SUBSCRIPTION}",
    Place.GROUP: GROUP,
    Place.CONFIGURATION: CONFIGURATION,
    Place.RESOURCE: a_machine().id,
    Place.NESTED: f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/1",
}
NAMES = ("20260602020000", "0" * 64)
"""Of a run, which does as any other name too, and of a job in it."""


class Stranger(IntEnum):
    """Less than any role: nobody is let in with it, so that what a reader may is seen to ask for one."""

    NONE = 0


class Known:
    """`Authentication` that finds the same caller behind every request."""

    def __init__(self, role: IntEnum) -> None:
        self._caller = Caller(name="somebody", role=cast(Role, role))

    async def caller(self, _headers: object) -> Caller:
        return self._caller


def _paths(route: Route) -> list[str]:
    names = iter(NAMES)
    steps = "/".join(
        next(names) if step.startswith("{") else step for step in route.steps.split("/")
    )
    return [
        f"{parent}/providers/{route.provider}/{steps}"
        for place, parent in PARENTS.items()
        if place in route.places
    ]


CASES = [
    pytest.param(method, path, operation.__name__, id=f"{method} {path}")
    for route in ROUTES
    for path in _paths(route)
    for method, operation in route.operations.items()
]


def test_table_names_every_operation_and_no_other() -> None:
    routed = {operation.__name__ for route in ROUTES for operation in route.operations.values()}
    assert routed == set(LEAST)


@pytest.mark.parametrize(("method", "path", "operation"), CASES)
async def test_least_role(
    client: ArmClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, operation: str
) -> None:
    least, body = LEAST[operation], BODIES.get(operation)
    for role in (Stranger.NONE, *Role):
        answer = await _answer(client, monkeypatch, Known(role), method, path, body)
        if least is not None and role < least:
            assert_arm_error(answer, 403, "AuthorizationFailed")
        else:
            assert answer.status not in (401, 403, 500), answer.content


async def _answer(
    client: ArmClient,
    monkeypatch: pytest.MonkeyPatch,
    known: Authentication,
    method: str,
    path: str,
    body: Any,
) -> Any:
    monkeypatch.setattr(bootstrap, "authentication", lambda: known)
    return await client.send(method, path, body)
