"""Bodies become records or one error that names every mistake."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.application.documents import parse_assignment, parse_configuration, scope_of
from shared.application.merge_patch import merged
from shared.application.ports import StoredAssignment
from shared.domain.configuration import MaxConcurrency, PatchMode
from shared.domain.install_patches import PLATFORM_DEFAULT, RebootSetting
from shared.domain.machine import MachineType, OsType
from shared.domain.scope import TagOperator
from shared.domain.updates import Classification
from shared.domain.window import NEVER_EXPIRES
from shared.errors import InvalidRequestError
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    a_configuration,
    a_machine,
    a_scope,
)

RECORDED = json.loads(
    (Path(__file__).parents[2] / "data/recorded_configurations.json").read_text(encoding="utf-8")
)["configurations"]


def with_changes(document: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A document some of whose properties are others."""
    return document | {"properties": document["properties"] | properties}


def mistakes(document: dict[str, Any]) -> dict[str | None, str]:
    """Message by target of what is wrong with a configuration."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_configuration(CONFIGURATION, document)
    return {one.target: one.message for one in caught.value.details}


def filter_mistakes(sent: object, scope_id: str = GROUP) -> dict[str | None, str]:
    """Message by target of what is wrong with a scope's filter."""
    document = with_changes(a_scope(), filter=sent)
    with pytest.raises(InvalidRequestError) as caught:
        parse_assignment(scope_id, document)
    return {one.target: one.message for one in caught.value.details}


# --- configurations ------------------------------------------------------------------------------


def test_configuration_becomes_the_record_of_its_rules() -> None:
    found = parse_configuration(CONFIGURATION, a_configuration(recurEvery="Month day-1"))
    assert found.id == CONFIGURATION
    assert found.mode is PatchMode.USER
    assert found.window.starts == datetime(2026, 6, 1, 2, 0)  # noqa: DTZ001 - a wall clock
    assert found.window.duration == timedelta(hours=3)
    assert found.window.expires == NEVER_EXPIRES
    assert found.effective is not None
    assert found.effective.reboot_setting is RebootSetting.IF_REQUIRED
    assert found.effective.parameters(OsType.LINUX)
    assert found.effective.windows is not None
    assert found.effective.windows.classifications == (
        Classification.CRITICAL,
        Classification.SECURITY,
    )


def test_every_update_parameter_arrives() -> None:
    sent = {
        "rebootSetting": "AlwaysReboot",
        "windowsParameters": {
            "classificationsToInclude": ["UpdateRollUp"],
            "kbNumbersToInclude": ["KB3103696"],
            "kbNumbersToExclude": ["5034441"],
            "excludeKbsRequiringReboot": True,
        },
        "linuxParameters": {
            "classificationsToInclude": ["Other"],
            "packageNameMasksToInclude": ["kernel*"],
            "packageNameMasksToExclude": ["mysql=8.0"],
        },
    }
    found = parse_configuration(CONFIGURATION, with_changes(a_configuration(), installPatches=sent))
    patches = found.install_patches
    assert patches is not None
    assert patches.reboot_setting is RebootSetting.ALWAYS
    assert patches.windows is not None
    assert patches.windows.classifications == (Classification.UPDATE_ROLLUP,)
    assert patches.windows.kbs_to_include == ("3103696",)
    assert patches.windows.kbs_to_exclude == ("5034441",)
    assert patches.windows.exclude_kbs_requiring_reboot is True
    assert patches.linux is not None
    assert patches.linux.classifications == (Classification.OTHER,)
    assert patches.linux.masks_to_include == ("kernel*",)
    assert patches.linux.masks_to_exclude == ("mysql=8.0",)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param("Platform", PLATFORM_DEFAULT, id="the platform chooses critical and security"),
        pytest.param("User", None, id="a user who chose nothing gets nothing"),
    ],
)
def test_without_updates_chosen_the_mode_decides(mode: str, expected: object) -> None:
    document = with_changes(
        a_configuration(), extensionProperties={"inguestpatchmode": mode}, installPatches=None
    )
    assert parse_configuration(CONFIGURATION, document).effective == expected


def test_unknown_members_are_left_alone_where_they_can_do_no_harm() -> None:
    document = with_changes(a_configuration(), configurationType="Regular", overrides=[1])
    document |= {"kind": "mine", "tags": {"a.b": "c"}}
    assert parse_configuration(CONFIGURATION, document).id == CONFIGURATION


