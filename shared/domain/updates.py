"""Updates: what a machine lacks, what kind each one is, and what became of it.

Names of Linux packages compare with case, as package managers compare them; classifications without.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.machine import OsType

# rpm writes `name.architecture`, dpkg `name:architecture`.
_ARCHITECTURE = re.compile(
    r"\.(?:noarch|x86_64|i[3-6]86|aarch64|armv7hl|ppc64le|ppc64|s390x|riscv64)$"
    r"|:(?:all|any|amd64|i386|arm64|armhf|armel|ppc64el|s390x|riscv64)$"
)


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


def split_architecture(name: str) -> tuple[str, str]:
    """The name of a package without its architecture, and the architecture with its sign; empty if it has none."""
    bare = _ARCHITECTURE.sub("", name)
    return bare, name[len(bare) :]
