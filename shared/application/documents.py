"""The documents of Microsoft.Maintenance: their shape, and the records that the rules work with.

Unknown members are left alone at the top and in `properties`. Inside `maintenanceWindow`, `installPatches` and `filter`
they are refused, since a typo there would patch something else. Of one list, and of one map of tags, the first mistake
is named.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator

from shared.application.bodies import Body, ExactBody, read_body, text
from shared.application.ports import StoredAssignment
from shared.domain.configuration import (
    ConfigurationAssignment,
    MaintenanceConfiguration,
    PatchMode,
)
from shared.domain.ids import ResourceId, id_key
from shared.domain.install_patches import (
    InstallPatches,
    LinuxParameters,
    RebootSetting,
    WindowsParameters,
    parse_classifications,
    parse_kbs,
    parse_masks,
    parse_reboot_setting,
)
from shared.domain.machine import MachineType, OsType
from shared.domain.recurrence import OneTime, Recurrence, parse_recurrence
from shared.domain.scope import (
    Filter,
    Scope,
    TagOperator,
    parse_locations,
    parse_os_types,
    parse_resource_groups,
    parse_resource_types,
    parse_tag_operator,
    parse_tags,
)
from shared.domain.time_zones import parse_time_zone
from shared.domain.updates import Classification
from shared.domain.window import NEVER_EXPIRES, MaintenanceWindow, parse_duration, parse_wall_clock
from shared.errors import InvalidRequestError

CONFIGURATION_TYPE = "Microsoft.Maintenance/maintenanceConfigurations"

T = TypeVar("T")


def parse_configuration(
    configuration_id: str, document: Mapping[str, Any]
) -> MaintenanceConfiguration:
    """Read a configuration's body; raises `InvalidRequestError` with one detail for each mistake."""
    properties = read_body(_ConfigurationBody, document).properties
    return MaintenanceConfiguration(
        id=configuration_id,
        window=properties.maintenance_window.record(),
        mode=_patch_mode(properties.extension_properties),
        install_patches=properties.install_patches.record() if properties.install_patches else None,
    )


def parse_assignment(scope_id: str, document: Mapping[str, Any]) -> ConfigurationAssignment:
    """Read the body of an assignment that hangs on *scope_id*: a subscription, a resource group or a machine.

    Raises `InvalidRequestError` with one detail for each mistake.
    """
    scope = ResourceId.parse(scope_id)
    if scope.type and scope.type.lower() not in {kind.lower() for kind in MachineType}:
        raise InvalidRequestError(
            "An assignment hangs on a subscription, a resource group or a machine "
            f"({', '.join(MachineType)}), not on a resource of the type '{scope.type}'."
        )
    properties = read_body(_AssignmentBody, document, context=scope).properties
    return ConfigurationAssignment(
        configuration_id=properties.maintenance_configuration_id,
        filter=properties.filter.record() if properties.filter else None,
    )


def scope_of(assignment: StoredAssignment) -> Scope | None:
    """The dynamic scope that a stored assignment is; None for a static one."""
    found = parse_assignment(assignment.scope_id, assignment.document).filter
    if found is None:
        return None
    place = ResourceId.parse(assignment.scope_id)
    return Scope(
        assignment_id=assignment.id,
        subscription=place.subscription,
        resource_group=place.resource_group or None,
        filter=found,
    )


# --- shapes --------------------------------------------------------------------------------------


class _Window(ExactBody):
    start_date_time: Annotated[datetime, text(parse_wall_clock)]
    expiration_date_time: Annotated[datetime, text(parse_wall_clock)] = NEVER_EXPIRES
    duration: Annotated[timedelta, text(parse_duration)]
    time_zone: Annotated[ZoneInfo, text(parse_time_zone)]
    recur_every: Annotated[Recurrence, text(parse_recurrence)] = OneTime()

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "_Window":
        # The record refuses the rest, while the body's other mistakes are still being collected.
        self.record()
        return self

    def record(self) -> MaintenanceWindow:
        return MaintenanceWindow(
            starts=self.start_date_time,
            expires=self.expiration_date_time,
            duration=self.duration,
            time_zone=self.time_zone,
            recurrence=self.recur_every,
        )


def _of(parse: Callable[..., T], target: str) -> PlainValidator:
    """A list that *parse* reads, naming *target*."""
    return PlainValidator(partial(parse, target=target))


_KbsToInclude = Annotated[tuple[str, ...], _of(parse_kbs, "kbNumbersToInclude")]
_KbsToExclude = Annotated[tuple[str, ...], _of(parse_kbs, "kbNumbersToExclude")]
_MasksToInclude = Annotated[tuple[str, ...], _of(parse_masks, "packageNameMasksToInclude")]
_MasksToExclude = Annotated[tuple[str, ...], _of(parse_masks, "packageNameMasksToExclude")]


def _classifications(os_type: OsType) -> PlainValidator:
    return PlainValidator(partial(parse_classifications, os_type=os_type))


