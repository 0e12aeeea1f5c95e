"""A maintenance configuration and an assignment as the rules see them: read, checked, without the wire's spelling."""

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.install_patches import PLATFORM_DEFAULT, InstallPatches
from shared.domain.scope import Filter
from shared.domain.window import MaintenanceWindow
from shared.errors import InvalidRequestError

_CONCURRENCY = re.compile(r"(?P<number>[0-9]{1,7})(?P<percent>%?)")


class PatchMode(StrEnum):
    """Who chooses the updates (`InGuestPatchMode`); read without case."""

    USER = "User"
    PLATFORM = "Platform"

    @classmethod
    def _missing_(cls, value: object) -> "PatchMode | None":
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxConcurrency:
    """How many machines of a run may be patched at the same time: *number* of them, or so many percent of all."""

    number: int
    is_percent: bool = False

    def of(self, machines: int) -> int:
        """The limit for a run with so many machines: percent are rounded up, so that it is never 0."""
        return -(-machines * self.number // 100) if self.is_percent else self.number


def parse_max_concurrency(text: str) -> MaxConcurrency:
    """Read `50` or `10%`; raises `InvalidRequestError`."""
    match = _CONCURRENCY.fullmatch(text.strip())
    number = int(match["number"]) if match else 0
    if not match or number < 1 or (match["percent"] and number > 100):
        raise InvalidRequestError(
            f"'{text[:50]}' is no limit: it is a number of machines such as 50, or a share of the run's machines from "
            "1% to 100%."
        )
    return MaxConcurrency(number=number, is_percent=bool(match["percent"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceConfiguration:
    """When machines are patched, and with what; `id` in the spelling of its creation."""

    id: str
    window: MaintenanceWindow
    mode: PatchMode
    install_patches: InstallPatches | None = None
    max_concurrency: MaxConcurrency | None = None

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
