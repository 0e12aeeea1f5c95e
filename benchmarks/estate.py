"""A run over a whole estate, with faults: real Azurite, the local Azure and one or more hosts, each a process.

1. All processes share one scaled clock. When nothing is left for the hosts to do but to look, until an hour after the
   window, for installs that Azure never accepted, that time is skipped: they are stopped, and the run is closed by the
   passes that would come then.
2. Jobs in flight are limited to what the hosts do in a virtual minute on this machine: more would be sent again before
   anybody could take them, which is the clock's doing and not the app's.
3. A request that hangs takes 45 to 60 s of real time, whatever the clock: `hang` is a share of its own, and small.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from benchmarks.calls import installs, read_calls
from benchmarks.configuration import EPOCH, configure
from benchmarks.processes import Started, started
from benchmarks.queries import Query, read_queries
from localhost.azure.calls import Call
from localhost.azure.faults import Faults
from localhost.azure.generate import subscription_id
from localhost.clocks import ManualClock, ScaledClock
from shared.application.collect_results import collect_results
from shared.application.ports import Services
from shared.application.reconcile_run import reconcile_run
from shared.bootstrap import build
from shared.domain.records import Run, RunId
from shared.domain.run import Phase
from shared.settings import Settings

_TIME_TO_CONFIGURE = timedelta(seconds=5)
"""Of real time."""
_MINUTE = timedelta(minutes=1)
_ON_THEIR_WAY = [phase for phase in Phase if phase not in (Phase.UNCERTAIN, Phase.ENDED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run: `faults` and `hang` are shares of the calls, `speed` is virtual seconds in a real one.

    `duration` is the window's, `install_minutes` the shortest and the longest time of an install. `profiles` names a
    folder for profiles of the hosts, which slow them down.
    """

    machines: int = 10_000
    subscriptions: int = 20
    faults: float = 0.05
    hang: float = 0.0005
    hosts: int = 1
    seed: int = 1
    speed: float = 8.0
    in_flight: int = 240
    duration: timedelta = timedelta(hours=3)
    install_minutes: str = "3:12"
    profiles: Path | None = None

    @property
    def mix(self) -> Faults:
        """Every kind of fault that a request can meet."""
        return replace(Faults.everywhere(self.faults, self.seed), hang=self.hang)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """The running processes, and the app's services for whoever watches them."""

    plan: Plan
    arm: str
    services: Services
    hosts: list[Started]
    run_id: RunId
    ends_at: datetime
    folder: Path
    running: ExitStack

    async def run(self) -> Run | None:
        """The run of the window."""
        return await self.services.runs.get(self.run_id)

    async def is_settled(self) -> bool:
        """Whether every job has ended, or is in doubt about an install that Azure never accepted."""
        run = await self.run()
        if run is None or run.resolved_at is None:
            return False
        for phase in _ON_THEIR_WAY:
            async for _job in self.services.jobs.list(self.run_id, phase=phase):
                return False
        accepted = {call.machine for call in installs(await self.calls())}
        doubtful = self.services.jobs.list(self.run_id, phase=Phase.UNCERTAIN)
        return not any([job.machine_id in accepted async for job in doubtful])

    async def close_run(self) -> Services:
        """Skip to an hour after the window, where the last passes find no faults; the services at that time."""
        await _set_faults(self.arm, Faults())
        clock = ManualClock(self.ends_at + self.services.limits.final_word)
        services = replace(self.services, clock=clock)
        await collect_results(services)
        await reconcile_run(services, self.run_id)
        return services

    def stop_hosts(self) -> None:
        """End them as a platform does, with a little time for what they are doing."""
        self.running.close()

    async def calls(self) -> list[Call]:
        """What the local Azure was asked so far."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.arm}/_local/calls", raise_for_status=True) as reply,
        ):
            return read_calls(await reply.json())

    def queries(self) -> list[list[Query]]:
        """What each host has asked Resource Graph so far."""
        return [read_queries(_queries(self.folder, number)) for number in range(self.plan.hosts)]

    def complaints(self) -> Counter[str]:
        """What the hosts logged as warnings and errors, by event."""
        logs = (_log(self.folder, number) for number in range(self.plan.hosts))
        lines = (line for log in logs for line in log.read_text(encoding="utf-8").splitlines())
        return Counter(line.split(" ", 1)[0] for line in lines if "=" in line)


@asynccontextmanager
async def an_estate(plan: Plan, *, storage: str, folder: Path) -> AsyncIterator[Estate]:
    """The estate, configured, shortly before its window opens; leaving ends the processes."""
    origin = time.time()
    of_time = ["--epoch", EPOCH.isoformat(), "--origin", str(origin), "--speed", str(plan.speed)]
    clock = ScaledClock(EPOCH, origin=datetime.fromtimestamp(origin, UTC), speed=plan.speed)
    with ExitStack() as azure, ExitStack() as running:
        arm = azure.enter_context(_start_azure(plan, of_time, folder)).url
        await _set_faults(arm, plan.mix)
        of_app = ["--storage", storage, "--arm", arm, *of_time]
        hosts = [
            running.enter_context(_start_host(plan, number, of_app, folder))
            for number in range(plan.hosts)
        ]
        async with build(Settings(storage=SecretStr(storage), arm_endpoint=arm), clock) as services:
            opens_at = _full_minute(clock.now() + _TIME_TO_CONFIGURE * plan.speed)
            run_id = await configure(
                hosts[0].url,
                [subscription_id(number + 1) for number in range(plan.subscriptions)],
                opens_at=opens_at,
                duration=plan.duration,
            )
            if clock.now() >= opens_at:
                raise RuntimeError("Configuring took too long: the window is open.")
            yield Estate(
                plan=plan,
                arm=arm,
                services=services,
                hosts=hosts,
                run_id=run_id,
                ends_at=opens_at + plan.duration,
                folder=folder,
                running=running,
            )


def _start_azure(
    plan: Plan, of_time: Sequence[str], folder: Path
) -> AbstractContextManager[Started]:
    return started(
        "localhost.azure",
        *("--machines", str(plan.machines), "--subscriptions", str(plan.subscriptions)),
        *("--seed", str(plan.seed), "--install-minutes", plan.install_minutes, *of_time),
        log=folder / "azure.log",
    )


def _start_host(
    plan: Plan, number: int, of_app: Sequence[str], folder: Path
) -> AbstractContextManager[Started]:
    arguments = [
        *of_app,
        *("--in-flight", str(plan.in_flight)),
        *("--queries", str(_queries(folder, number))),
    ]
    if plan.profiles:
        arguments += ["--profile", str(plan.profiles / f"host-{number}.prof")]
    return started("benchmarks.host", *arguments, log=_log(folder, number))


async def _set_faults(arm: str, faults: Faults) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{arm}/_local/faults", json=asdict(faults), raise_for_status=True),
    ):
        pass


def _full_minute(instant: datetime) -> datetime:
    """The next one, in the future."""
    return instant.replace(second=0, microsecond=0) + _MINUTE


def _queries(folder: Path, number: int) -> Path:
    return folder / f"host-{number}.queries"


def _log(folder: Path, number: int) -> Path:
    return folder / f"host-{number}.log"
