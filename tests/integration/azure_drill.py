"""A drill over the real adapters: memory for storage, the local Azure over HTTP for machines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from localhost.azure.server import LocalAzure, serve
from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.patching.azure import AzurePatching
from shared.adapters.patching.reports import ResourceGraphReports
from tests.drill import Drill


@asynccontextmanager
async def reaching(drill: Drill, azure: LocalAzure) -> AsyncIterator[None]:
    """Serve *azure*, and let the drill find and patch its machines there."""
    async with serve(azure) as url, ArmClient(url, StaticCredential(), clock=drill.clock) as arm:
        drill.services = replace(
            drill.services,
            inventory=ResourceGraphInventory(arm, drill.clock),
            patching=AzurePatching(arm, drill.clock),
            reports=ResourceGraphReports(arm),
        )
        yield
