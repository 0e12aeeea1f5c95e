"""A maintenance configuration and an assignment as the rules see them: read, checked, without the wire's spelling."""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.install_patches import PLATFORM_DEFAULT, InstallPatches
from shared.domain.scope import Filter
from shared.domain.window import MaintenanceWindow


class PatchMode(StrEnum):
    """Who chooses the updates (`InGuestPatchMode`); read without case."""

    USER = "User"
    PLATFORM = "Platform"

    @classmethod
    def _missing_(cls, value: object) -> "PatchMode | None":
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceConfiguration:
    """When machines are patched, and with what; `id` in the spelling of its creation."""

    id: str
    window: MaintenanceWindow
    mode: PatchMode
    install_patches: InstallPatches | None = None

    @property
    def effective(self) -> InstallPatches | None:
        """What is installed; None, which selects nothing, when the user chose nothing."""
        if self.install_patches is None and self.mode is PatchMode.PLATFORM:
            return PLATFORM_DEFAULT
        return self.install_patches


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationAssignment:
    """The link from a configuration to one machine or, with a filter, to those that a dynamic scope matches."""

    configuration_id: str
    filter: Filter | None = None
