"""The body of a maintenance configuration: its members, and what each may hold.

Unknown members are left alone at the top and in `properties`. Inside `maintenanceWindow` and `installPatches` they are
refused, since a typo there would patch something else. Of one list the first mistake is named.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from shared.application.bodies import Body, ExactBody, text, texts
from shared.domain.configuration import MaxConcurrency, PatchMode, parse_max_concurrency
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
from shared.domain.machine import OsType
from shared.domain.recurrence import OneTime, Recurrence, parse_recurrence
from shared.domain.time_zones import parse_time_zone
from shared.domain.updates import Classification
from shared.domain.window import NEVER_EXPIRES, MaintenanceWindow, parse_duration, parse_wall_clock
from shared.errors import InvalidRequestError

CONFIGURATION_TYPE = "Microsoft.Maintenance/maintenanceConfigurations"


class WindowBody(ExactBody):
    """When machines may be patched."""

    start_date_time: Annotated[datetime, text(parse_wall_clock)]
    """`YYYY-MM-DD hh:mm`, wall clock of `timeZone`; may be past."""
    expiration_date_time: Annotated[datetime, text(parse_wall_clock)] = NEVER_EXPIRES
    """As the start; without it the window never expires."""
    duration: Annotated[timedelta, text(parse_duration)]
    """`HH:mm`, 01:00 to 23:59."""
    time_zone: Annotated[ZoneInfo, text(parse_time_zone)]
    """A Windows name such as `Pacific Standard Time`, or an IANA name such as `Europe/Berlin`."""
    recur_every: Annotated[Recurrence, text(parse_recurrence)] = OneTime()
    """Such as `6Hours`, `Day`, `Week Saturday,Sunday`, `Month day23` or `Month Second Tuesday Offset4`; empty: once."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "WindowBody":
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


_KbsToInclude = Annotated[tuple[str, ...], texts(parse_kbs, target="kbNumbersToInclude")]
_KbsToExclude = Annotated[tuple[str, ...], texts(parse_kbs, target="kbNumbersToExclude")]
_MasksToInclude = Annotated[tuple[str, ...], texts(parse_masks, target="packageNameMasksToInclude")]
_MasksToExclude = Annotated[tuple[str, ...], texts(parse_masks, target="packageNameMasksToExclude")]


class WindowsParametersBody(ExactBody):
    """Which updates a Windows machine gets: those of the classifications and the inclusions, less the exclusions."""

    classifications_to_include: Annotated[
        tuple[Classification, ...], texts(parse_classifications, os_type=OsType.WINDOWS)
    ] = ()
    """Of Critical, Security, UpdateRollup, FeaturePack, ServicePack, Definition, Tools, Updates."""
    kb_numbers_to_include: _KbsToInclude = ()
    """`KB3103696` or `3103696`."""
    kb_numbers_to_exclude: _KbsToExclude = ()
    exclude_kbs_requiring_reboot: bool = False
    """Leave out what may need a reboot."""

    def record(self) -> WindowsParameters:
        return WindowsParameters(
            classifications=self.classifications_to_include,
            kbs_to_include=self.kb_numbers_to_include,
            kbs_to_exclude=self.kb_numbers_to_exclude,
            exclude_kbs_requiring_reboot=self.exclude_kbs_requiring_reboot,
        )


class LinuxParametersBody(ExactBody):
    """Which updates a Linux machine gets: those of the classifications and the inclusions, less the exclusions."""

    classifications_to_include: Annotated[
        tuple[Classification, ...], texts(parse_classifications, os_type=OsType.LINUX)
    ] = ()
    """Of Critical, Security, Other."""
    package_name_masks_to_include: _MasksToInclude = ()
    """`name` or `name=version`, with `*`, `?` and `[...]`."""
    package_name_masks_to_exclude: _MasksToExclude = ()

    def record(self) -> LinuxParameters:
        return LinuxParameters(
            classifications=self.classifications_to_include,
            masks_to_include=self.package_name_masks_to_include,
            masks_to_exclude=self.package_name_masks_to_exclude,
        )


class InstallPatchesBody(ExactBody):
    """What is installed; machines of a system without parameters are left alone."""

    reboot_setting: Annotated[RebootSetting, text(parse_reboot_setting)] = RebootSetting.IF_REQUIRED
    """IfRequired, Never or Always."""
    windows_parameters: WindowsParametersBody | None = None
    linux_parameters: LinuxParametersBody | None = None

    def record(self) -> InstallPatches:
        return InstallPatches(
            reboot_setting=self.reboot_setting,
            windows=self.windows_parameters.record() if self.windows_parameters else None,
            linux=self.linux_parameters.record() if self.linux_parameters else None,
        )


_MODE_KEY = "InGuestPatchMode"
_OWN_KEYS = "Muster."
_CONCURRENCY_KEY = f"{_OWN_KEYS}MaxConcurrency"


def patch_mode(extension_properties: Mapping[str, str | None]) -> PatchMode:
    """The one mode that the properties name; raises `InvalidRequestError`."""
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


def max_concurrency(extension_properties: Mapping[str, str | None]) -> MaxConcurrency | None:
    """The limit of a run that the properties name, if any; raises `InvalidRequestError`.

    A key that begins with `Muster.` and is not known is refused: a limit with a typing error would limit nothing.
    """
    found: list[str | None] = []
    for key, value in extension_properties.items():
        if not key.lower().startswith(_OWN_KEYS.lower()):
            continue
        if key.lower() != _CONCURRENCY_KEY.lower():
            raise InvalidRequestError(
                f"'{key[:100]}' is not known: of the keys that begin with {_OWN_KEYS} there is {_CONCURRENCY_KEY}.",
                target=f"extensionProperties.{key[:100]}",
            )
        found.append(value)
    target = f"extensionProperties.{_CONCURRENCY_KEY}"
    if len(found) > 1:
        raise InvalidRequestError(f"{_CONCURRENCY_KEY} may be there once.", target=target)
    if not found or found[0] is None:
        return None
    try:
        return parse_max_concurrency(found[0])
    except InvalidRequestError as error:
        raise InvalidRequestError(error.message, target=target) from error


def _read_extensions(extension_properties: dict[str, str | None]) -> dict[str, str | None]:
    patch_mode(extension_properties)
    max_concurrency(extension_properties)
    return extension_properties


def _in_guest_patch(scope: str) -> str:
    if scope.lower() != "inguestpatch":
        raise InvalidRequestError(
            f"'{scope[:100]}' is not served: Muster patches guests, so this must be InGuestPatch."
        )
    return scope


class ConfigurationProperties(Body):
    """When and what; further members are kept."""

    namespace: str | None = None
    visibility: str | None = None
    maintenance_scope: Annotated[str, text(_in_guest_patch)]
    """InGuestPatch."""
    maintenance_window: WindowBody
    extension_properties: Annotated[dict[str, str | None], AfterValidator(_read_extensions)]
    """`InGuestPatchMode` must be among them: User or Platform.

    `Muster.MaxConcurrency` limits how many machines of a run are patched at once: a number, or a share such as `10%`.
    """
    install_patches: InstallPatchesBody | None = None


class ConfigurationBody(Body):
    """A maintenance configuration, a schedule to its users; further members are kept."""

    location: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: ConfigurationProperties
