"""Installs over virtual time: acceptance, conflicts, results, and Resource Graph's lag."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from localhost.azure.errors import ArmError
from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet
from localhost.azure.operations import under_way
from localhost.azure.server import LocalAzure
from tests.unit.localhost_azure.estate import INSTALL_TIME, StandingClock

EVERYTHING = {
    "rebootSetting": "IfRequired",
    "maximumDuration": "PT2H",
    "windowsParameters": {"classificationsToInclude": ["Critical", "Security", "Definition"]},
    "linuxParameters": {"classificationsToInclude": ["Critical", "Security", "Other"]},
}
LAG = timedelta(seconds=90)
MOMENT = timedelta(seconds=1)


def rows(azure: LocalAzure, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = azure.query({"query": query})["data"]
    return found


def test_machine_lacks_no_more_what_was_installed(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    azure.install(id_of("vm-win"), EVERYTHING)
    clock.advance(INSTALL_TIME - MOMENT)
    assert len(azure.machine(id_of("vm-win")).missing) == 3
    clock.advance(MOMENT)
    assert azure.machine(id_of("vm-win")).missing == ()


def test_second_install_conflicts_until_the_first_has_ended(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    first = azure.install(id_of("vm-win"), EVERYTHING)
    with pytest.raises(ArmError, match=first.activity_id) as refusal:
        azure.install(id_of("vm-win").upper(), EVERYTHING)
    assert (refusal.value.status, refusal.value.code) == (409, "Conflict")
    clock.advance(INSTALL_TIME)
    assert azure.install(id_of("vm-win"), EVERYTHING).activity_id != first.activity_id


@pytest.mark.parametrize("name", ["vm-off", "arc-off"])
def test_machine_that_cannot_be_reached_refuses(
    azure: LocalAzure, id_of: Callable[[str], str], name: str
) -> None:
    for start in (
        lambda: azure.install(id_of(name), EVERYTHING),
        lambda: azure.assess(id_of(name)),
    ):
        with pytest.raises(ArmError) as refusal:
            start()
        assert (refusal.value.status, refusal.value.code) == (409, "OperationNotAllowed")


def test_removed_and_vanished_machines_are_not_found(
    azure: LocalAzure, fleet: Fleet, id_of: Callable[[str], str]
) -> None:
    fleet.remove(id_of("vm-win"))
    with pytest.raises(ArmError, match="was not found"):
        azure.install(id_of("vm-win"), EVERYTHING)
    azure.faults = Faults(vanish=1)
    with pytest.raises(ArmError, match="was not found"):
        azure.machine(id_of("vm-linux"))
    names = {row["name"] for row in rows(azure, "resources | project name")}
    assert "vm-linux" in names
    assert "vm-win" not in names


def test_resource_graph_shows_start_and_end_only_after_the_lag(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    def status() -> list[str]:
        query = "patchinstallationresources | where type !has 'softwarepatches'"
        return [row["properties"]["status"] for row in rows(azure, query)]

    azure.install(id_of("arc-linux"), EVERYTHING)
    clock.advance(LAG - MOMENT)
    assert status() == []
    clock.advance(MOMENT)
    assert status() == ["InProgress"]
    clock.advance(INSTALL_TIME - MOMENT)
    assert status() == ["InProgress"]
    clock.advance(MOMENT)
    assert status() == ["Succeeded"]


def test_update_rows_come_with_the_final_row(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    install = azure.install(id_of("vm-linux"), EVERYTHING)
    clock.advance(INSTALL_TIME + LAG)
    found = rows(azure, "patchinstallationresources | order by id asc")
    base = f"{id_of('vm-linux')}/patchInstallationResults/{install.activity_id}"
    assert [row["id"] for row in found] == [
        base,
        f"{base}/softwarePatches/l-kernel",
        f"{base}/softwarePatches/l-ssl",
        f"{base}/softwarePatches/l-tz",
    ]
    assert {row["type"] for row in found} == {
        "microsoft.compute/virtualmachines/patchinstallationresults",
        "microsoft.compute/virtualmachines/patchinstallationresults/softwarepatches",
    }
    assert found[0]["properties"]["installedPatchCount"] == 3
    assert {row["properties"]["installationState"] for row in found[1:]} == {"Installed"}
    assert {row["tags"] for row in found} == {None}


def test_slow_and_endless_installs_outlast_the_others(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    azure.faults = Faults(slow=1)
    slow = azure.install(id_of("vm-win"), {**EVERYTHING, "maximumDuration": "PT12H"})
    azure.faults = Faults(never_ends=1)
    endless = azure.install(id_of("vm-linux"), EVERYTHING)
    clock.advance(timedelta(hours=2))
    assert under_way(slow, clock())
    clock.advance(timedelta(days=1))
    assert not under_way(slow, clock())
    assert under_way(endless, clock())


def test_assessments_follow_installs_of_the_past(
    azure: LocalAzure, clock: StandingClock, id_of: Callable[[str], str]
) -> None:
    query = (
        "patchassessmentresources | where type has 'softwarepatches' and id has 'vm-win' "
        "| project name"
    )
    assert len(rows(azure, query)) == 3
    azure.install(id_of("vm-win"), EVERYTHING)
    clock.advance(INSTALL_TIME)
    azure.assess(id_of("vm-win"))
    clock.advance(timedelta(minutes=10))
    assert rows(azure, query) == []


def test_machines_may_come_change_and_go(
    azure: LocalAzure, fleet: Fleet, id_of: Callable[[str], str]
) -> None:
    query = "resources | where name in ('vm-win', 'vm-linux') | project location"
    assert len(rows(azure, query)) == 2
    fleet.change(id_of("vm-win"), location="EastUS")
    fleet.remove(id_of("vm-linux"))
    assert rows(azure, query) == [{"location": "eastus"}]


def test_same_fleet_and_requests_give_the_same_operations(
    azure: LocalAzure, clock: StandingClock, fleet: Fleet, id_of: Callable[[str], str]
) -> None:
    twin = LocalAzure(fleet, now=clock, install_time=(INSTALL_TIME, INSTALL_TIME))
    first, second = (one.install(id_of("vm-win"), EVERYTHING) for one in (azure, twin))
    twin.close()
    assert first == second
