"""The only place where ports meet their adapters: builds `Services` from the settings, once, lazily.

`services()` builds them for the running worker at the first call. A host that brings its own clock installs it first,
with `use_clock`; tests close what was built with `close`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.queue.aio import QueueServiceClient

from shared import logs
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.clock import SystemClock
from shared.adapters.identity.app_service import AppServicePrincipal
from shared.adapters.identity.entra import EntraTokens
from shared.adapters.identity.local import LocalCaller
from shared.adapters.inventory.combined import CombinedInventory
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.inventory.servers import RegisteredServers
from shared.adapters.patching.assessments import ResourceGraphAssessments
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.combined import CombinedPatching
from shared.adapters.patching.reports import ResourceGraphReports
from shared.adapters.patching.servers.assessments import CombinedAssessments, ServerAssessments
from shared.adapters.patching.servers.patching import ServerPatching
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connections import SshConnections
from shared.adapters.ssh.private_keys import PrivateKeys
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.queues import AzureOutbox
from shared.adapters.storage.stores import stores
from shared.application.callers import Authentication
from shared.application.ports import Clock, ServerStore, Services
from shared.settings import Settings, app_setting

_QUEUE_RETRIES: Mapping[str, Any] = {
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}
"""In seconds: about 3, 5 and 9. The client's own 18, 24 and 42 would hold up a tick longer than it may take."""


@dataclass(slots=True)
class _Worker:
    """What this process has built; the only mutable state of the app."""

    clock: Clock = field(default_factory=SystemClock)
    building: asyncio.Lock = field(default_factory=asyncio.Lock)
    stack: AsyncExitStack | None = None
    services: Services | None = None
    settings: Settings | None = None


_worker = _Worker()


async def services() -> Services:
    """The services of this process; built at the first call, and again if that failed."""
    async with _worker.building:
        if _worker.services is None:
            stack = AsyncExitStack()
            built = await stack.enter_async_context(build(settings(), _worker.clock))
            _worker.stack, _worker.services = stack, built
        return _worker.services


def settings() -> Settings:
    """The settings of this process, read at the first call."""
    if _worker.settings is None:
        _worker.settings = Settings()
    return _worker.settings


def authentication() -> Authentication:
    """How this process finds out who calls: kept as long as the settings are the same, for it keeps keys."""
    return _authentication(settings())


def use_clock(clock: Clock) -> None:
    """Take time from *clock* from now on; to be called before the first `services()`."""
    _worker.clock = clock


async def close() -> None:
    """Close what was built; the next call builds anew, from the settings as they are then."""
    stack = _worker.stack
    _worker.stack = _worker.services = _worker.settings = None
    _worker.building = asyncio.Lock()
    _authentication.cache_clear()
    if stack:
        await stack.aclose()


@asynccontextmanager
async def build(settings: Settings, clock: Clock) -> AsyncIterator[Services]:
    """Services over Azure Storage and Azure Resource Manager, closed on leaving; the queues exist."""
    logs.configure()
    async with AsyncExitStack() as stack:
        credential = await stack.enter_async_context(_credential(settings))
        tables, queues = _storage(settings, credential)
        await stack.enter_async_context(tables)
        await stack.enter_async_context(queues)
        arm = await stack.enter_async_context(
            ArmClient(settings.arm_endpoint, credential, clock=clock, scope=settings.arm_scope)
        )
        outbox = AzureOutbox(queues)
        await outbox.prepare()
        kept = stores(AzureRows(tables))
        sessions = await stack.enter_async_context(
            _server_sessions(settings, credential, kept["servers"], clock)
        )
        yield Services(
            clock=clock,
            limits=settings.limits,
            outbox=outbox,
            inventory=CombinedInventory(
                ResourceGraphInventory(arm, clock), RegisteredServers(kept["servers"])
            ),
            patching=CombinedPatching(
                AzurePatching(arm, clock), ServerPatching(sessions, clock, settings.limits)
            ),
            reports=ResourceGraphReports(arm),
            assessment_reports=CombinedAssessments(
                ResourceGraphAssessments(arm), ServerAssessments(sessions, clock, settings.limits)
            ),
            **kept,
        )


@asynccontextmanager
async def server_sessions(
    settings: Settings, servers: ServerStore, clock: Clock
) -> AsyncIterator[ServerSessions]:
    """Connections to registered servers, for those who look at one from outside the app; closed on leaving."""
    async with (
        _credential(settings) as credential,
        _server_sessions(settings, credential, servers, clock) as sessions,
    ):
        yield sessions


@asynccontextmanager
async def _server_sessions(
    settings: Settings, credential: AsyncTokenCredential, servers: ServerStore, clock: Clock
) -> AsyncIterator[ServerSessions]:
    async with (
        PrivateKeys(
            app_setting, vault_url=settings.key_vault, credential=credential, clock=clock
        ) as keys,
        SshConnections(keys, limit=settings.limits.connections) as connections,
    ):
        yield ServerSessions(servers, connections, clock)


@lru_cache(maxsize=1)
def _authentication(settings: Settings) -> Authentication:
    if settings.app_service_auth:
        return AppServicePrincipal(
            tenant=settings.tenant, is_switched_on=settings.azure_checks_callers
        )
    if settings.tenant:
        return EntraTokens(
            tenant=settings.tenant,
            audience=settings.audience,
            authority=settings.authority,
            clock=SystemClock(),
        )
    return LocalCaller(is_in_azure=settings.is_in_azure)


def _credential(settings: Settings) -> AsyncTokenCredential:
    if settings.arm_is_local:
        return StaticCredential()
    if settings.is_in_azure:
        # Nothing else: in Azure no developer's sign-in and no forgotten secret may stand in for the app's identity.
        return ManagedIdentityCredential(client_id=settings.identity_client_id or None)
    return DefaultAzureCredential(authority=settings.authority)


def _storage(
    settings: Settings, credential: AsyncTokenCredential
) -> tuple[TableServiceClient, QueueServiceClient]:
    connection = settings.storage.get_secret_value()
    if connection:
        return (
            TableServiceClient.from_connection_string(connection, transport=_transport()),
            QueueServiceClient.from_connection_string(
                connection, transport=_transport(), **_QUEUE_RETRIES
            ),
        )
    return (
        TableServiceClient(settings.table_endpoint, credential=credential, transport=_transport()),
        QueueServiceClient(
            settings.queue_endpoint,
            credential=credential,
            transport=_transport(),
            **_QUEUE_RETRIES,
        ),
    )


def _transport() -> AioHttpTransport:
    # Looking up proxies and netrc for every request would halve the clients' speed. Its own patience, five minutes for
    # each answer, is that of a whole function.
    return AioHttpTransport(use_env_settings=False, connection_timeout=10, read_timeout=30)
