"""What a configuration asks for: classifications, inclusions and exclusions by system, and when to reboot.

Exclusion always wins, and nothing chosen selects nothing; `domain.selection` applies it. The parsers take one field
of the wire each and raise `InvalidRequestError` naming `target`; reboot settings and classifications are read without
case.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from shared.domain.fields import read_strings
from shared.domain.machine import OsType
from shared.domain.updates import (
    CLASSIFICATIONS,
    Classification,
    Update,
    classification_of,
    split_architecture,
)
from shared.errors import InvalidRequestError

LONGEST_MASK = 200
_KB = re.compile(r"(?:KB)?([0-9]{1,10})", re.IGNORECASE | re.ASCII)


class RebootSetting(StrEnum):
    """When a machine reboots after its updates; the provider's own aliases are read too, without case."""

    IF_REQUIRED = "IfRequired"
    NEVER = "Never"
    ALWAYS = "Always"

    @classmethod
    def _missing_(cls, value: object) -> "RebootSetting | None":
        wanted = str(value).lower()
        return next((member for member in cls if wanted in _REBOOT_SPELLINGS[member]), None)


_REBOOT_SPELLINGS = {
    RebootSetting.IF_REQUIRED: ("ifrequired", "rebootifrequired"),
    RebootSetting.NEVER: ("never", "neverreboot"),
    RebootSetting.ALWAYS: ("always", "alwaysreboot"),
}


def parse_reboot_setting(value: object, *, target: str = "rebootSetting") -> RebootSetting:
    """Read a reboot setting or one of its aliases; null is `IfRequired`."""
    if value is None:
        return RebootSetting.IF_REQUIRED
    try:
        return RebootSetting(str(value))
    except ValueError as error:
        raise InvalidRequestError(
            f"{target} must be one of {', '.join(RebootSetting)}.", target=target
        ) from error


def parse_classifications(
    value: object, os_type: OsType, *, target: str = "classificationsToInclude"
) -> tuple[Classification, ...]:
    """Read the chosen classifications of one system; null is none."""
    allowed = {kind.lower(): kind for kind in CLASSIFICATIONS[os_type]}
    unknown = f"is none of {', '.join(allowed.values())}"
    names = read_strings(
        value,
        target=target,
        fault=lambda name: None if name.strip().lower() in allowed else unknown,
    )
    return tuple(allowed[name.strip().lower()] for name in names)


def parse_kbs(value: object, *, target: str) -> tuple[str, ...]:
    """Read KB numbers such as `KB3103696` or `3103696` as bare digits; null is none."""
    texts = read_strings(value, target=target, fault=_kb_fault)
    return tuple(number for number in map(_kb, texts) if number)


def parse_masks(value: object, *, target: str) -> tuple[str, ...]:
    """Read masks of package names, `name` or `name=version`, each at most `LONGEST_MASK` characters; null is none."""
    return tuple(mask.strip() for mask in read_strings(value, target=target, fault=_mask_fault))


def _kb_fault(text: str) -> str | None:
    return None if _kb(text) else "is not a KB number such as KB3103696"


def _mask_fault(text: str) -> str | None:
    mask = text.strip()
    name, *versions = mask.split("=")
    if len(mask) > LONGEST_MASK:
        return f"is longer than {LONGEST_MASK} characters"
    if len(versions) > 1:
        return "holds more than one '='"
    if not name or "" in versions:
        return "lacks a name or a version beside its '='"
    if not mask.isprintable() or " " in mask:
        return "holds a space or a control character: each mask is a value of its own"
    return None


