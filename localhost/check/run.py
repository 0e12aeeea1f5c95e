"""`python -m localhost check`: hold a live system to the invariants, and print what breaks one.

1. Storage is read as the app reads it, by its settings, or that of `serve` by its folder; nothing is changed.
2. What is read while the app works may not belong together, so what seems broken is looked at again: only what both
   looks find is.
3. Time is the computer's; a host whose clock is ahead of it has as late as its last complete tick.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from localhost.check.machine_log import MachineLog, of_file, of_local_azure, of_reports
from localhost.check.server_log import CLOCKS_APART, MOVED_CLOCK, of_servers
from localhost.clocks import ManualClock
from localhost.errors import LocalhostError
from localhost.serve.state_folder import StateFolder
from shared.adapters.clock import SystemClock
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.application.evidence import read_stored
from shared.application.invariants import examine
from shared.application.ports import Services
from shared.application.verdict import Kind, Verdict
from shared.bootstrap import build, server_sessions
from shared.errors import UnavailableError
from shared.settings import Settings

Log = Callable[[], Awaitable[MachineLog]]

INVARIANTS = {
    1: "due occurrences and their runs",
    2: "installs and their jobs",
    3: "installs and their windows",
    4: "runs and jobs that end in time",
    5: "outcomes that stay, or leave a trace",
    6: "counts and their rows",
    7: "what was acknowledged",
    8: "open runs with one plan",
}
_MOST_LINES = 100
_NOBODYS_ARM = "http://127.0.0.1:1"
"""An Azure that is never asked: without it the app's own sign-in would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Where the state of `serve` is, None for a system that the settings name; how long to wait for a second look."""

    state: Path | None = None
    settle: timedelta = timedelta(seconds=5)


async def run_check(options: CheckOptions) -> bool:
    """Check and print; whether all invariants hold. LocalhostError when there is nothing to be read."""
    try:
        async with _system(options) as (services, log):
            source, verdict = await settled(services, log, settle=options.settle)
    except UnavailableError as error:
        raise LocalhostError(error.message) from error
    print("\n".join(lines(verdict, source=source)))
    return not verdict.violations


async def settled(services: Services, log: Log, *, settle: timedelta) -> tuple[str, Verdict]:
    """Where the machines' log is from, and the verdict of the last look, less what an earlier one did not find."""
    machine_log = await log()
    first = await examine(services, machine_log.evidence())
    if not first.violations:
        return machine_log.source, first
    await asyncio.sleep(settle.total_seconds())
    machine_log = await log()
    second = await examine(services, machine_log.evidence())
    known = {(one.invariant, one.subject, one.kind) for one in first.violations}
    both = [one for one in second.violations if (one.invariant, one.subject, one.kind) in known]
    return machine_log.source, replace(second, violations=both)


def lines(verdict: Verdict, *, source: str) -> Iterator[str]:
    """The verdict as a table by invariant, and what breaks them."""
    yield f"The machines' own log: {source}."
    yield f"{'':40}{'matched':>10}" + "".join(f"{kind:>12}" for kind in Kind)
    for number, name in INVARIANTS.items():
        if number == 7 and not verdict.matched[7]:
            continue  # only who sent the requests knows what was acknowledged
        counts = "".join(f"{verdict.count(number, kind):>12}" for kind in Kind)
        yield f"{number} {name:38}{verdict.matched[number]:>10}{counts}"
    for violation in verdict.violations[:_MOST_LINES]:
        yield f"{violation.kind}: {violation}"
    if more := verdict.violations[_MOST_LINES:]:
        yield f"... and {len(more)} more."
    broken = len(verdict.violations)
    yield "All invariants hold." if not broken else f"Broken: {broken} times."


@asynccontextmanager
async def _system(options: CheckOptions) -> AsyncIterator[tuple[Services, Log]]:
    if options.state:
        async with _served(StateFolder(options.state)) as found:
            yield found
        return
    settings = Settings()
    async with _opened(settings) as (services, sessions):

        async def log() -> MachineLog:
            local = await of_local_azure(settings.arm_endpoint) if settings.arm_is_local else None
            stored = await read_stored(services)
            azure = local or await of_reports(services, stored)
            return azure.beside(await of_servers(services, stored, sessions=sessions))

        yield services, log


@asynccontextmanager
async def _served(folder: StateFolder) -> AsyncIterator[tuple[Services, Log]]:
    settings = Settings(storage=SecretStr(folder.connection()), arm_endpoint=_NOBODYS_ARM)
    async with _opened(settings) as (opened, sessions):
        services = await at_its_time(opened, folder)
        # Only a clock that was moved is recorded.
        apart = MOVED_CLOCK if folder.clock_showed() else CLOCKS_APART

        async def log() -> MachineLog:
            stored = await read_stored(services)
            servers = await of_servers(services, stored, sessions=sessions, apart=apart)
            return of_file(folder.calls).beside(servers)

        yield services, log


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Services, ServerSessions]]:
    clock = SystemClock()
    async with (
        build(settings, clock) as services,
        server_sessions(settings, services.servers, clock) as sessions,
    ):
        yield services, sessions


async def at_its_time(services: Services, folder: StateFolder) -> Services:
    """The services at the time that the host on *folder* shows."""
    showed, now = folder.clock_showed(), services.clock.now()
    if showed is None or showed <= now:
        return services
    # What is recorded of a clock that runs fast is how far it may have come.
    ticked = await services.agenda.watermark()
    return replace(services, clock=ManualClock(max(now, min(showed, ticked or showed))))
