"""The process dies at call number n of any port, n = 1, 2, 3 ...: the run ends as if nothing had happened.

What is allowed to differ: a job whose worker died between writing `starting` and sending its request ends `Unknown`,
and its machine has no install; nothing else may make it so. In a run that is cancelled under way, a delay may also
turn `Succeeded` into `Cancelled`, for a machine without an install.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration
from shared.application.invariants import outcomes
from shared.application.limits import Limits
from shared.application.start_run import start_configuration_run
from shared.domain.records import Run
from shared.domain.run import Outcome, RunStatus
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_configuration, a_machine, a_state
from tests.drill import MINUTE
from tests.fault.crashing import CrashingDrill, Fuse, When

STRIDE = 1
"""Every so many calls dies one; raise it when the whole takes over a minute."""
LAST_SECOND = timedelta(hours=2, minutes=15)
NAMES = ("a", "b", "c", "d")
STOPPED = "e"
DIED_BEFORE_SENDING = {("write Jobs starting", When.AFTER), ("install", When.BEFORE)}


def a_drill(fuse: Fuse) -> CrashingDrill:
    """Four machines that may be patched and one that is off, resolved in two pages."""
    states = [a_state(a_machine(name)) for name in NAMES]
    states.append(a_state(a_machine(STOPPED), running=False))
    return CrashingDrill(states, fuse, limits=Limits(inventory_page=3, in_flight=2))


async def configured(drill: CrashingDrill) -> None:
    await drill.ask(lambda: drill.configure(a_configuration(duration="01:00")))
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS - MINUTE


async def finished(drill: CrashingDrill) -> Run:
    """Tick until the run is closed, at the latest when the final word is due, and a little longer."""
    ends = drill.clock.instant + LAST_SECOND
    while drill.clock.instant < ends and not await _is_closed(drill):
        # Nothing happens in the hour that passes before an `Unknown`.
        step = MINUTE if drill.clock.instant < WINDOW_OPENS + 30 * MINUTE else 5 * MINUTE
        await drill.run_until(drill.clock.instant + step)
    await drill.run_until(drill.clock.instant + 2 * MINUTE)
    drill.fuse.disarm()
    (run,) = await drill.runs()
    return run


async def _is_closed(drill: CrashingDrill) -> bool:
    """Looks into the rows behind the fuse."""
    rows = drill.rows.tables.get("Runs", {}).values()
    statuses = [str(row.values["status"]) for row in rows if "status" in row.values]
    return bool(statuses) and not any(RunStatus(status).is_open for status in statuses)


# --- what the run goes through -------------------------------------------------------------------


async def scheduled(drill: CrashingDrill) -> Run:
    """A run by schedule, from the PUT of its configuration to its end."""
    await configured(drill)
    return await finished(drill)


async def on_demand(drill: CrashingDrill) -> Run:
    """A run on demand, with a request id."""
    await configured(drill)
    drill.clock.instant += timedelta(seconds=-30)
    started = await drill.ask(
        lambda: start_configuration_run(
            drill.services, CONFIGURATION, caller=LOCAL, request_id="ticket 7"
        )
    )
    await drill.ask(lambda: delete_schedule(drill))
    run = await finished(drill)
    assert run.key == started.key
    return run


async def delete_schedule(drill: CrashingDrill) -> None:
    """Nothing of the schedule itself is due while a run on demand is watched."""


async def cancelled(drill: CrashingDrill) -> Run:
    """A run that is cancelled while some of its jobs wait."""
    await configured(drill)
    await drill.run_until(WINDOW_OPENS)
    await _when_there(drill)
    (run,) = await drill.runs()
    await drill.ask(lambda: cancel_run(drill.services, run.id, caller=LOCAL))
    return await finished(drill)


async def deleted(drill: CrashingDrill) -> Run:
    """A run whose configuration is deleted while some of its jobs wait."""
    await configured(drill)
    await drill.run_until(WINDOW_OPENS)
    await drill.ask(lambda: delete_configuration(drill.services, CONFIGURATION, caller=LOCAL))
    return await finished(drill)
