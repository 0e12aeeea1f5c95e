"""Let virtual time pass on a host whose clock is moved by hand, without ticking through nights without events.

1. While a run is open, or a closed one may still be corrected, every minute is ticked, as in life.
2. Otherwise the clock is set to the next occurrence at once, and the timer that is past due then fires once. That is
   enough: a pass computes what is due from what is stored, however many ticks were lost.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from localhost.clocks import ManualClock
from localhost.functions.host import Host
from shared.application.evaluate_schedules import NEVER
from shared.application.ports import Services

MINUTE = timedelta(minutes=1)


async def next_occurrence(services: Services) -> datetime | None:
    """The first occurrence on the agenda that is still to come; None when there is none.

    An entry that waits for a tick to look at it counts only after that tick.
    """
    now = services.clock.now()
    coming = [
        entry.next_due async for entry in services.agenda.due(NEVER) if now < entry.next_due < NEVER
    ]
    return min(coming, default=None)


async def pass_time(
    host: Host, services: Services, *, clock: ManualClock, until: datetime
) -> AsyncIterator[datetime]:
    """Bring the clock to *until*; yields the instant after each step, so that somebody can watch."""
    while clock.now() < until:
        if await _is_quiet(services):
            step_to = min(until, await next_occurrence(services) or until)
            clock.advance_to(step_to)
        else:
            step_to = min(until, clock.now() + MINUTE)
        await host.advance_to(step_to)
        yield step_to


async def _is_quiet(services: Services) -> bool:
    now = services.clock.now()
    async for _ in services.agenda.open_runs():
        return False
    async for _ in services.agenda.for_correction():
        return False
    # Whoever writes a configuration asks for the next tick to look at it.
    async for _ in services.agenda.due(now):
        return False
    return True