def _kb(text: str | None) -> str | None:
    number = _KB.fullmatch((text or "").strip())
    return number and number[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsParameters:
    """What Windows machines install; KBs are kept as bare digits. Raises what `parse_kbs` raises."""

    classifications: tuple[Classification, ...] = ()
    kbs_to_include: tuple[str, ...] = ()
    kbs_to_exclude: tuple[str, ...] = ()
    exclude_kbs_requiring_reboot: bool = False

    def __post_init__(self) -> None:
        for name in ("kbs_to_include", "kbs_to_exclude"):
            object.__setattr__(self, name, parse_kbs(getattr(self, name), target=name))

    @property
    def selects_nothing(self) -> bool:
        """Whether no update whatever can be selected."""
        return not self.classifications and not self.kbs_to_include

    def wants(self, update: Update) -> bool:
        """Whether the update is chosen, exclusions aside."""
        kind = classification_of(update.classification, OsType.WINDOWS)
        return kind in self.classifications or _kb(update.kb) in self.kbs_to_include

    def excludes(self, update: Update) -> bool:
        """Whether the update is excluded; a reboot behaviour that is not known may mean a reboot."""
        if self.exclude_kbs_requiring_reboot and update.reboot_behavior != "NeverReboots":
            return True
        return _kb(update.kb) in self.kbs_to_exclude


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxParameters:
    """What Linux machines install; masks are `name` or `name=version`. Raises what `parse_masks` raises."""

    classifications: tuple[Classification, ...] = ()
    masks_to_include: tuple[str, ...] = ()
    masks_to_exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("masks_to_include", "masks_to_exclude"):
            object.__setattr__(self, name, parse_masks(getattr(self, name), target=name))

    @property
    def selects_nothing(self) -> bool:
        """Whether no update whatever can be selected."""
        return not self.classifications and not self.masks_to_include

    def wants(self, update: Update) -> bool:
        """Whether the update is chosen, exclusions aside."""
        kind = classification_of(update.classification, OsType.LINUX)
        return kind in self.classifications or any(
            _names(mask, update.name) and _has_version(mask, update.version)
            for mask in self.masks_to_include
        )

    def excludes(self, update: Update) -> bool:
        """Whether the update or a package that comes with it is excluded, in whatever version."""
        return any(
            _names(mask, name)
            for mask in self.masks_to_exclude
            for name in (update.name, *update.dependencies)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPatches:
    """What a configuration installs; a system without parameters gets nothing."""

    reboot_setting: RebootSetting = RebootSetting.IF_REQUIRED
    windows: WindowsParameters | None = None
    linux: LinuxParameters | None = None

    def parameters(self, os_type: OsType) -> WindowsParameters | LinuxParameters | None:
        """The parameters of one system."""
        return self.windows if os_type is OsType.WINDOWS else self.linux


_CRITICAL_AND_SECURITY = (Classification.CRITICAL, Classification.SECURITY)
PLATFORM_DEFAULT = InstallPatches(
    windows=WindowsParameters(classifications=_CRITICAL_AND_SECURITY),
    linux=LinuxParameters(classifications=_CRITICAL_AND_SECURITY),
)


def selects_nothing(install_patches: InstallPatches | None, os_type: OsType) -> bool:
    """Whether no machine of the system can get any update, so that none has to be asked."""
    parameters = install_patches.parameters(os_type) if install_patches else None
    return parameters is None or parameters.selects_nothing


def azure_unsupported(install_patches: InstallPatches | None, os_type: OsType) -> str | None:
    """Say why Azure's agent would refuse these classifications; None if it takes them.

    Its Linux agent (LinuxPatchExtension) knows `Critical` and `Security` together or neither beside `Other`, and adds
    the missing `Critical` to `Security`, but not the other way round.
    """
    if install_patches is None or install_patches.linux is None or os_type is not OsType.LINUX:
        return None
    chosen = set(install_patches.linux.classifications)
    if chosen != {Classification.CRITICAL, Classification.OTHER}:
        return None
    return (
        "Azure refuses the Linux classifications Critical and Other without Security: "
        "add Security, or leave out one of the two."
    )


def _names(mask: str, name: str) -> bool:
    pattern = mask.partition("=")[0]
    return fnmatchcase(name, pattern) or fnmatchcase(split_architecture(name)[0], pattern)


def _has_version(mask: str, version: str | None) -> bool:
    _, asked, pattern = mask.partition("=")
    return not asked or fnmatchcase(version or "", pattern)