class _WindowsParameters(ExactBody):
    classifications_to_include: Annotated[
        tuple[Classification, ...], _classifications(OsType.WINDOWS)
    ] = ()
    kb_numbers_to_include: _KbsToInclude = ()
    kb_numbers_to_exclude: _KbsToExclude = ()
    exclude_kbs_requiring_reboot: bool = False

    def record(self) -> WindowsParameters:
        return WindowsParameters(
            classifications=self.classifications_to_include,
            kbs_to_include=self.kb_numbers_to_include,
            kbs_to_exclude=self.kb_numbers_to_exclude,
            exclude_kbs_requiring_reboot=self.exclude_kbs_requiring_reboot,
        )


class _LinuxParameters(ExactBody):
    classifications_to_include: Annotated[
        tuple[Classification, ...], _classifications(OsType.LINUX)
    ] = ()
    package_name_masks_to_include: _MasksToInclude = ()
    package_name_masks_to_exclude: _MasksToExclude = ()

    def record(self) -> LinuxParameters:
        return LinuxParameters(
            classifications=self.classifications_to_include,
            masks_to_include=self.package_name_masks_to_include,
            masks_to_exclude=self.package_name_masks_to_exclude,
        )


class _InstallPatches(ExactBody):
    reboot_setting: Annotated[RebootSetting, text(parse_reboot_setting)] = RebootSetting.IF_REQUIRED
    windows_parameters: _WindowsParameters | None = None
    linux_parameters: _LinuxParameters | None = None

    def record(self) -> InstallPatches:
        return InstallPatches(
            reboot_setting=self.reboot_setting,
            windows=self.windows_parameters.record() if self.windows_parameters else None,
            linux=self.linux_parameters.record() if self.linux_parameters else None,
        )


_MODE_KEY = "InGuestPatchMode"


def _patch_mode(extension_properties: Mapping[str, str | None]) -> PatchMode:
    target = f"extensionProperties.{_MODE_KEY}"
    found = [
        value for key, value in extension_properties.items() if key.lower() == _MODE_KEY.lower()
    ]
    if len(found) != 1:
        raise InvalidRequestError(f"{_MODE_KEY} must be there once.", target=target)
    try:
        return PatchMode(str(found[0]))
    except ValueError as error:
        raise InvalidRequestError(
            f"{_MODE_KEY} must be User or Platform.", target=target
        ) from error


def _with_patch_mode(extension_properties: dict[str, str | None]) -> dict[str, str | None]:
    _patch_mode(extension_properties)
    return extension_properties


def _in_guest_patch(scope: str) -> str:
    if scope.lower() != "inguestpatch":
        raise InvalidRequestError(
            f"'{scope[:100]}' is not served: Muster patches guests, so this must be InGuestPatch."
        )
    return scope


class _ConfigurationProperties(Body):
    namespace: str | None = None
    visibility: str | None = None
    maintenance_scope: Annotated[str, text(_in_guest_patch)]
    maintenance_window: _Window
    extension_properties: Annotated[dict[str, str | None], AfterValidator(_with_patch_mode)]
    install_patches: _InstallPatches | None = None


class _ConfigurationBody(Body):
    location: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: _ConfigurationProperties


class _TagSettings(ExactBody):
    tags: Annotated[dict[str, tuple[str, ...]], PlainValidator(parse_tags)] = Field(
        default_factory=dict
    )
    filter_operator: Annotated[TagOperator, text(parse_tag_operator)] = TagOperator.ANY


class _Filter(ExactBody):
    resource_types: Annotated[tuple[str, ...], PlainValidator(parse_resource_types)] = ()
    resource_groups: Annotated[tuple[str, ...], PlainValidator(parse_resource_groups)] = ()
    locations: Annotated[tuple[str, ...], PlainValidator(parse_locations)] = ()
    os_types: Annotated[tuple[str, ...], PlainValidator(parse_os_types)] = ()
    tag_settings: _TagSettings = _TagSettings()

    def record(self) -> Filter:
        return Filter(
            resource_types=self.resource_types,
            resource_groups=self.resource_groups,
            locations=self.locations,
            os_types=self.os_types,
            tags=self.tag_settings.tags,
            tag_operator=self.tag_settings.filter_operator,
        )


def _configuration_id(text: str) -> str:
    if ResourceId.parse(text).type.lower() != CONFIGURATION_TYPE.lower():
        raise InvalidRequestError(f"'{text[:200]}' is not the id of a maintenance configuration.")
    return text.rstrip("/")


def _agreeing(resource_id: str | None, info: ValidationInfo) -> str | None:
    scope = cast(ResourceId, info.context)
    if resource_id is not None and id_key(resource_id) != scope.key:
        raise InvalidRequestError(
            f"This must be absent, or what the assignment hangs on: '{scope.text}'."
        )
    return resource_id


def _in_place(sent: _Filter | None, info: ValidationInfo) -> _Filter | None:
    scope = cast(ResourceId, info.context)
    if scope.type and sent is not None:
        raise InvalidRequestError("The assignment of one machine has no filter.")
    if not scope.type and sent is None:
        raise InvalidRequestError("A dynamic scope needs a filter; {} says 'every machine'.")
    return sent


class _AssignmentProperties(Body):
    maintenance_configuration_id: Annotated[str, text(_configuration_id)]
    resource_id: Annotated[str | None, AfterValidator(_agreeing)] = None
    filter: Annotated[_Filter | None, AfterValidator(_in_place)] = Field(
        default=None, validate_default=True
    )


class _AssignmentBody(Body):
    location: str | None = None
    properties: _AssignmentProperties
