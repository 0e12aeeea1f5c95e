"""The process dies at call number n of any port, n = 1, 2, 3 ...: the run ends as if nothing had happened.

What is allowed to differ: the one job whose worker died between writing `starting` and sending its request ends
`Unknown`, and its machine has no install. In a run that is stopped under way, the time that a death costs moves the
line between what was started and what was `Cancelled`; still exactly those with an install are `Succeeded`.

Of the calls that die before they take effect, reads among them, every second one is tried: two neighbours see the same
rows unless a write is between them, and every write is tried as one that died after it took effect.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration
from shared.application.limits import Limits
from shared.application.start_run import start_configuration_run
from shared.domain.records import Run
from shared.domain.run import Outcome, RunStatus
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_state,
)
from tests.drill import MINUTE
from tests.fault.crashing import CrashingDrill, Fuse, When

Script = Callable[[CrashingDrill], Awaitable[Run]]

NAMES = ("a", "b", "c", "d")
STOPPED = "e"
LAST_WORD = timedelta(hours=2, minutes=10)
"""How long after its start a run of one hour is closed at the latest, all passes and leases included."""
STRIDES = {When.BEFORE: 2, When.AFTER: 1}
DIED_BEFORE_SENDING = [
    ("write Jobs starting", When.AFTER),
    ("get Runs", When.BEFORE),
    ("get Runs", When.AFTER),
    ("install", When.BEFORE),
]


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


async def closed(drill: CrashingDrill) -> Run:
    """Tick until the run is closed, and a little longer."""
    since = drill.clock.instant
    while drill.clock.instant < since + LAST_WORD and not is_closed(drill):
        # All that happens in the second hour is that it passes.
        is_busy = drill.clock.instant < since + 12 * MINUTE
        await drill.run_until(drill.clock.instant + (MINUTE if is_busy else 15 * MINUTE))
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


# --- and how it has to end -----------------------------------------------------------------------


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("script", [scheduled, on_demand, cancelled, deleted, corrected])
async def test_run_ends_alike_wherever_the_process_died(script: Script, when: When) -> None:
    expected = await outcomes_of(a_drill(Fuse(0, when)), script)
    assert expected[STOPPED] is Outcome.SKIPPED or script in (cancelled, deleted)
    at, fuse = 1, Fuse(1, when)
    while True:
        found = await outcomes_of(a_drill(fuse), script)
        if not fuse.hit:
            break
        differs = {name: found[name] for name in found if found[name] is not expected[name]}
        assert all(is_allowed(outcome, script, fuse) for outcome in differs.values()), (
            f"call {at} ({fuse.hit}) died {when.value}: {differs}"
        )
        at += STRIDES[when]
        fuse = Fuse(at, when)
    assert at > 10


async def outcomes_of(drill: CrashingDrill, script: Script) -> dict[str, Outcome | None]:
    """How each machine's job ended; what holds for every run is asserted here."""
    run = await script(drill)
    where = f"call {drill.fuse.at} ({drill.fuse.hit}) died {drill.fuse.when.value}"
    acknowledged = [run.id.text]
    if script is not deleted:
        acknowledged += [CONFIGURATION, await scope_id(drill)]
    assert [str(one) for one in await drill.broken(acknowledged=acknowledged)] == [], where
    jobs = {job.machine_id.rpartition("/")[2]: job for job in await drill.jobs(run)}
    installs = [install.order.machine.id.rpartition("/")[2] for install in drill.fleet.installs]
    assert len(installs) == len(set(installs)), where
    for name, job in jobs.items():
        assert (job.outcome is Outcome.SUCCEEDED) == (name in installs), f"{where}: {name}"
    return {name: jobs[name].outcome if name in jobs else None for name in (*NAMES, STOPPED)}


async def scope_id(drill: CrashingDrill) -> str:
    (scope,) = [
        one async for one in drill.services.assignments.list(f"/subscriptions/{SUBSCRIPTION}")
    ]
    return scope.id


def is_allowed(outcome: Outcome | None, script: Script, fuse: Fuse) -> bool:
    if script in (cancelled, deleted) and outcome is not Outcome.UNKNOWN:
        return outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED, None)
    return outcome is Outcome.UNKNOWN and (fuse.hit, fuse.when) in DIED_BEFORE_SENDING