def test_null_means_absent() -> None:
    window = a_configuration()["properties"]["maintenanceWindow"]
    document = with_changes(
        a_configuration(),
        maintenanceWindow=window | {"recurEvery": None, "newInAzure": None},
        installPatches={"tasks": None, "linuxParameters": {"packageNameMasksToInclude": None}},
        extensionProperties={"InGuestPatchMode": "User", "description": None},
        visibility=None,
    )
    found = parse_configuration(CONFIGURATION, document)
    assert list(
        found.window.between(DAY_BEFORE - timedelta(days=9), datetime.max.replace(tzinfo=UTC))
    ) == [datetime(2026, 6, 1, 2, 0, tzinfo=UTC)]


def test_all_mistakes_are_named_at_once() -> None:
    document = with_changes(
        a_configuration(),
        maintenanceScope="OSImage",
        extensionProperties={"InGuestPatchMode": "Nobody"},
        maintenanceWindow={
            "startDateTime": "2026-02-30 00:00",
            "duration": 3,
            "timeZone": "Middle Earth Standard Time",
            "recurEvery": "Fortnight",
            "recurevery": "Day",
        },
        installPatches={
            "rebootSetting": "Sometimes",
            "preTasks": [],
            "windowsParameters": {
                "kbNumbersToInclude": ["KB1", "no"],
                "excludeKbsRequiringReboot": 1,
            },
            "linuxParameters": {
                "classificationsToInclude": ["Tools"],
                "packageNameMasksToExclude": "x",
            },
        },
    )
    document["tags"] = {"team": 7}
    assert set(mistakes(document)) == {
        "tags.team",
        "properties.maintenanceScope",
        "properties.extensionProperties.InGuestPatchMode",
        "properties.maintenanceWindow.startDateTime",
        "properties.maintenanceWindow.duration",
        "properties.maintenanceWindow.timeZone",
        "properties.maintenanceWindow.recurEvery",
        "properties.maintenanceWindow.recurevery",
        "properties.installPatches.rebootSetting",
        "properties.installPatches.preTasks",
        "properties.installPatches.windowsParameters.kbNumbersToInclude[1]",
        "properties.installPatches.windowsParameters.excludeKbsRequiringReboot",
        "properties.installPatches.linuxParameters.classificationsToInclude[0]",
        "properties.installPatches.linuxParameters.packageNameMasksToExclude",
    }


def test_message_names_the_mistakes_for_clients_that_show_nothing_else() -> None:
    document = with_changes(a_configuration(recurEvery="Fortnight"), maintenanceScope="Host")
    with pytest.raises(InvalidRequestError) as caught:
        parse_configuration(CONFIGURATION, document)
    assert caught.value.target == "properties.maintenanceScope"
    assert "properties.maintenanceWindow.recurEvery: " in caught.value.message


@pytest.mark.parametrize(
    ("document", "target"),
    [
        pytest.param({}, "properties", id="no properties"),
        pytest.param({"properties": []}, "properties", id="properties of the wrong type"),
        pytest.param(
            with_changes(a_configuration(), maintenanceWindow=None),
            "properties.maintenanceWindow",
            id="no window",
        ),
        pytest.param(
            with_changes(a_configuration(), maintenanceScope=None),
            "properties.maintenanceScope",
            id="no scope",
        ),
        pytest.param(
            a_configuration(expirationDateTime="2026-05-01 00:00"),
            "properties.maintenanceWindow.expirationDateTime",
            id="a window that ends before it starts",
        ),
        pytest.param(
            with_changes(
                a_configuration(),
                extensionProperties={"InGuestPatchMode": "User", "inGuestPatchMode": "Platform"},
            ),
            "properties.extensionProperties.InGuestPatchMode",
            id="two modes",
        ),
        pytest.param(
            with_changes(
                a_configuration(), extensionProperties={"InGuestPatchMode": "User", "x": 1}
            ),
            "properties.extensionProperties.x",
            id="an extension property that is no string",
        ),
        pytest.param(
            a_configuration() | {"location": 5}, "location", id="a location of a wrong type"
        ),
    ],
)
def test_mistake_is_found_at_its_path(document: dict[str, Any], target: str) -> None:
    assert list(mistakes(document)) == [target]


