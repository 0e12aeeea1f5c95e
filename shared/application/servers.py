"""Servers on premises: register or replace, read, list, remove.

Removing a server takes nothing else along: its assignments stay, and its jobs then end as those of any machine that is
gone. A host key changes by a PUT that names another one and in no other way; who sent it is kept, and logged. The key
that is trusted on first use is kept in the same way: a later PUT loses it only by naming a key or another host.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared import logs
from shared.application.callers import Caller, Role, require
from shared.application.document_size import check_size
from shared.application.ports import Services, StaleError, StoredServer
from shared.application.preconditions import UNCONDITIONAL, Preconditions, Written
from shared.application.server_body import parse_server
from shared.domain.ids import ResourceId
from shared.domain.server import Server
from shared.errors import ConflictError, InvalidRequestError, NotFoundError

_log = logging.getLogger(__name__)
_ATTEMPTS = 5


async def put_server(
    services: Services,
    server_id: str,
    *,
    document: Mapping[str, Any],
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> Written[StoredServer]:
    """Register or replace; what is replaced keeps the spelling of its id.

    Raises `InvalidRequestError`, `PreconditionFailedError`, and `ConflictError`.
    """
    require(caller, Role.ADMINISTRATOR)
    check_size(services, document)
    server = parse_server(ResourceId.parse(server_id).text, document)
    for _ in range(_ATTEMPTS):
        before = await services.servers.get(server_id)
        preconditions.check(before.etag if before else None)
        fresh = _fresh(services, server, document=document, caller=caller)
        try:
            if before is None:
                stored = await services.servers.insert(fresh)
            else:
                stored = await services.servers.replace(_changed(before, fresh, server))
                _log_host_key(before, server, caller=caller)
        except StaleError:
            continue
        return Written(stored=stored, is_new=before is None)
    raise ConflictError("Others keep changing this server. Try again.")


def registered(stored: StoredServer) -> Server:
    """A stored server, with the host key that it was found to have where none was named.

    Raises `InvalidRequestError` for one that an older version stored and that breaks a rule of this one.
    """
    server = parse_server(stored.id, stored.document)
    if server.host_key or not stored.trusted_host_key:
        return server
    return replace(server, host_key=stored.trusted_host_key)


def trusting(stored: StoredServer, host_key: str, *, now: datetime) -> StoredServer:
    """What is to be stored of a server that showed its *host_key* for the first time."""
    logs.event(_log, "server.host_key_trusted", server=stored.id, key=host_key)
    return replace(
        stored,
        trusted_host_key=host_key,
        host_key_since=now,
        host_key_by="the first connection",
        host_key_by_kind="Application",
    )


async def get_server(services: Services, server_id: str, *, caller: Caller) -> StoredServer:
    """The server; raises `NotFoundError` when it is not registered."""
    require(caller, Role.READER)
    stored = await services.servers.get(server_id)
    if stored is None:
        raise NotFoundError(f"There is no server '{server_id}'.")
    return stored


async def list_servers(services: Services, scope_id: str, *, caller: Caller) -> list[StoredServer]:
    """Those of a subscription or a resource group."""
    require(caller, Role.READER)
    return [one async for one in services.servers.list(scope_id)]


async def delete_server(
    services: Services,
    server_id: str,
    *,
    caller: Caller,
    preconditions: Preconditions = UNCONDITIONAL,
) -> StoredServer | None:
    """Remove it from the registry; None when it was not there."""
    require(caller, Role.ADMINISTRATOR)
    for _ in range(_ATTEMPTS):
        stored = await services.servers.get(server_id)
        if stored is None:
            return None
        preconditions.check(stored.etag)
        try:
            await services.servers.delete(stored)
        except StaleError:
            continue
        return stored
    raise ConflictError("Others keep changing this server. Try again.")


def _fresh(
    services: Services, server: Server, *, document: Mapping[str, Any], caller: Caller
) -> StoredServer:
    now = services.clock.now()
    stored = StoredServer(
        id=server.machine.id,
        document=document,
        created_at=now,
        created_by=caller.name,
        created_by_kind=caller.kind,
        modified_at=now,
        modified_by=caller.name,
        modified_by_kind=caller.kind,
    )
    if server.host_key is None:
        return stored
    return replace(
        stored, host_key_since=now, host_key_by=caller.name, host_key_by_kind=caller.kind
    )


def _changed(before: StoredServer, fresh: StoredServer, server: Server) -> StoredServer:
    """What is written over *before*: its creation stays, and so does the word on a host key that is the same."""
    changed = replace(
        fresh,
        id=before.id,
        created_at=before.created_at,
        created_by=before.created_by,
        created_by_kind=before.created_by_kind,
        etag=before.etag,
    )
    if _named_key(before) != server.host_key or not _keeps_trust(before, server):
        return changed
    return replace(
        changed,
        trusted_host_key=before.trusted_host_key,
        host_key_since=before.host_key_since,
        host_key_by=before.host_key_by,
        host_key_by_kind=before.host_key_by_kind,
    )


def _named_key(stored: StoredServer) -> str | None:
    known = _known(stored)
    return known.host_key if known else None


def _keeps_trust(before: StoredServer, server: Server) -> bool:
    """Whether a key that was trusted on first use stays: the server is reached at the same place."""
    known = _known(before)
    if known is None or not before.trusted_host_key:
        return True
    return (known.host, known.port) == (server.host, server.port)


def _known(stored: StoredServer) -> Server | None:
    try:
        return parse_server(stored.id, stored.document)
    except InvalidRequestError:
        return None  # an older version stored what breaks a rule of this one


def _log_host_key(before: StoredServer, server: Server, *, caller: Caller) -> None:
    if _named_key(before) != server.host_key:
        logs.event(_log, "server.host_key_changed", server=before.id, by=caller.name)
