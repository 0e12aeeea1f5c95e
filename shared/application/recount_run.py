"""Counting a run's jobs again after one of them was corrected.

Read, count, write under the ETag that was read: whoever writes last has counted after the other's rows were written.
"""

from shared.application.ports import Services, StaleError
from shared.application.reconcile_run import recounted
from shared.domain.dispatch import tally
from shared.domain.records import RunId


async def recount_run(services: Services, run_id: RunId) -> None:
    """Store the counts and the status that follow from the rows now."""
    while run := await services.runs.get(run_id):
        # An open run is written unchanged: a pass that is counting right now then counts again.
        counted = run
        if not run.status.is_open:
            found = tally([job async for job in services.jobs.glance(run_id)])
            counted = recounted(run, found)
        try:
            await services.runs.replace(counted)
        except StaleError:
            continue
        return
