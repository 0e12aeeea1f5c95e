"""The very same `function_app` under Microsoft's own Python runtime: indexed, and every kind of trigger invoked."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.generate import generate
from localhost.azure.server import LocalAzure, serve
from localhost.functions.function_index import HttpFunction, QueueFunction, TimerFunction, index
from localhost.stage import load_app
from tests.conformance.environments import ROOT, environment, find_python

SCRIPT = Path(__file__).with_name("runtime_witness.py")
VERSION = "3.13"
REQUIREMENTS = ("-r", str(ROOT / "requirements.txt"), "azure-functions-runtime==1.3.0")
TRIGGERS = {
    TimerFunction: ["timerTrigger"],
    QueueFunction: ["queueTrigger"],
    HttpFunction: ["httpTrigger", "http"],
}


async def test_microsofts_runtime_indexes_and_invokes_the_app(fresh_azurite: str) -> None:
    python = find_python(VERSION)
    if python is None:
        pytest.skip(f"Microsoft's runtime needs Python {VERSION}, and none was found")
    fleet = generate(20, 1)
    azure = LocalAzure(fleet, now=lambda: datetime.now(UTC))
    machine = patchable(fleet)
    async with serve(azure) as arm:
        told = await witnessed(python, fresh_azurite, arm=arm, machine=machine)
    assert told["index"] == {
        name: TRIGGERS[type(function)]
        for name, function in index(load_app(), {"AzureWebJobsStorage": fresh_azurite}).items()
    }
    assert (told["created"]["status"], told["assigned"]["status"]) == (201, 201)
    assert [job["properties"]["phase"] for job in told["jobs"]["body"]["value"]] == ["started"]
    assert [call.machine for call in azure.calls.installs()] == [machine.id]
    assert told["unknown"]["status"] == 404
    assert told["unknown"]["body"]["error"]["code"] == "InvalidResourcePath"
    assert told["calls"] == [
        "arm",
        "collect_results",
        "evaluate_schedules",
        "reconcile_run",
        "start_job",
        "unmatched",
    ]


def patchable(fleet: Fleet) -> Machine:
    """A VM that consents, runs, and lacks an update."""
    return next(
        one
        for one in fleet.machines()
        if one.kind is Kind.VM and one.reachable and one.bypass_checks and one.missing
    )


async def witnessed(python: str, storage: str, *, arm: str, machine: Machine) -> dict[str, Any]:
    """What the script told, run under *python* with the app's settings and nothing else."""
    interpreter = environment("azure-functions-runtime", REQUIREMENTS, python=python)
    settings = {"AzureWebJobsStorage": storage, "MUSTER_ARM_ENDPOINT": arm}
    process = await asyncio.create_subprocess_exec(
        interpreter,
        SCRIPT,
        str(ROOT),
        machine.id,
        env={"PATH": os.environ["PATH"], **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    told: dict[str, Any] = json.loads(output.splitlines()[-1])
    return told
