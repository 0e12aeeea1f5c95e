"""Hosts as processes of the operating system: several at once on one storage, killed by SIGKILL, started again.

Time runs 20 times as fast as real time. Azurite and the local Azure are processes of their own. Azurite is stopped by
SIGTERM: it saves only every five seconds, so that SIGKILL would lose what it has acknowledged.

A host that dies between noting that it asks for an install and asking leaves a job that no machine knows of. It ends
`Unknown` an hour after its window. Once nothing else is open, a host starts whose clock shows the next morning.
"""

import asyncio
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from localhost.azure.calls import Call
from localhost.azure.generate import subscription_id
from localhost.azurite import Azurite, Ports, start_azurite
from localhost.clocks import ScaledClock
from localhost.evidence import broken_invariants, logged, read_calls
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.ports import Services
from shared.bootstrap import build
from shared.domain.records import Job, Run, RunId, run_key
from shared.domain.run import Outcome, Phase
from shared.settings import Settings
from tests.builders import WINDOW_OPENS, a_configuration, a_scope

ROOT = Path(__file__).resolve().parents[2]
SPEED = 20.0
EPOCH = WINDOW_OPENS - timedelta(minutes=4)
REAL_LIMIT = 150.0
NEXT_MORNING = timedelta(hours=6)


@dataclass(slots=True)
class World:
    """Processes that a test starts and kills, and the storage that outlives them."""

    storage: str
    arm: str
    log: Path
    origin: float
    services: Services
    configuration_id: str
    hosts: list[Process] = field(default_factory=list)

    async def start_host(self, *, later: timedelta = timedelta(0)) -> None:
        """Another host on the same storage, whose clock is ahead by *later*."""
        epoch = EPOCH + later
        process = await _python(
            "tests.integration.host_process",
            *("--storage", self.storage, "--arm", self.arm, "--epoch", epoch.isoformat()),
            *("--origin", str(self.origin), "--speed", str(SPEED)),
        )
        self.hosts.append(process)

    async def kill_hosts(self) -> None:
        """Kill those that run."""
        await _kill(self.hosts)

    async def run(self) -> Run | None:
        """The run of the first window."""
        run_id = RunId(configuration_id=self.configuration_id, key=run_key(WINDOW_OPENS))
        return await self.services.runs.get(run_id)

    async def is_closed(self) -> bool:
        run = await self.run()
        return run is not None and not run.status.is_open

    async def jobs(self) -> list[Job]:
        """The jobs of the run of the first window."""
        run = await self.run()
        return [job async for job in self.services.jobs.list(run.id)] if run else []

    def calls(self) -> list[Call]:
        """What the local Azure was asked, from its log on disk."""
        with self.log.open() as lines:
            return read_calls(lines)

    async def is_asking(self) -> bool:
        """Whether an install is being asked for."""
        return any(job.phase is Phase.STARTING for job in await self.jobs())

    def heard(self) -> set[str]:
        """The machines that accepted an install."""
        return {install.machine_id.lower() for install in logged(self.calls())}


