"""Where a request goes: its path, split at the last collection of Microsoft.Maintenance that it names.

`<parent>/providers/Microsoft.Maintenance/<collection>[/<name>...]`; the fixed words are read without case, and every
part keeps the spelling in which it was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self
from urllib.parse import unquote, urlsplit

from shared.application.documents import CONFIGURATION_TYPE
from shared.domain.ids import ResourceId
from shared.domain.records import RunId, parse_run_key
from shared.errors import NotFoundError

_NAMESPACE = ("providers", "microsoft.maintenance")


class Place(Enum):
    """What a collection hangs on."""

    ROOT = auto()
    SUBSCRIPTION = auto()
    GROUP = auto()
    CONFIGURATION = auto()
    RESOURCE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One path: `parent` is a resource's id or empty, `steps` the collection and what follows it."""

    parent: str
    namespace: str
    steps: tuple[str, ...]

    @classmethod
    def of(cls, url: str) -> Self:
        """Split the path of a URL; raises `NotFoundError` when it names no collection of Microsoft.Maintenance."""
        parts = _parts(urlsplit(url).path)
        # Names stand at odd places, so that a group called `providers` is none.
        found = [
            at
            for at in range(0, len(parts) - 2, 2)
            if tuple(part.lower() for part in parts[at : at + 2]) == _NAMESPACE
        ]
        if not found:
            raise no_such_path()
        at = found[-1]
        return cls(
            parent=_joined(parts[:at]),
            namespace=_joined(parts[at : at + 2]),
            steps=tuple(parts[at + 2 :]),
        )

    @property
    def id(self) -> str:
        """The id of what the path names, as it was sent."""
        return f"{self.parent}{self.namespace}{_joined(self.steps)}"

    @property
    def name(self) -> str:
        """The name after the collection."""
        return self.steps[1]

    @property
    def run_id(self) -> RunId:
        """The run that the path names or goes through; raises `InvalidRequestError` for what can't be one."""
        parse_run_key(self.name)
        return RunId(configuration_id=self.parent, key=self.name)

    @property
    def job_key(self) -> str:
        """The job that the path names or goes through."""
        return self.steps[3]

    def place(self) -> Place:
        """What the collection hangs on; raises `InvalidRequestError` when that is no resource's id."""
        if not self.parent:
            return Place.ROOT
        parent = ResourceId.parse(self.parent)
        if parent.type.lower() == CONFIGURATION_TYPE.lower():
            return Place.CONFIGURATION
        if parent.type:
            return Place.RESOURCE
        return Place.GROUP if parent.resource_group else Place.SUBSCRIPTION


def no_such_path() -> NotFoundError:
    """For a path that is no operation's."""
    return NotFoundError(
        "There is no operation at this path. Muster serves maintenanceConfigurations, "
        "configurationAssignments and applyUpdates of Microsoft.Maintenance.",
        code="InvalidResourcePath",
    )


def _parts(path: str) -> list[str]:
    """The decoded parts of a path; none at all when one is empty, not UTF-8, or hides a slash."""
    try:
        parts = [unquote(part, errors="strict") for part in path.strip("/").split("/")]
    except UnicodeDecodeError:
        return []
    return [] if any(not part or "/" in part for part in parts) else parts


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"/{part}" for part in parts)