@pytest.mark.parametrize("properties", RECORDED)
def test_configurations_that_azure_has_stored_are_read(properties: dict[str, Any]) -> None:
    """Two of them were stored before Azure asked for a mode; semantics.md 3 requires it."""
    document = {"properties": properties}
    if properties["extensionProperties"]:
        assert parse_configuration(CONFIGURATION, document).window.duration
    else:
        assert list(mistakes(document)) == ["properties.extensionProperties.InGuestPatchMode"]


def test_answer_to_a_body_of_mistakes_stays_small() -> None:
    tags = {f"{number}-{'x' * 1000}": number for number in range(200)}
    with pytest.raises(InvalidRequestError) as caught:
        parse_configuration(CONFIGURATION, a_configuration() | {"tags": tags})
    assert len(caught.value.details) == 100
    assert len(caught.value.message) < 2000
    assert caught.value.message.endswith("And 195 more.")


# --- assignments ---------------------------------------------------------------------------------


def test_dynamic_scope_carries_its_filter_and_its_place() -> None:
    sent = {
        "resourceTypes": ["microsoft.compute/virtualmachines"],
        "resourceGroups": ["Web"],
        "locations": ["Japan East"],
        "osTypes": ["windows"],
        "tagSettings": {"tags": {"env": ["prod"], "!ring": []}, "filterOperator": "all"},
        "availabilityZones": None,
    }
    found = scope_of(stored_assignment(GROUP, a_scope(sent)))
    assert found is not None
    assert (found.subscription, found.resource_group) == (SUBSCRIPTION, "ops")
    assert found.filter.resource_types == ("microsoft.compute/virtualmachines",)
    assert found.filter.resource_groups == ("Web",)
    assert found.filter.locations == ("Japan East",)
    assert found.filter.os_types == ("windows",)
    assert found.filter.tags == {"env": ("prod",), "!ring": ()}
    assert found.filter.tag_operator is TagOperator.ALL


def test_static_assignment_is_no_scope() -> None:
    assert scope_of(stored_assignment(a_machine().id, static())) is None


@pytest.mark.parametrize("machine_type", list(MachineType))
def test_every_type_of_machine_takes_a_static_assignment(machine_type: MachineType) -> None:
    machine = a_machine(machine_type=machine_type)
    assert parse_assignment(machine.id.lower(), static()).configuration_id == CONFIGURATION


def test_assignment_does_not_hang_on_other_resources() -> None:
    database = f"{GROUP}/providers/Microsoft.Sql/servers/one"
    with pytest.raises(InvalidRequestError, match=r"Microsoft\.Sql/servers"):
        parse_assignment(database, static())


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        pytest.param(None, "properties.filter", id="no filter on a dynamic scope"),
        pytest.param([], "properties.filter", id="a filter that is a list"),
        pytest.param({"tags": {}}, "properties.filter.tags", id="tags beside tagSettings"),
        pytest.param({"locations": "eastus"}, "properties.filter.locations", id="text for a list"),
        pytest.param(
            {"osTypes": ["Linux", "BeOS"]}, "properties.filter.osTypes[1]", id="an unknown system"
        ),
        pytest.param(
            {"tagSettings": {"tags": {"env": "prod"}}},
            "properties.filter.tagSettings.tags.env",
            id="a tag with text for a list",
        ),
        pytest.param(
            {"tagSettings": {"tags": {"env": []}}},
            "properties.filter.tagSettings.tags.env",
            id="a tag with no value",
        ),
        pytest.param(
            {"tagSettings": {"filterOperator": "None"}},
            "properties.filter.tagSettings.filterOperator",
            id="an unknown operator",
        ),
        pytest.param(
            {"tagSettings": {"filterOperator": True}},
            "properties.filter.tagSettings.filterOperator",
            id="an operator that is no text",
        ),
    ],
)
def test_filter_is_refused_where_it_is_not_understood(sent: object, target: str) -> None:
    assert list(filter_mistakes(sent)) == [target]


def test_filter_on_one_machine_is_refused() -> None:
    assert list(filter_mistakes({}, a_machine().id)) == ["properties.filter"]


