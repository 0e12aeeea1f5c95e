"""Everything that runs on one machine, put together: storage, an Azure, and the host over the very same `function_app`.

The app learns where its storage and its Azure are from settings, as it does anywhere else.
"""

import os
import runpy
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import azure.functions as func

from localhost.functions.host import Host
from shared import bootstrap
from shared.application.ports import Clock

ROOT = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def stage(
    *,
    storage: str,
    arm: str,
    clock: Clock,
    port: int = 0,
    state: Path | None = None,
    settings: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Host]:
    """The running host: *storage* is a connection string, *arm* the address of an Azure Resource Manager.

    *settings* are further app settings, *tls* the certificate to answer https with. One stage at a time in a process:
    the settings are its environment.
    """
    environment = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": storage,
        "MUSTER_ARM_ENDPOINT": arm,
        **(settings or {}),
    }
    os.environ.update(environment)
    bootstrap.use_clock(clock)
    try:
        async with Host(
            load_app(),
            root=ROOT,
            clock=clock,
            environment=environment,
            port=port,
            state=state,
            tls=tls,
        ) as host:
            yield host
    finally:
        await bootstrap.close()
        for name in environment:
            os.environ.pop(name, None)


def load_app() -> func.FunctionApp:
    """A new app from `function_app.py`; each can be indexed once."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]
    if not isinstance(app, func.FunctionApp):
        raise TypeError("function_app.py has no FunctionApp called app")
    return app
