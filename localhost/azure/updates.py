"""The updates that a machine lacks, and which of them an install request selects: as Azure's agents do it.

The rules are those of Azure's extensions in the guest, and where these differ from what a schedule's author means, the
local Azure does what Azure does: the Linux agent widens `Security` to `Critical` and `Security`, takes a request that
names nothing as *everything*, and ignores a mask with more than one `=`. Exclusion always wins.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase


class Os(StrEnum):
    """The two families of operating systems."""

    WINDOWS = "Windows"
    LINUX = "Linux"


# The spelling of installPatches: `UpdateRollUp`, where configurations say `UpdateRollup`.
CLASSIFICATIONS: Mapping[Os, tuple[str, ...]] = {
    Os.WINDOWS: (
        "Critical",
        "Security",
        "UpdateRollUp",
        "FeaturePack",
        "ServicePack",
        "Definition",
        "Tools",
        "Updates",
    ),
    Os.LINUX: ("Critical", "Security", "Other"),
}

NEVER_REBOOTS = "NeverReboots"
MAY_REBOOT = "CanRequestReboot"
ALWAYS_REBOOTS = "AlwaysRequiresReboot"

_ARCHITECTURE = re.compile(r"(\.(x86_64|noarch|i686|aarch64)|:(amd64|arm64|i386|all))$")


class PatchState(StrEnum):
    """What became of one update in one install (`installationState`)."""

    INSTALLED = "Installed"
    FAILED = "Failed"
    PENDING = "Pending"
    NOT_SELECTED = "NotSelected"
    EXCLUDED = "Excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One missing update: `kb` on Windows, `version` and `requires` (names of packages) on Linux."""

    patch_id: str
    name: str
    classification: str
    kb: str | None = None
    version: str | None = None
    reboot: str = NEVER_REBOOTS
    published_at: datetime | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a request asks for, for one OS: bare KB numbers on Windows, package masks on Linux."""

    os: Os
    classifications: frozenset[str] = frozenset()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    exclude_rebooting: bool = False

    def states(self, missing: Iterable[Update]) -> dict[str, PatchState]:
        """The verdict on each missing update by patch id: `Pending` (to be installed), `Excluded` or `NotSelected`."""
        updates = list(missing)
        barred = self._barred(updates)
        chosen = [u for u in updates if u.name not in barred and self._wants(u)]
        installed = _with_dependencies(chosen, among=updates)
        return {u.patch_id: self._state(u, installed, barred) for u in updates}

    def _state(self, update: Update, installed: set[str], barred: set[str]) -> PatchState:
        # What the caller excluded by name is reported so even where nothing selects it.
        if self._matches(update, self.exclude) or (update.name in barred and self._wants(update)):
            return PatchState.EXCLUDED
        return PatchState.PENDING if update.name in installed else PatchState.NOT_SELECTED

    def _wants(self, update: Update) -> bool:
        if self.os is Os.LINUX and not self.classifications and not self.include:
            return True
        if update.classification in self._effective_classifications():
            return True
        if self.os is Os.WINDOWS:
            return update.kb in self.include
        return any(_included(update, mask) for mask in self.include)

    def _effective_classifications(self) -> frozenset[str]:
        if self.os is Os.LINUX and "Security" in self.classifications:
            return self.classifications | {"Critical"}
        return self.classifications

    def _barred(self, updates: list[Update]) -> set[str]:
        """Names that may not be installed: the excluded, and whatever needs one of them."""
        barred = {u.name for u in updates if self._matches(u, self.exclude)}
        if self.exclude_rebooting:
            barred |= {u.name for u in updates if u.reboot != NEVER_REBOOTS}
        while more := {u.name for u in updates if barred.intersection(u.requires)} - barred:
            barred |= more
        return barred

    def _matches(self, update: Update, exclusions: tuple[str, ...]) -> bool:
        if self.os is Os.WINDOWS:
            return update.kb in exclusions
        return any(_name_matches(update.name, mask.partition("=")[0]) for mask in exclusions)


def _with_dependencies(selected: list[Update], *, among: list[Update]) -> set[str]:
    by_name = {update.name: update for update in among}
    names, todo = set[str](), [update.name for update in selected]
    while todo:
        name = todo.pop()
        # What is needed but not missing is already installed.
        if name not in names and name in by_name:
            names.add(name)
            todo.extend(by_name[name].requires)
    return names


def _included(update: Update, mask: str) -> bool:
    name, _, version = mask.partition("=")
    if "=" in version:
        return False
    return _name_matches(update.name, name) and fnmatchcase(update.version or "", version or "*")


def _name_matches(name: str, mask: str) -> bool:
    return fnmatchcase(name, mask) or fnmatchcase(_ARCHITECTURE.sub("", name), mask)
