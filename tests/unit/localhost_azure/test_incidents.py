"""What happens to machines and installs by itself: moved, created again, stopped, late, reported wrongly."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from localhost.azure.errors import ArmError
from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet, Kind
from localhost.azure.operations import Install, Operation, under_way
from localhost.azure.resource_graph import half
from localhost.azure.server import LocalAzure
from localhost.azure.updates import PatchState
from tests.unit.localhost_azure.estate import INSTALL_TIME, StandingClock

IdOf = Callable[[str], str]

EVERYTHING = {
    "rebootSetting": "IfRequired",
    "maximumDuration": "PT2H",
    "windowsParameters": {"classificationsToInclude": ["Critical", "Security", "Definition"]},
    "linuxParameters": {"classificationsToInclude": ["Critical", "Security", "Other"]},
}
LAG = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
INSTALLS = "patchinstallationresources | where type !has 'softwarepatches'"
UPDATES = "patchinstallationresources | where type has 'softwarepatches'"


def rows(azure: LocalAzure, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = azure.query({"query": query})["data"]
    return found


def names(azure: LocalAzure) -> set[str]:
    return {row["id"] for row in rows(azure, "resources | project id")}


def seen_status(azure: LocalAzure) -> str | None:
    found = [row["properties"]["status"] for row in rows(azure, INSTALLS)]
    return found[0] if found else None


def kept(azure: LocalAzure, install: Install) -> Operation:
    """The operation as Azure has it now."""
    return azure.operation(install.activity_id, kind=install.machine.kind)


# --- moved ---------------------------------------------------------------------------------------


def test_moved_machine_has_another_id_which_resource_graph_shows_after_its_lag(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    before = names(azure)
    azure.faults = Faults(move=1)
    clock.advance(31 * MINUTE)
    old, new = id_of("vm-win"), id_of("vm-win").replace("RG-web", "RG-web-moved")
    with pytest.raises(ArmError, match="was not found"):
        azure.machine(old)
    assert azure.machine(new).name == "vm-win"
    clock.advance(LAG)
    assert names(azure) == {one.replace("RG-web", "RG-web-moved") for one in before}


def test_move_is_not_seen_before_the_lag(azure: LocalAzure, clock: StandingClock) -> None:
    before = {one.id for one in azure.machines()}
    azure.faults = Faults(move=1)
    first_moved_at = None
    for _ in range(31 * 60):
        clock.advance(timedelta(seconds=1))
        moved = [one for one in azure.machines() if one.resource_group.endswith("-moved")]
        if moved and first_moved_at is None:
            first_moved_at = clock()
        if first_moved_at and clock() == first_moved_at + LAG - timedelta(seconds=1):
            assert names(azure) == before
        if first_moved_at and clock() == first_moved_at + LAG:
            break
    assert names(azure) != before


def test_install_goes_on_under_the_new_id(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(move=1, slow=1)
    install = azure.install(id_of("vm-win"), {**EVERYTHING, "maximumDuration": "PT12H"})
    clock.advance(31 * MINUTE)
    new = id_of("vm-win").replace("RG-web", "RG-web-moved")
    with pytest.raises(ArmError, match=install.activity_id):
        azure.install(new, EVERYTHING)
    clock.advance(12 * HOUR)
    assert azure.machine(new).missing == ()
    assert rows(azure, INSTALLS)[0]["id"].startswith(f"{new}/")


def test_machines_stay_when_the_fault_is_switched_off(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(move=1)
    azure.faults = Faults()
    clock.advance(HOUR)
    assert azure.machine(id_of("vm-win"))


# --- created again -------------------------------------------------------------------------------


def test_machine_that_is_created_again_knows_nothing_of_its_install(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(recreate=1)
    install = azure.install(id_of("vm-win"), EVERYTHING)
    clock.advance(LAG)
    assert seen_status(azure) == "InProgress"
    clock.advance(INSTALL_TIME - LAG)
    with pytest.raises(ArmError, match=install.activity_id) as forgotten:
        kept(azure, install)
    assert forgotten.value.status == 404
    clock.advance(LAG)
    assert seen_status(azure) is None
    assert len(azure.machine(id_of("vm-win")).missing) == 3


def test_machine_that_was_created_again_takes_a_new_install(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(recreate=1)
    first = azure.install(id_of("vm-win"), EVERYTHING)
    azure.faults = Faults()
    clock.advance(INSTALL_TIME * 0.9)
    second = azure.install(id_of("vm-win"), EVERYTHING)
    assert second.activity_id != first.activity_id
    clock.advance(INSTALL_TIME + LAG)
    assert [row["name"] for row in rows(azure, INSTALLS)] == [second.activity_id]


# --- stopped in the middle -----------------------------------------------------------------------


def test_vm_that_is_deallocated_fails_its_operation_and_keeps_what_was_installed(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(stop_midway=1)
    install = azure.install(id_of("vm-win"), EVERYTHING)
    assert install.ended_at
    assert clock() < install.ended_at < clock() + INSTALL_TIME
    clock.advance(INSTALL_TIME + LAG)
    stopped = azure.machine(id_of("vm-win"))
    assert not stopped.reachable
    assert len(stopped.missing) == install.counts[PatchState.PENDING] > 0
    assert seen_status(azure) == "Failed"
    power = "tostring(properties.extended.instanceView.powerState.code)"
    query = f"resources | where name == 'vm-win' | project power = {power}"
    assert rows(azure, query) == [{"power": "PowerState/deallocated"}]


def test_arc_server_that_is_disconnected_is_never_heard_of(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf
) -> None:
    azure.faults = Faults(stop_midway=1)
    install = azure.install(id_of("arc-linux"), EVERYTHING)
    clock.advance(timedelta(days=1))
    assert not azure.machine(id_of("arc-linux")).reachable
    assert under_way(kept(azure, install), clock())
    assert seen_status(azure) == "InProgress"


# --- late ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vm-win", "arc-linux"])
def test_late_install_ends_hours_after_its_maximum_duration(
    azure: LocalAzure, clock: StandingClock, id_of: IdOf, name: str
) -> None:
    azure.faults = Faults(late=1)
    install = azure.install(id_of(name), EVERYTHING)
    clock.advance(2 * HOUR + 59 * MINUTE)
    assert under_way(kept(azure, install), clock())
    clock.advance(4 * HOUR + MINUTE)
    assert not under_way(kept(azure, install), clock())
    assert install.window_exceeded
    assert azure.machine(id_of(name)).missing == ()


# --- contradicted --------------------------------------------------------------------------------


def test_contradictions_are_of_both_kinds_and_over_within_an_hour(
    fleet: Fleet, clock: StandingClock
) -> None:
    kinds = set()
    for seed in range(12):
        local = LocalAzure(
            Fleet(fleet.machines()),
            now=clock,
            faults=Faults(seed=seed, contradict=1),
            install_time=(INSTALL_TIME, INSTALL_TIME),
        )
        [vm] = [one for one in fleet.machines() if one.name == "vm-linux"]
        install = local.install(vm.id, EVERYTHING)
        clock.advance(INSTALL_TIME + LAG)
        assert not under_way(kept(local, install), clock())
        early = rows(local, INSTALLS)[0]["properties"]
        kinds.add((early["status"], early["installedPatchCount"]))
        clock.advance(HOUR - LAG)
        final = rows(local, INSTALLS)[0]["properties"]
        assert (final["status"], final["installedPatchCount"]) == ("Succeeded", 3)
        assert len(rows(local, UPDATES)) == 3
        local.close()
    assert kinds == {("InProgress", 0), ("Succeeded", 4)}


def test_row_that_was_put_right_says_when(fleet: Fleet, clock: StandingClock) -> None:
    seen = set()
    for seed in range(12):
        local = LocalAzure(
            Fleet(fleet.machines()),
            now=clock,
            faults=Faults(seed=seed, contradict=1),
            install_time=(INSTALL_TIME, INSTALL_TIME),
        )
        local.install(local.machines()[1].id, EVERYTHING)
        clock.advance(INSTALL_TIME + LAG)
        early = rows(local, INSTALLS)[0]["properties"]
        clock.advance(HOUR)
        final = rows(local, INSTALLS)[0]["properties"]
        local.close()
        if early["status"] == "Succeeded":
            seen.add(early["lastModifiedDateTime"] < final["lastModifiedDateTime"])
    assert seen == {True}


# --- pages ---------------------------------------------------------------------------------------


def test_half_a_page_goes_on_with_its_token(azure: LocalAzure) -> None:
    body: dict[str, Any] = {"query": "resources | order by id asc | project id"}
    whole = azure.query(body)
    first = half(azure.query(body), body)
    assert (first["count"], first["resultTruncated"]) == (2, "true")
    assert first["totalRecords"] == whole["totalRecords"] == 5
    rest = azure.query({**body, "options": {"$skipToken": first["$skipToken"]}})
    assert first["data"] + rest["data"] == whole["data"]


def test_changing_pages_hide_machines_now_and_show_them_again(azure: LocalAzure) -> None:
    azure.faults = Faults(changing_page=0.4)
    looks = [frozenset(names(azure)) for _ in range(30)]
    assert len(set(looks)) > 5
    assert frozenset().union(*looks) == {one.id for one in azure.fleet.machines()}
    azure.faults = Faults()
    assert len(names(azure)) == 5


def test_changing_pages_change_nothing_but_what_is_seen(azure: LocalAzure, id_of: IdOf) -> None:
    azure.faults = Faults(changing_page=1)
    assert names(azure) == set()
    assert azure.machine(id_of("vm-win")).kind is Kind.VM


# --- the same again ------------------------------------------------------------------------------


def test_same_seed_and_requests_meet_the_same_incidents(fleet: Fleet) -> None:
    def story() -> list[object]:
        clock = StandingClock()
        faults = Faults(seed=5, recreate=0.4, stop_midway=0.4, contradict=0.4, changing_page=0.3)
        local = LocalAzure(Fleet(fleet.machines()), now=clock, faults=faults)
        told: list[object] = []
        for _ in range(3):
            for machine in local.machines():
                try:
                    told.append(local.install(machine.id, EVERYTHING))
                except ArmError as error:
                    told.append(str(error))
            for _ in range(6):
                clock.advance(3 * MINUTE)
                told.append((rows(local, INSTALLS), names(local)))
        local.close()
        return told

    assert story() == story()