def test_mistakes_of_an_assignment_are_named_at_once() -> None:
    document = {
        "properties": {
            "maintenanceConfigurationId": a_machine().id,
            "resourceId": f"/subscriptions/{SUBSCRIPTION}",
            "filter": {"locations": [""]},
        }
    }
    with pytest.raises(InvalidRequestError) as caught:
        parse_assignment(GROUP, document)
    assert {one.target for one in caught.value.details} == {
        "properties.maintenanceConfigurationId",
        "properties.resourceId",
        "properties.filter.locations[0]",
    }


def test_resource_id_may_repeat_the_place_in_another_case() -> None:
    document = with_changes(a_scope(), resourceId=GROUP.upper() + "/")
    assert parse_assignment(GROUP, document).filter is not None


def static() -> dict[str, Any]:
    """The document of a static assignment."""
    return with_changes(a_scope(), filter=None)


def stored_assignment(scope_id: str, document: dict[str, Any]) -> StoredAssignment:
    """An assignment as it is kept."""
    return StoredAssignment(
        id=f"{scope_id}/providers/Microsoft.Maintenance/configurationAssignments/one",
        scope_id=scope_id,
        name="one",
        configuration_id=CONFIGURATION,
        document=document,
        created_at=DAY_BEFORE,
        created_by="me",
        modified_at=DAY_BEFORE,
        modified_by="me",
    )


# --- patches -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"b": 2}, {"a": {"x": [1], "y": 1}, "b": 2}, id="a new member"),
        pytest.param({"a": {"y": 2}}, {"a": {"x": [1], "y": 2}}, id="an inner member"),
        pytest.param({"a": {"x": [3]}}, {"a": {"x": [3], "y": 1}}, id="a list is replaced"),
        pytest.param({"a": {"y": None}}, {"a": {"x": [1]}}, id="null removes"),
        pytest.param({"a": 1}, {"a": 1}, id="a value for an object"),
        pytest.param(
            {"b": {"c": {"d": None}}},
            {"a": {"x": [1], "y": 1}, "b": {"c": {}}},
            id="null in a new object",
        ),
    ],
)
def test_patch_merges_as_the_standard_says(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = {"a": {"x": [1], "y": 1}}
    assert merged(before, changes) == expected
    assert before == {"a": {"x": [1], "y": 1}}


def test_every_mistake_of_a_list_is_reported() -> None:
    sent = {"osTypes": ["Linux", "BeOS", " "], "locations": ["!"]}
    assert list(filter_mistakes(sent)) == [
        "properties.filter.locations[0]",
        "properties.filter.osTypes[1]",
        "properties.filter.osTypes[2]",
    ]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({}, None, id="no limit"),
        pytest.param({"Muster.MaxConcurrency": None}, None, id="null is none"),
        pytest.param({"Muster.MaxConcurrency": "50"}, MaxConcurrency(number=50), id="a number"),
        pytest.param(
            {"muster.maxconcurrency": " 10% "},
            MaxConcurrency(number=10, is_percent=True),
            id="a share, in any case",
        ),
        pytest.param({"MusterRing": "3"}, None, id="another's key"),
    ],
)
def test_a_run_may_be_limited_through_extension_properties(
    properties: dict[str, Any], expected: MaxConcurrency | None
) -> None:
    extensions = {"InGuestPatchMode": "User", **properties}
    document = with_changes(a_configuration(), extensionProperties=extensions)
    assert parse_configuration(CONFIGURATION, document).max_concurrency == expected


@pytest.mark.parametrize(
    "properties",
    [
        *({"Muster.MaxConcurrency": text} for text in ("0", "0%", "101%", "-1", "many", "", "1.5")),
        *({"Muster.MaxConcurrency": text} for text in ("50 %", "99999999", "\u0665")),
        {"Muster.MaxConcurrency": "1", "muster.maxconcurrency": "2"},
        {"Muster.MaxConcurency": "1"},
        {"MUSTER.": "1"},
    ],
    ids=str,
)
def test_a_limit_that_can_not_be_read_is_refused_and_named(properties: dict[str, Any]) -> None:
    extensions = {"InGuestPatchMode": "User", **properties}
    document = with_changes(a_configuration(), extensionProperties=extensions)
    wrong = mistakes(document)
    (target,) = wrong
    assert (target or "").lower() in {
        f"properties.extensionproperties.{name.lower()}" for name in properties
    }
