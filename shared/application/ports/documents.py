"""Where maintenance configurations and their assignments are kept."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.domain.ids import ResourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfiguration:
    """A maintenance configuration as it is kept.

    `document` is the body as it was sent. `window_since` is the instant before which its window has nothing due: its
    creation, or the last change of its `maintenanceWindow`. `revision` is new with every write; the agenda names the
    one it expects. `deleting` means that its deletion has been acknowledged or is under way: nothing starts any more.
    The kinds are those of `Caller`.
    """

    id: str
    document: Mapping[str, Any]
    window_since: datetime
    revision: str
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    created_by_kind: str = "User"
    modified_by_kind: str = "User"
    deleting: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssignment:
    """A configuration assignment as it is kept; `scope_id` is what it hangs on.

    A subscription or a group makes it a dynamic scope, a machine a static assignment.
    """

    id: str
    scope_id: str
    name: str
    configuration_id: str
    document: Mapping[str, Any]
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    created_by_kind: str = "User"
    modified_by_kind: str = "User"
    etag: str = ""

    @property
    def is_dynamic(self) -> bool:
        """Whether it is a dynamic scope, and not one machine."""
        return not ResourceId.parse(self.scope_id).type


class ConfigurationStore(Protocol):
    """The maintenance configurations."""

    async def get(self, configuration_id: str) -> StoredConfiguration | None: ...

    async def insert(self, configuration: StoredConfiguration) -> StoredConfiguration:
        """Raises `StaleError` when there is one already."""

    async def replace(self, configuration: StoredConfiguration) -> StoredConfiguration:
        """Write over the row that still has the record's ETag; raises `StaleError`."""

    async def delete(self, configuration: StoredConfiguration) -> None:
        """Remove the row that still has the record's ETag; nothing happens when it is gone. Raises `StaleError`."""

    def list(self, prefix: str) -> AsyncIterator[StoredConfiguration]:
        """Those under a subscription's or a resource group's id."""


class AssignmentStore(Protocol):
    """The configuration assignments, by scope and, through an index, by configuration."""

    async def get(self, scope_id: str, name: str) -> StoredAssignment | None: ...

    async def insert(self, assignment: StoredAssignment) -> StoredAssignment:
        """Index first, document second; raises `StaleError` when there is one already."""

    async def replace(
        self, assignment: StoredAssignment, previous: StoredAssignment
    ) -> StoredAssignment:
        """Write over *previous*, by its ETag, and move the index when the configuration differs."""

    async def delete(self, assignment: StoredAssignment) -> None:
        """Document first, index second; nothing happens when it is gone."""

    def list(self, scope_id: str) -> AsyncIterator[StoredAssignment]:
        """Those that hang on exactly this subscription, group or machine."""

    def list_within(self, prefix: str) -> AsyncIterator[StoredAssignment]:
        """Those that hang on this subscription or group, or on anything in it."""

    def list_of(self, configuration_id: str) -> AsyncIterator[StoredAssignment]:
        """Those that name this configuration; an index row without its document counts for nothing."""
