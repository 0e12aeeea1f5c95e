"""Where the servers on premises are kept."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredServer:
    """A server as it is kept.

    `document` is the body as it was sent. `trusted_host_key` is the key that a server showed first whose document says
    `trustOnFirstUse`. `host_key_since` is the instant at which the present host key was named or first shown, and by
    whom; None while there is none. The kinds are those of `Caller`.
    """

    id: str
    document: Mapping[str, Any]
    created_at: datetime
    created_by: str
    modified_at: datetime
    modified_by: str
    created_by_kind: str = "User"
    modified_by_kind: str = "User"
    trusted_host_key: str = ""
    host_key_since: datetime | None = None
    host_key_by: str = ""
    host_key_by_kind: str = ""
    etag: str = ""


class ServerStore(Protocol):
    """The registry of servers."""

    async def get(self, server_id: str) -> StoredServer | None: ...

    async def insert(self, server: StoredServer) -> StoredServer:
        """Raises `StaleError` when there is one already."""

    async def replace(self, server: StoredServer) -> StoredServer:
        """Write over the row that still has the record's ETag; raises `StaleError`."""

    async def delete(self, server: StoredServer) -> None:
        """Remove the row that still has the record's ETag; nothing happens when it is gone. Raises `StaleError`."""

    def list(self, prefix: str) -> AsyncIterator[StoredServer]:
        """Those under a subscription's or a resource group's id."""
