"""How fast a campaign's time goes: each minute counts while a run is under way, and else none in which nothing begins.

Leaving minutes out changes nothing but the time that it takes: a tick that is lost is no more than that.
"""

from datetime import datetime, timedelta

from localhost.campaign.virtual_time import VirtualClock
from localhost.passing_time import MINUTE, next_occurrence
from shared.application.ports import Services
from shared.domain.run import Phase

# No multiples of five minutes: each install is asked after in a minute of its own out of five. While runs are open that
# has to come often enough for Arc's addresses, which live an hour.
_WAITING = timedelta(minutes=2)
_QUIET = timedelta(minutes=57)
_WAITS_FOR_A_WORD = (Phase.STARTED, Phase.UNCERTAIN, Phase.ENDED)


async def stride(services: Services) -> timedelta:
    """How long to the next tick at most; `MINUTE` while every minute counts."""
    if await _is_asked_for(services) or await _moves(services):
        return MINUTE
    return _WAITING if await _is_under_way(services) else _QUIET


async def is_open(services: Services) -> bool:
    """Whether a run is open, or a tick is asked for."""
    return await _is_under_way(services) or await _is_asked_for(services)


async def _is_under_way(services: Services) -> bool:
    return any([run async for run in services.agenda.open_runs()])


async def _is_asked_for(services: Services) -> bool:
    return any([entry async for entry in services.agenda.due(services.clock.now())])


async def _moves(services: Services) -> bool:
    """Whether a run is new, a job of it has not been started, or it has to end now."""
    soon = services.clock.now() + _WAITING - services.limits.final_word
    async for run_id, _ in services.agenda.open_runs():
        run = await services.runs.get(run_id)
        if run is None or run.resolved_at is None or run.ends_at <= soon:
            return True
        async for job in services.jobs.glance(run_id):
            if job.phase not in _WAITS_FOR_A_WORD:
                return True
    return False


async def next_tick(services: Services, *, within: timedelta, step_at: datetime | None) -> datetime:
    """When to tick next: *within* a stride, or sooner where an occurrence or a step is to come."""
    coming = [services.clock.now() + within, step_at, await next_occurrence(services)]
    return min(instant for instant in coming if instant)


def wait_until(clock: VirtualClock, instant: datetime, *, grid: timedelta = MINUTE) -> None:
    """Leap to the last full minute (or other *grid*) up to *instant*, but to one that is still to come."""
    now = clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    following = midnight + ((now - midnight) // grid + 1) * grid
    target = midnight + (instant - midnight) // grid * grid
    clock.leap(max(target, following) - now)
