"""A schema fuzzer against the running app: nothing breaks it, and every answer is as the OpenAPI document says.

What is sent, and what an answer is held to, stands in `schemathesis.toml`.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from localhost.azure.faults import Faults
from shared.entrypoints.arm.openapi import PATH
from shared.entrypoints.arm.routes import ROUTES
from tests.builders import WINDOW_OPENS
from tests.integration.app import App, running

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# All but the document itself, which the fuzzer reads and leaves alone.
ROUTED = sum(len(route.places) * len(route.operations) for route in ROUTES)
PHASES = ("examples", "coverage", "fuzzing", "stateful")


async def test_generated_requests_are_answered_as_documented(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with running(fresh_azurite, machines=5, faults=Faults()) as app:
        await _with_a_run(app)
        report, told = await _fuzzed(f"{app.host.url}{PATH}", tmp_path)
        assert report["exit_code"] == 0, told
        assert {report["phases"][phase]["status"] for phase in PHASES} == {"success"}
        assert report["operations"]["tested"] == ROUTED
        # Were the names in the configuration gone, most would be 404 and nothing would be tried.
        taken = [name for name, rates in report["valid_rates"].items() if _accepted(rates)]
        assert len(taken) > 30, report["valid_rates"]
        assert await app.broken() == []


async def _with_a_run(app: App) -> None:
    """A configuration with one run under way, whose jobs are there."""
    await app.configure()
    await app.skip_to(WINDOW_OPENS + timedelta(minutes=1))
    await app.host.advance_to(WINDOW_OPENS + timedelta(minutes=3))
    status, jobs = await app.call("GET", f"{app.run_path(WINDOW_OPENS)}/jobs")
    assert (status, len(jobs["value"])) == (200, 2)
    assert jobs["value"][0]["name"] in CONFIGURATION.read_text()


async def _fuzzed(url: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The fuzzer's report, and what it told on the way."""
    file = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("st"),
        "--no-color",
        *("--config-file", CONFIGURATION),
        *("run", url),
        *("--phases", ",".join(PHASES)),
        *("--warnings", "off"),
        *("--report", "json", "--report-json-path", file),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert file.exists(), told.decode()
    report: dict[str, Any] = json.loads(file.read_text())
    return report, told.decode()


def _accepted(rates: dict[str, dict[str, int]]) -> int:
    return sum(phase["accepted"] for phase in rates.values())
