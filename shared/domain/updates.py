"""Updates: what a configuration asks for, and which of a machine's updates that selects.

Selected is what is in a chosen classification or included by name, less what is excluded: exclusion always wins, also
over what depends on it. Nothing chosen selects nothing. Names of Linux packages compare with case, as package managers
compare them; classifications and reboot settings without.

The parsers take one field of the wire each and raise `InvalidRequestError` naming `target`. Reading, keeping and
applying the parameters stand in one module because they are one rule: what is read is what `select` goes by.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from shared.domain.machine import OsType
from shared.domain.scope import read_strings
from shared.errors import InvalidRequestError

LONGEST_MASK = 200

_KB = re.compile(r"(?:KB)?([0-9]{1,10})", re.IGNORECASE | re.ASCII)
# rpm writes `name.architecture`, dpkg `name:architecture`.
_ARCHITECTURE = re.compile(
    r"\.(?:noarch|x86_64|i[3-6]86|aarch64|armv7hl|ppc64le|ppc64|s390x|riscv64)$"
    r"|:(?:all|any|amd64|i386|arm64|armhf|armel|ppc64el|s390x|riscv64)$"
)
_ANY_ARCHITECTURE = ("", ".noarch", ":all", ":any")


class Classification(StrEnum):
    """What kind of update it is; read without case, so Azure's `UpdateRollUp` is `UpdateRollup`."""

    CRITICAL = "Critical"
    SECURITY = "Security"
    UPDATE_ROLLUP = "UpdateRollup"
    FEATURE_PACK = "FeaturePack"
    SERVICE_PACK = "ServicePack"
    DEFINITION = "Definition"
    TOOLS = "Tools"
    UPDATES = "Updates"
    OTHER = "Other"


CLASSIFICATIONS: Mapping[OsType, tuple[Classification, ...]] = {
    OsType.WINDOWS: tuple(kind for kind in Classification if kind is not Classification.OTHER),
    OsType.LINUX: (Classification.CRITICAL, Classification.SECURITY, Classification.OTHER),
}
_UNKNOWN = {OsType.WINDOWS: Classification.UPDATES, OsType.LINUX: Classification.OTHER}


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


class UpdateState(StrEnum):
    """What became of one update in one job."""

    INSTALLED = "Installed"
    FAILED = "Failed"
    PENDING = "Pending"
    NOT_SELECTED = "NotSelected"
    EXCLUDED = "Excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One update that a machine lacks, as its assessment reports it.

    `kb` is Windows', `version` Linux'. `reboot_behavior` is Azure's word (`NeverReboots`, ...), None where unknown.
    `dependencies` are names of packages, with or without their architecture.
    """

    name: str
    version: str | None = None
    kb: str | None = None
    classification: str
    reboot_behavior: str | None = None
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRecord:
    """What is kept of one update of one job."""

    name: str
    kb: str | None = None
    version: str | None = None
    classification: str
    state: UpdateState


def classification_of(text: str, os_type: OsType) -> Classification:
    """Read what a machine calls an update; `Updates` on Windows and `Other` on Linux if it is unknown."""
    wanted = text.strip().lower()
    known = (kind for kind in CLASSIFICATIONS[os_type] if kind.lower() == wanted)
    return next(known, _UNKNOWN[os_type])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A machine's updates in three parts, each in the order in which they came."""

    selected: tuple[Update, ...] = ()
    excluded: tuple[Update, ...] = ()
    not_selected: tuple[Update, ...] = ()


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


def select(
    updates: Sequence[Update], install_patches: InstallPatches | None, *, os_type: OsType
) -> Selection:
    """Divide a machine's updates into selected, excluded and not selected; each is in exactly one part.

    What depends on something excluded, however indirectly, is excluded; what a selected update depends on is selected
    with it. A dependency that is not among the updates counts too when its name is excluded: it would be installed.
    """
    parameters = install_patches.parameters(os_type) if install_patches else None
    if parameters is None:
        return Selection(not_selected=tuple(updates))
    needs = _needs(updates)
    needed_by: dict[int, set[int]] = defaultdict(set)
    for index, needed in needs.items():
        for other in needed:
            needed_by[other].add(index)
    barred = {index for index, update in enumerate(updates) if parameters.excludes(update)}
    excluded = _reach(barred, needed_by)
    wanted = {index for index, update in enumerate(updates) if parameters.wants(update)}
    # Nothing excluded is reached from here: whatever needs it is excluded itself.
    selected = _reach(wanted - excluded, needs)
    rest = set(range(len(updates))) - excluded - selected
    return Selection(
        selected=tuple(updates[index] for index in sorted(selected)),
        excluded=tuple(updates[index] for index in sorted(excluded)),
        not_selected=tuple(updates[index] for index in sorted(rest)),
    )


def _split(name: str) -> tuple[str, str]:
    """The name of a package without its architecture, and the architecture with its sign; empty if it has none."""
    bare = _ARCHITECTURE.sub("", name)
    return bare, name[len(bare) :]


def _names(mask: str, name: str) -> bool:
    pattern = mask.partition("=")[0]
    return fnmatchcase(name, pattern) or fnmatchcase(_split(name)[0], pattern)


def _has_version(mask: str, version: str | None) -> bool:
    _, asked, pattern = mask.partition("=")
    return not asked or fnmatchcase(version or "", pattern)


def _needs(updates: Sequence[Update]) -> dict[int, set[int]]:
    """Which updates each one depends on, by index.

    A dependency is found by its exact name, else by the name without architecture among those of the architecture that
    it, or else the one that needs it, has: what an x86_64 package needs is not the i686 one of that name.
    """
    namesakes: dict[str, list[int]] = defaultdict(list)
    for index, update in enumerate(updates):
        namesakes[_split(update.name)[0]].append(index)
    needs: dict[int, set[int]] = defaultdict(set)
    for index, update in enumerate(updates):
        for name in update.dependencies:
            bare, architecture = _split(name)
            found = namesakes.get(bare, ())
            own = architecture or _split(update.name)[1]
            needs[index] |= {other for other in found if updates[other].name == name} or {
                other for other in found if _fits(own, _split(updates[other].name)[1])
            }
    return needs


def _fits(architecture: str, other: str) -> bool:
    return architecture == other or not {architecture, other}.isdisjoint(_ANY_ARCHITECTURE)


def _reach(start: Iterable[int], edges: Mapping[int, set[int]]) -> set[int]:
    """Everything that can be come to from *start*, which is part of it; cycles end."""
    reached, fresh = set(start), list(start)
    while fresh:
        found = edges.get(fresh.pop(), set()) - reached
        reached |= found
        fresh += found
    return reached