async def _python(module: str, *arguments: str) -> Process:
    """A Python process that has said its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, stdout=PIPE
    )
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    assert line.startswith(b"http"), line
    return process


@asynccontextmanager
async def a_world(storage: str, folder: Path) -> AsyncIterator[World]:
    """Storage with a configuration, and a local Azure that loses a fifth of its replies."""
    origin, log = time.time(), folder / "calls.jsonl"
    log.touch()
    azure = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localhost.azure", "--machines", "60", "--calls", str(log)),
        *("--speed", str(SPEED), "--epoch", EPOCH.isoformat(), "--origin", str(origin)),
        *("--install-minutes", "1:4"),
        cwd=ROOT,
        stdout=PIPE,
    )
    assert azure.stdout
    arm = (await azure.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as http:
        faults = {"drop_after_accept": 0.2, "seed": 7}
        async with http.post(f"{arm}/_local/faults", json=faults) as reply:
            assert reply.status == 204
    clock = ScaledClock(EPOCH, origin=datetime.fromtimestamp(origin, UTC), speed=SPEED)
    settings = Settings(storage=SecretStr(storage), arm_endpoint=arm)
    async with build(settings, clock) as services:
        subscription = f"/subscriptions/{subscription_id(1)}"
        configuration_id = (
            f"{subscription}/resourceGroups/ops/providers/Microsoft.Maintenance"
            "/maintenanceConfigurations/nightly"
        )
        await put_configuration(
            services, configuration_id, document=a_configuration(), caller=LOCAL
        )
        scope = a_scope({}, configuration_id)
        await put_assignment(services, subscription, name="all", document=scope, caller=LOCAL)
        world = World(
            storage=storage,
            arm=arm,
            log=log,
            origin=origin,
            services=services,
            configuration_id=configuration_id,
        )
        try:
            yield world
        finally:
            await _kill([azure, *world.hosts])


async def _kill(processes: list[Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.kill()
    for process in processes:
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def _end_the_run(world: World) -> None:
    """Wait until it has ended; next morning, where all that is open is jobs that no machine knows of."""
    await _until(world, partial(_has_nothing_to_await, world))
    if not await world.is_closed():
        await world.kill_hosts()
        await world.start_host(later=NEXT_MORNING)
        await _until(world, world.is_closed)


async def _has_nothing_to_await(world: World) -> bool:
    if await world.is_closed():
        return True
    jobs, heard = await world.jobs(), world.heard()
    waiting = [job for job in jobs if job.outcome is None]
    return bool(waiting) and all(
        job.phase is Phase.UNCERTAIN and job.machine_id.lower() not in heard for job in waiting
    )


async def _until(world: World, holds: Callable[[], Awaitable[bool]], *, pause: float = 0.5) -> None:
    deadline = time.monotonic() + REAL_LIMIT
    while not await holds():
        assert time.monotonic() < deadline, await world.jobs()
        await asyncio.sleep(pause)


async def _assert_true_history(world: World) -> None:
    assert await broken_invariants(world.services, world.calls()) == []
    run = await world.run()
    assert run
    assert sum(run.counts.values()) >= 15
    heard = world.heard()
    assert heard
    unknown = {j.machine_id.lower() for j in await world.jobs() if j.outcome is Outcome.UNKNOWN}
    assert not unknown & heard


@pytest.mark.parametrize("hosts", [2, 4])
async def test_hosts_at_once_do_the_work_of_one(
    fresh_azurite: str, tmp_path: Path, hosts: int
) -> None:
    async with a_world(fresh_azurite, tmp_path) as world:
        for _ in range(hosts):
            await world.start_host()
        await _end_the_run(world)
        await _assert_true_history(world)


@pytest.mark.parametrize("seed", [1, 2])
async def test_host_killed_again_and_again_loses_nothing_and_repeats_nothing(
    fresh_azurite: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with a_world(fresh_azurite, tmp_path) as world:
        for _ in range(4):
            await world.start_host()
            await asyncio.sleep(chance.uniform(1.5, 6.0))
            await world.kill_hosts()
        await world.start_host()
        await _end_the_run(world)
        await _assert_true_history(world)


async def test_host_killed_while_it_asks_for_installs_asks_for_none_twice(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with a_world(fresh_azurite, tmp_path) as world:
        await world.start_host()
        await _until(world, world.is_asking, pause=0.01)
        await world.kill_hosts()
        await world.start_host()
        await _end_the_run(world)
        await _assert_true_history(world)


async def test_storage_that_stops_again_and_again_holds_up_two_hosts_and_no_more(
    tmp_path: Path,
) -> None:
    chance, folder = random.Random(3), tmp_path / "azurite"
    azurite = start_azurite(folder)
    ports = ports_of(azurite)
    try:
        async with a_world(azurite.connection_string, tmp_path) as world:
            for _ in range(2):
                await world.start_host()
            for _ in range(3):
                await asyncio.sleep(chance.uniform(1.0, 4.0))
                await asyncio.to_thread(azurite.stop)
                await asyncio.sleep(chance.uniform(0.2, 2.0))
                azurite = await asyncio.to_thread(partial(start_azurite, folder, ports=ports))
            await _end_the_run(world)
            await _assert_true_history(world)
    finally:
        azurite.stop()


def ports_of(azurite: Azurite) -> Ports:
    """Where it listens, so that another one can take its place."""
    parts = dict(part.split("=", 1) for part in azurite.connection_string.split(";"))
    found = {name: urlsplit(parts[f"{name}Endpoint"]).port or 0 for name in ("Queue", "Table")}
    return Ports(queue=found["Queue"], table=found["Table"])
