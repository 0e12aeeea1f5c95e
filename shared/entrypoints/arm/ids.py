"""Where a request goes: its path, split at the last provider of Muster's that it names.

`<parent>/providers/Microsoft.Maintenance/<collection>[/<name>...]`, or `Muster.Maintenance` for what Azure does not
have, or `Muster.OnPremises` for servers; the fixed words are read without case, and every part keeps the spelling in
which it was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self
from urllib.parse import unquote, urlsplit

from shared.application.configuration_body import CONFIGURATION_TYPE
from shared.domain.ids import ResourceId
from shared.domain.records import RunId, parse_run_key
from shared.errors import NotFoundError

MICROSOFT = "microsoft.maintenance"
MUSTER = "muster.maintenance"
ON_PREMISES = "muster.onpremises"
_PROVIDERS = (MICROSOFT, MUSTER, ON_PREMISES)


class Place(Enum):
    """What a collection hangs on."""

    ROOT = auto()
    SUBSCRIPTION = auto()
    GROUP = auto()
    CONFIGURATION = auto()
    RESOURCE = auto()
    NESTED = auto()
    """A resource beneath another one, such as a machine of a scale set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One path: `parent` is a resource's id or empty, `steps` the collection and what follows it."""

    parent: str
    namespace: str
    steps: tuple[str, ...]

    @classmethod
    def of(cls, url: str) -> Self:
        """Split the path of a URL; raises `NotFoundError` when it names no provider of Muster's."""
        parts = _parts(urlsplit(url).path)
        # Names stand at odd places, so that a group called `providers` is none.
        found = [
            at
            for at in range(0, len(parts) - 2, 2)
            if parts[at].lower() == "providers" and parts[at + 1].lower() in _PROVIDERS
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
    def provider(self) -> str:
        """`MICROSOFT`, `MUSTER` or `ON_PREMISES`."""
        return self.namespace.rpartition("/")[2].lower()

    @property
    def resource_id(self) -> str:
        """The id of the resource that the path names or goes through."""
        return f"{self.parent}{self.namespace}{_joined(self.steps[:2])}"

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
            return Place.NESTED if parent.type.count("/") > 1 else Place.RESOURCE
        return Place.GROUP if parent.resource_group else Place.SUBSCRIPTION


def no_such_path() -> NotFoundError:
    """For a path that is no operation's."""
    return NotFoundError(
        "There is no operation at this path. Muster serves maintenanceConfigurations, "
        "configurationAssignments, applyUpdates and updates of Microsoft.Maintenance, and has some "
        "of its own: see docs/http.md.",
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
