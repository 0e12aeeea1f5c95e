"""What `docs/clients.md` says is true: its snippets are run as they stand, against a host that speaks TLS."""

import asyncio
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localhost.azure.generate import generate
from localhost.azure.server import LocalAzure, serve
from localhost.azurite import start_azurite
from localhost.clocks import ManualClock
from localhost.serve.certificate import Certificate
from localhost.stage import ROOT, stage
from shared.adapters.clock import SystemClock
from tests.builders import DAY_BEFORE
from tests.conformance.environments import environment
from tests.conformance.test_clients import CORE

PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SUBSCRIPTION = "/subscriptions/6b1f0c52-8d3e-4f7a-9a41-000000000001"
PROVIDER = "providers/Microsoft.Maintenance"
CONFIGURATION = f"{SUBSCRIPTION}/resourceGroups/ops/{PROVIDER}/maintenanceConfigurations/nightly"
SCOPE = f"{SUBSCRIPTION}/{PROVIDER}/configurationAssignments/prod"
EXPECTED = {
    "maintenanceScope": "InGuestPatch",
    "extensionProperties": {"InGuestPatchMode": "User"},
    "maintenanceWindow": {
        "startDateTime": "2026-01-01 02:00",
        "duration": "03:00",
        "timeZone": "W. Europe Standard Time",
        "recurEvery": "Month Second Tuesday Offset4",
    },
    "installPatches": {
        "rebootSetting": "IfRequired",
        "windowsParameters": {"classificationsToInclude": ["Critical", "Security"]},
        "linuxParameters": {"classificationsToInclude": ["Critical", "Security"]},
    },
}
FILTER = {"locations": ["!northeurope"], "tagSettings": {"tags": {"env": ["prod"]}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """A host as `make serve TLS=1` starts it, and the folder in which a reader of the page would be."""

    url: str
    folder: Path
    trusted: ssl.SSLContext

    async def run(self, *command: str | Path, snippet: str) -> str:
        """What *command* prints when it is given *snippet*; it has to succeed."""
        text = snippet.replace("https://127.0.0.1:7071", self.url)
        assert text != snippet
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate(text.encode())
        assert process.returncode == 0, (output + errors).decode()[-3000:]
        return output.decode()

    async def get(self, path: str) -> Any:
        """A resource, asked for by a client that trusts the certificate and nothing else."""
        url = f"{self.url}{path}?api-version=2023-04-01"
        async with aiohttp.ClientSession() as session, session.get(url, ssl=self.trusted) as reply:
            assert reply.status == 200
            return await reply.json()

    async def check(self, printed: str) -> None:
        """What was to be stored is stored, and one run is under way, which the client has told."""
        configuration = await self.get(CONFIGURATION)
        assert configuration["location"] == "westeurope"
        assert configuration["properties"] == EXPECTED
        scope = (await self.get(SCOPE))["properties"]
        assert scope["filter"] == FILTER
        assert scope["maintenanceConfigurationId"].lower() == CONFIGURATION.lower()
        (run,) = (await self.get(f"{CONFIGURATION}/{PROVIDER}/applyUpdates"))["value"]
        # The older client writes "resourcegroups", the newer one prints an enumeration's member.
        assert run["id"].lower() in printed.lower()
        assert run["properties"]["status"].lower() in printed.lower()


@pytest.fixture
async def documented(tmp_path: Path) -> AsyncIterator[Documented]:
    certificate = Certificate(tmp_path / ".local" / "tls")
    tls = certificate.context(SystemClock().now())
    clock = ManualClock(DAY_BEFORE)
    azure = LocalAzure(generate(5, 1), now=clock.now)
    with start_azurite() as storage:
        async with (
            serve(azure) as arm,
            stage(storage=storage.connection_string, arm=arm, clock=clock, tls=tls) as host,
        ):
            trusted = ssl.create_default_context(cafile=str(certificate.path))
            yield Documented(url=host.url, folder=tmp_path, trusted=trusted)


def _snippets(heading: str, language: str) -> str:
    """The code in *language* under a heading of the page."""
    (section,) = re.findall(rf"^### {re.escape(heading)}\n(.*?)^##", PAGE, re.DOTALL | re.MULTILINE)
    (snippet,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return str(snippet)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl(documented: Documented) -> None:
    files = _snippets("The first schedule, as files", "sh")
    requests = _snippets("curl", "sh")
    await documented.check(
        await documented.run("bash", "-euo", "pipefail", snippet=files + requests)
    )


@pytest.mark.parametrize("version", ["2.2.0b4", "2.1.0"])
async def test_python(documented: Documented, version: str) -> None:
    series = version.rpartition(".")[0]
    snippet = _snippets(f"Python: `azure-mgmt-maintenance` {series}", "python")
    name, package = f"azure-mgmt-maintenance-{version}", f"azure-mgmt-maintenance=={version}"
    python = await asyncio.to_thread(environment, name, [package, *CORE])
    await documented.check(await documented.run(python, "-", snippet=snippet))
