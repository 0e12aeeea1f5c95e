"""The roles in `infra/` hold exactly what the app asks of Azure.

Every adapter that talks to Azure is driven against the local Azure, whose log of calls says which requests there are.
Azure Resource Manager checks each against the action that its method and path spell; Resource Graph shows rows of the
types that one may read.
"""

import inspect
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from localhost.azure.fleet import Fleet, Kind
from localhost.azure.fleet import Machine as Simulated
from localhost.azure.generate import subscription_id
from localhost.azure.server import LocalAzure, serve
from localhost.azure.updates import Os
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.patching.assessments import ResourceGraphAssessments
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.reports import ResourceGraphReports
from shared.application.ports import Accepted, InstallOrder
from shared.domain.install_patches import PLATFORM_DEFAULT
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.records import Job, job_key
from shared.domain.scope import Filter, Scope
from tests.kql.queries import shapes

INFRA = Path(__file__).resolve().parents[2] / "infra"
START = datetime(2026, 1, 15, 2, 0, tzinfo=UTC)
SUBSCRIPTION = subscription_id(1)
VERBS = {"GET": "read", "POST": "action", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
# A POST that only reads: its published action is "Submits a query on resources within specified subscriptions ...".
GRAPH = "/providers/microsoft.resourcegraph/resources"
# Granted, and needed by no request of its own.
REASONS = {
    "microsoft.compute/virtualmachines/instanceview/read": (
        "A VM is read with $expand=instanceView, which holds what this action guards."
    ),
}
Drive = Callable[["World", Machine], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The adapters, and the Azure that they talk to."""

    azure: LocalAzure
    inventory: ResourceGraphInventory
    patching: AzurePatching
    reports: ResourceGraphReports
    assessments: ResourceGraphAssessments


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    clock = MemoryClock(START)
    fleet = Fleet(_simulated(kind) for kind in Kind)
    azure = LocalAzure(fleet, now=clock.now)
    async with (
        serve(azure) as url,
        ArmClient(url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        yield World(
            azure=azure,
            inventory=ResourceGraphInventory(arm, clock),
            patching=AzurePatching(arm, clock),
            reports=ResourceGraphReports(arm),
            assessments=ResourceGraphAssessments(arm),
        )


def _simulated(kind: Kind) -> Simulated:
    return Simulated(
        subscription=SUBSCRIPTION,
        resource_group="shop",
        kind=kind,
        name="one",
        os=Os.LINUX,
        location="westeurope",
    )


async def _install_and_ask_after(here: World, machine: Machine) -> None:
    order = InstallOrder(
        machine=machine,
        os_type=OsType.LINUX,
        install_patches=PLATFORM_DEFAULT,
        maximum_duration=timedelta(hours=1),
        client_request_id="job-1",
    )
    await here.patching.prepare(order)
    accepted = await here.patching.install(order)
    assert isinstance(accepted, Accepted)
    job = Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=machine.type,
        subscription=machine.subscription,
        starting_at=START,
        operation=accepted.operation,
        activity_id=accepted.activity_id,
    )
    assert await here.patching.ask_after(job)


async def _page(here: World, machine: Machine) -> None:
    scope = Scope(assignment_id="a", subscription=machine.subscription, filter=Filter())
    await here.inventory.page(scope, after="", limit=10)


async def _changed(here: World, _machine: Machine) -> None:
    async for _page in here.reports.changed_since(START, limit=10):
        pass


# Every public method of the four adapters; `consent` stands by itself, its role does too.
DRIVES: dict[str, Drive] = {
    "inventory.is_readable": lambda here, machine: here.inventory.is_readable(machine.subscription),
    "inventory.page": _page,
    "patching.inspect": lambda here, machine: here.patching.inspect(machine.id, machine.type),
    "patching.prepare": _install_and_ask_after,
    "patching.install": _install_and_ask_after,
    "patching.ask_after": _install_and_ask_after,
    "patching.assess": lambda here, machine: here.patching.assess(machine),
    "patching.consent": lambda here, machine: here.patching.consent(machine),
    "reports.changed_since": _changed,
    "reports.updates_of": lambda here, _machine: here.reports.updates_of({"a": 1}, limit=10),
    "assessments.latest": lambda here, machine: here.assessments.latest([machine.key]),
    "assessments.missing": lambda here, machine: here.assessments.missing([machine.key]),
}
CONSENT = "patching.consent"


async def requested(name: str) -> set[str]:
    """The actions that the requests of one method need, in lower case, on a VM and on an Arc-enabled server."""
    needed: set[str] = set()
    for kind in Kind:
        async with world() as here:
            await DRIVES[name](here, _known(here.azure.fleet.machines(), kind))
            calls = here.azure.calls.all()
        assert all(call.status in (200, 202) for call in calls)
        needed |= {action(call.method, call.path) for call in calls}
    return needed


def _known(machines: list[Simulated], kind: Kind) -> Machine:
    [found] = [machine for machine in machines if machine.kind is kind]
    return Machine(
        id=found.id,
        type=MachineType(kind),
        subscription=found.subscription,
        resource_group=found.resource_group,
        location=found.location,
        os_type=OsType(found.os),
    )


def action(method: str, path: str) -> str:
    """The action that Azure Resource Manager checks: provider, types and verb, without the names between them."""
    path = path.lower()
    if path == GRAPH:
        return "microsoft.resourcegraph/resources/read"
    scope, provided, resource = path.rpartition("/providers/")
    if not provided:
        assert re.fullmatch("/subscriptions/[^/]+", path)
        return f"microsoft.resources/subscriptions/{VERBS[method]}"
    assert scope.startswith("/subscriptions/")
    namespace, *parts = resource.split("/")
    return "/".join([namespace, *parts[::2], VERBS[method]])


def readable() -> set[str]:
    """The actions that let Resource Graph show the rows of every type that a query names."""
    listed = {
        kind
        for build in shapes().values()
        for types in re.findall(r"where type in~ \(([^)]*)\)", build("x"))
        for kind in re.findall("'([^']+)'", types)
    }
    assert listed
    return {f"{kind}/read" for kind in listed}


def granted(name: str) -> set[str]:
    role: dict[str, Any] = json.loads((INFRA / name).read_text(encoding="utf-8"))
    assert role["NotActions"] == role["DataActions"] == role["NotDataActions"] == []
    assert role["AssignableScopes"]
    return {one.lower() for one in role["Actions"]}


def test_every_public_method_is_driven() -> None:
    adapters = {
        "inventory": ResourceGraphInventory,
        "patching": AzurePatching,
        "reports": ResourceGraphReports,
        "assessments": ResourceGraphAssessments,
    }
    methods = {
        f"{name}.{method}"
        for name, adapter in adapters.items()
        for method, _ in inspect.getmembers(adapter, inspect.isfunction)
        if not method.startswith("_")
    }
    assert methods == DRIVES.keys()


async def test_operator_role_is_what_the_app_needs_and_no_more() -> None:
    needed = readable()
    for name in DRIVES.keys() - {CONSENT}:
        needed |= await requested(name)
    role = granted("muster-operator-role.json")
    assert {one for one in needed if not any(fnmatchcase(one, given) for given in role)} == set()
    idle = {given for given in role if not any(fnmatchcase(one, given) for one in needed)}
    assert idle == REASONS.keys()


async def test_consent_role_is_what_consent_needs_besides() -> None:
    besides = await requested(CONSENT) - granted("muster-operator-role.json")
    assert granted("muster-consent-role.json") == besides


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/subscriptions/s", "microsoft.resources/subscriptions/read"),
        (
            "POST",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/assessPatches",
            "microsoft.compute/virtualmachines/assesspatches/action",
        ),
        (
            "GET",
            "/subscriptions/s/providers/Microsoft.Compute/locations/l/operations/o",
            "microsoft.compute/locations/operations/read",
        ),
    ],
    ids=["a subscription", "a machine's action", "an operation"],
)
def test_a_request_spells_its_action(method: str, path: str, expected: str) -> None:
    assert action(method, path) == expected
