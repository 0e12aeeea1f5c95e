"""What a run goes through while a call goes wrong, from its configuration's PUT on, and what is left at its end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration
from shared.application.limits import Limits
from shared.application.start_run import start_configuration_run
from shared.domain.records import Run
from shared.domain.run import Outcome, Reason, RunStatus
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_state,
)
from tests.drill import MINUTE
from tests.fault.crashing import CrashingDrill, Fuse

Script = Callable[[CrashingDrill], Awaitable[Run]]

NAMES = ("a", "b", "c", "d")
STOPPED = "e"
LAST_WORD = timedelta(hours=2, minutes=10)
"""How long after its start a run of one hour is closed at the latest, all passes and leases included."""


def a_drill(fuse: Fuse) -> CrashingDrill:
    """Four machines that may be patched and one that is off, resolved in two pages."""
    states = [a_state(a_machine(name)) for name in NAMES]
    states.append(a_state(a_machine(STOPPED), running=False))
    return CrashingDrill(states, fuse, limits=Limits(inventory_page=3, in_flight=2))


# --- what a run goes through ---------------------------------------------------------------------


async def scheduled(drill: CrashingDrill) -> Run:
    """A run by schedule, from the PUT of its configuration to its end."""
    await configured(drill)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    return await closed(drill)


async def asked_after(drill: CrashingDrill) -> Run:
    """A run by schedule whose machines are asked after, since bulk reports show them much later."""
    drill.fuse.rest()
    drill.machines.show_late(timedelta(minutes=40))
    await configured(drill)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 13 * MINUTE)
    drill.fuse.arm()
    return await closed(drill, busy=40 * MINUTE)


async def on_demand(drill: CrashingDrill) -> Run:
    """A run on demand, with a request id."""
    await configured(drill)
    started = await drill.ask(
        lambda: start_configuration_run(
            drill.services, CONFIGURATION, caller=LOCAL, request_id="ticket 7"
        )
    )
    run = await closed(drill)
    assert run.key == started.key
    return run


async def cancelled(drill: CrashingDrill) -> Run:
    """A run that is cancelled while some of its jobs wait."""
    run = await under_way(drill)
    await drill.ask(lambda: cancel_run(drill.services, run.id, caller=LOCAL))
    return await closed(drill)


async def deleted(drill: CrashingDrill) -> Run:
    """A run whose configuration is deleted while some of its jobs wait."""
    await under_way(drill)
    await drill.ask(lambda: delete_configuration(drill.services, CONFIGURATION, caller=LOCAL))
    run = await closed(drill)
    assert await drill.services.configurations.get(CONFIGURATION) is None
    return run


async def corrected(drill: CrashingDrill) -> Run:
    """A run that closed with an `Unknown` job, of which the word comes later."""
    drill.fuse.rest()
    drill.fleet.silent.add(a_machine("a").key)
    await scheduled(drill)
    drill.fleet.silent.clear()
    drill.fuse.arm()
    await drill.run_until(drill.clock.instant + 12 * MINUTE)
    drill.fuse.rest()
    (run,) = await drill.runs()
    return run


async def configured(drill: CrashingDrill) -> None:
    await drill.ask(lambda: drill.configure(a_configuration(duration="01:00")))
    by_hand = {"properties": {"maintenanceConfigurationId": CONFIGURATION}}
    await drill.ask(lambda: drill.attach(a_machine("a").id, "by-hand", by_hand))
    await drill.tick()


async def under_way(drill: CrashingDrill) -> Run:
    """The run by schedule, a minute after its row was written."""
    await configured(drill)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    while not statuses(drill):
        await drill.run_until(drill.clock.instant + MINUTE)
    drill.fuse.rest()
    (run,) = await drill.runs()
    drill.fuse.arm()
    return run


async def closed(drill: CrashingDrill, *, busy: timedelta = 12 * MINUTE) -> Run:
    """Tick until the run is closed, and a little longer; each minute as long as it is *busy*."""
    since = drill.clock.instant
    while drill.clock.instant < since + LAST_WORD and not is_closed(drill):
        # All that happens then is that time passes.
        step = MINUTE if drill.clock.instant < since + busy else 15 * MINUTE
        await drill.run_until(drill.clock.instant + step, step=step)
    await drill.run_until(drill.clock.instant + 2 * MINUTE)
    drill.fuse.rest()
    (run,) = await drill.runs()
    return run


def is_closed(drill: CrashingDrill) -> bool:
    return bool(statuses(drill)) and not any(status.is_open for status in statuses(drill))


def statuses(drill: CrashingDrill) -> list[RunStatus]:
    """The statuses of all runs, read behind the fuse."""
    rows = drill.rows.tables.get("Runs", {}).values()
    return [RunStatus(str(row.values["status"])) for row in rows if "status" in row.values]


# --- what is left in the end ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalState:
    """How a run ended: its machines by name, and what the agenda still has to look at."""

    status: RunStatus
    outcomes: Mapping[str, Outcome | None]
    reasons: Mapping[str, Reason | None]
    updates: Mapping[str, int]
    installs: Mapping[str, int]
    left_open: int


async def final_state(drill: CrashingDrill, script: Script) -> FinalState:
    """Play the script to its end; what holds for every run is asserted here."""
    run = await script(drill)
    where = f"call {drill.fuse.at} ({drill.fuse.hit}) {drill.fuse.when.value}"
    acknowledged = [run.id.text]
    if script is not deleted:
        acknowledged += [CONFIGURATION, await scope_id(drill)]
    assert [str(one) for one in await drill.broken(acknowledged=acknowledged)] == [], where
    jobs = {job.machine_id.rpartition("/")[2]: job for job in await drill.jobs(run)}
    installs = [install.order.machine.id.rpartition("/")[2] for install in drill.fleet.installs]
    assert len(installs) == len(set(installs)), where
    for name, job in jobs.items():
        assert (job.outcome is Outcome.SUCCEEDED) == (name in installs), f"{where}: {name}"
    names = (*NAMES, STOPPED)
    return FinalState(
        status=run.status,
        outcomes={name: jobs[name].outcome if name in jobs else None for name in names},
        reasons={name: jobs[name].reason for name in names if name in jobs},
        updates={
            name: len(await drill.services.updates.list(run.id, job.key))
            for name, job in jobs.items()
        },
        installs={name: installs.count(name) for name in names},
        left_open=len([one async for one in drill.services.agenda.open_runs()]),
    )


async def scope_id(drill: CrashingDrill) -> str:
    (scope,) = [
        one async for one in drill.services.assignments.list(f"/subscriptions/{SUBSCRIPTION}")
    ]
    return scope.id
