"""The Azure adapters against the local Azure: the whole way from a scope to the report of an install."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet, Kind
from localhost.azure.fleet import Machine as SimulatedMachine
from localhost.azure.generate import generate, subscription_id
from localhost.azure.server import LocalAzure, serve
from localhost.azure.updates import Os, Update
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.patching.assessments import ResourceGraphAssessments
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.reports import ResourceGraphReports
from shared.application.ports import (
    Accepted,
    AssessmentReports,
    InstallOrder,
    InstallReports,
    Inventory,
    NotNow,
    Patching,
    Uncertain,
)
from shared.domain.install_patches import PLATFORM_DEFAULT
from shared.domain.machine import Machine, MachineType, OsType, ineligible
from shared.domain.records import Job, job_key
from shared.domain.scope import Filter, Scope, matches
from shared.errors import UnavailableError

START = datetime(2026, 1, 15, 2, 0, tzinfo=UTC)
OURS = subscription_id(1)
OTHER = subscription_id(2)


@dataclass(slots=True)
class SettableClock:
    """A clock that stands still until it is set."""

    instant: datetime = START

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, delay: timedelta) -> None:
        self.instant += delay


@dataclass(slots=True)
class World:
    """A local Azure and the adapters that talk to it."""

    azure: LocalAzure
    clock: SettableClock
    inventory: Inventory
    patching: Patching
    reports: InstallReports
    assessments: AssessmentReports


@asynccontextmanager
async def world(fleet: Fleet, faults: Faults | None = None) -> AsyncIterator[World]:
    clock = SettableClock()
    azure = LocalAzure(
        fleet,
        now=clock.now,
        faults=faults,
        install_time=(timedelta(minutes=5), timedelta(minutes=5)),
    )
    async with (
        serve(azure) as url,
        ArmClient(url, StaticCredential(), backoff=timedelta(0)) as arm,
    ):
        yield World(
            azure=azure,
            clock=clock,
            inventory=ResourceGraphInventory(arm),
            patching=AzurePatching(arm, clock),
            reports=ResourceGraphReports(arm),
            assessments=ResourceGraphAssessments(arm),
        )


def plain_fleet(count: int) -> Fleet:
    """Machines of two subscriptions whose ids differ in length and in case, most of them in the first."""
    return Fleet(
        [
            SimulatedMachine(
                subscription=OTHER if number % 50 == 49 else OURS,
                resource_group="Shop" if number % 3 else "shop-2",
                kind=Kind.ARC if number % 4 == 3 else Kind.VM,
                name=f"{'Vm' if number % 2 else 'vm'}-{number}",
                os=Os.LINUX if number % 2 else Os.WINDOWS,
                location="westeurope",
            )
            for number in range(count)
        ]
    )


def scope(given: Filter | None = None, *, group: str | None = None) -> Scope:
    return Scope(
        assignment_id=f"/subscriptions/{OURS}/providers/Microsoft.Maintenance/configurationAssignments/a",
        subscription=OURS,
        resource_group=group,
        filter=given or Filter(),
    )


async def read_all(inventory: Inventory, wanted: Scope, *, limit: int) -> list[Machine]:
    machines: list[Machine] = []
    after: str | None = ""
    while after is not None:
        page = await inventory.page(wanted, after=after, limit=limit)
        assert len(page.machines) <= limit
        machines += page.machines
        after = page.last
    return machines


@pytest.mark.parametrize(
    ("count", "limit"),
    [(60, 7), (49, 7), (2600, 1000)],
    ids=["tiny pages", "full last page", "many"],
)
async def test_pages_hold_each_machine_once_in_the_order_of_keys(count: int, limit: int) -> None:
    fleet = plain_fleet(count)
    expected = sorted(one.key for one in fleet.machines() if one.subscription == OURS)
    async with world(fleet) as here:
        machines = await read_all(here.inventory, scope(), limit=limit)
    assert [machine.key for machine in machines] == expected


FILTERS = {
    "everything": Filter(),
    "one type": Filter(resource_types=("microsoft.hybridcompute/MACHINES",)),
    "all but one type": Filter(resource_types=("!Microsoft.HybridCompute/machines",)),
    "one system": Filter(os_types=("linux",)),
    "all but one system": Filter(os_types=("!Linux",)),
    "locations with spaces": Filter(locations=("West Europe", "Japan East")),
    "all but a location": Filter(locations=("!westeurope",)),
    "groups": Filter(resource_groups=("RG-web-prod", "rg-sql-dev")),
    "all but a group": Filter(resource_groups=("!rg-web-prod",)),
    "tags": Filter(tags={"ENV": ("prod",)}),
    "hostile values": Filter(resource_groups=("' or 1==1 //", "\\", "{{x}}", "a\x00b")),
    "SSH servers": Filter(resource_types=("Muster.OnPremises/servers",)),
}


NOBODY = ("hostile values", "SSH servers")


@pytest.mark.parametrize("name", FILTERS)
async def test_no_machine_of_a_scope_is_lost_by_narrowing(name: str) -> None:
    wanted = scope(FILTERS[name])
    async with world(generate(200, 7)) as here:
        everything = await read_all(here.inventory, scope(), limit=1000)
        narrowed = await read_all(here.inventory, wanted, limit=1000)
    members = [one for one in everything if matches(wanted, one)]
    assert [one for one in narrowed if matches(wanted, one)] == members
    assert bool(members) is (name not in NOBODY)


async def test_narrowing_leaves_out_what_cannot_match() -> None:
    async with world(plain_fleet(60)) as here:
        machines = await read_all(
            here.inventory, scope(Filter(os_types=("Linux",)), group="SHOP"), limit=1000
        )
    assert machines
    assert {one.resource_group for one in machines} == {"shop"}
    assert {one.os_type for one in machines} == {OsType.LINUX}


async def test_a_subscription_that_does_not_exist_is_not_readable() -> None:
    async with world(plain_fleet(4)) as here:
        assert await here.inventory.is_readable(OURS)
        assert not await here.inventory.is_readable(subscription_id(9))


async def test_a_subscription_is_not_called_unreadable_while_azure_fails() -> None:
    async with world(plain_fleet(4), Faults(fail_reads=1)) as here:
        with pytest.raises(UnavailableError):
            await here.inventory.is_readable(OURS)


SIMULATED = {
    MachineType.AZURE_VM: (Kind.VM, Os.WINDOWS),
    MachineType.ARC_SERVER: (Kind.ARC, Os.LINUX),
}


def one_machine(machine_type: MachineType, **changes: object) -> Fleet:
    kind, os = SIMULATED[machine_type]
    missing = {
        Os.WINDOWS: Update(patch_id="w1", name="Fix (KB501)", classification="Security", kb="501"),
        Os.LINUX: Update(patch_id="l1", name="curl", classification="Security", version="8.5"),
    }[os]
    rest = {"missing": (missing,)} | changes
    return Fleet(
        [
            SimulatedMachine(
                subscription=OURS,
                resource_group="Shop (West)",
                kind=kind,
                name="Till-1",
                os=os,
                location="westeurope",
                **rest,  # type: ignore[arg-type]
            )
        ]
    )


def order(machine: Machine) -> InstallOrder:
    assert machine.os_type
    return InstallOrder(
        machine=machine,
        os_type=machine.os_type,
        install_patches=PLATFORM_DEFAULT,
        maximum_duration=timedelta(hours=3, minutes=55),
        client_request_id="job-1",
    )


def job(machine: Machine, accepted: Accepted) -> Job:
    return Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=machine.type,
        subscription=machine.subscription,
        starting_at=START,
        operation=accepted.operation,
        activity_id=accepted.activity_id,
    )


async def inspected(here: World) -> Machine:
    [simulated] = here.azure.fleet.machines()
    machine_type = MachineType(str(simulated.kind))
    state = await here.patching.inspect(simulated.id.upper(), machine_type)
    assert state
    assert ineligible(state) is None
    assert state.machine.id == simulated.id
    return state.machine


@pytest.mark.parametrize("machine_type", SIMULATED)
async def test_an_install_is_followed_from_the_order_to_its_updates(
    machine_type: MachineType,
) -> None:
    async with world(one_machine(machine_type)) as here:
        machine = await inspected(here)
        reply = await here.patching.install(order(machine))
        assert isinstance(reply, Accepted)
        [call] = here.azure.calls.installs()
        assert (call.client_request_id, call.activity) == ("job-1", reply.activity_id)

        early = await here.patching.ask_after(job(machine, reply))
        assert early
        assert (early.status, early.started_at) == ("InProgress", START)

        here.clock.instant += timedelta(minutes=10)
        final = await here.patching.ask_after(job(machine, reply))
        assert final
        assert final.is_final
        assert (final.counts.installed, final.activity_id) == (1, reply.activity_id)

        [[bulk]] = [page async for page in here.reports.changed_since(START, limit=1000)]
        assert (bulk.machine_id, bulk.status, bulk.counts) == (
            machine.id,
            "Succeeded",
            final.counts,
        )
        assert bulk.modified_at == START + timedelta(minutes=5)
        updates = await here.reports.updates_of({reply.activity_id.upper(): 1}, limit=1000)
        assert updates == {reply.activity_id: final.updates or updates[reply.activity_id]}
        assert [one.state for one in updates[reply.activity_id]] == ["Installed"]


async def test_a_machine_with_an_install_under_way_is_busy() -> None:
    async with world(one_machine(MachineType.AZURE_VM)) as here:
        machine = await inspected(here)
        await here.patching.install(order(machine))
        second = await here.patching.install(order(machine))
        assert isinstance(second, NotNow)
        assert second.cause == "busy"
        assert len(here.azure.calls.installs()) == 1


LOST = {
    "dropped after it was accepted": (Faults(drop_after_accept=1), 1),
    "dropped before": (Faults(refuse_connection=1), 0),
    "a server error": (Faults(server_error=1), 0),
}


@pytest.mark.parametrize(("faults", "accepted"), LOST.values(), ids=LOST.keys())
async def test_a_lost_reply_is_uncertain_and_asked_for_once(faults: Faults, accepted: int) -> None:
    async with world(one_machine(MachineType.ARC_SERVER), faults) as here:
        reply = await here.patching.install(order(await inspected(here)))
        assert isinstance(reply, Uncertain)
        assert [call.method for call in here.azure.calls.all()].count("POST") == 1
        assert len(here.azure.calls.installs()) == accepted


async def test_a_throttled_install_waits_as_long_as_azure_says() -> None:
    async with world(one_machine(MachineType.AZURE_VM), Faults(throttle=1)) as here:
        reply = await here.patching.install(order(await inspected(here)))
        assert isinstance(reply, NotNow)
        assert (reply.cause, reply.again_in) == ("throttled", timedelta(seconds=5))
        assert [call.method for call in here.azure.calls.all()].count("POST") == 1


@pytest.mark.parametrize("machine_type", SIMULATED)
async def test_a_machine_that_vanished_is_gone(machine_type: MachineType) -> None:
    async with world(one_machine(machine_type), Faults(vanish=1)) as here:
        [simulated] = here.azure.fleet.machines()
        assert await here.patching.inspect(simulated.id, machine_type) is None


@pytest.mark.parametrize("machine_type", SIMULATED)
async def test_a_machine_that_is_off_may_not_be_patched(machine_type: MachineType) -> None:
    async with world(one_machine(machine_type, reachable=False)) as here:
        [simulated] = here.azure.fleet.machines()
        state = await here.patching.inspect(simulated.id, machine_type)
        assert state
        assert ineligible(state)


async def test_reports_come_page_by_page_and_each_once() -> None:
    async with world(plain_fleet(40)) as here:
        machines = await read_all(here.inventory, scope(), limit=1000)
        replies = [await here.patching.install(order(machine)) for machine in machines]
        here.clock.instant += timedelta(minutes=10)
        pages = [page async for page in here.reports.changed_since(START, limit=7)]
    assert all(len(page) == 7 for page in pages[:-1])
    reported = [report.activity_id for page in pages for report in page]
    accepted = [reply.activity_id for reply in replies if isinstance(reply, Accepted)]
    assert sorted(reported) == sorted(accepted)
    assert len(accepted) == 40


async def test_reports_from_before_the_watermark_are_left_out() -> None:
    async with world(one_machine(MachineType.AZURE_VM)) as here:
        await here.patching.install(order(await inspected(here)))
        here.clock.instant += timedelta(minutes=10)
        late = START + timedelta(minutes=5, seconds=1)
        assert [page async for page in here.reports.changed_since(late, limit=7)] == []
