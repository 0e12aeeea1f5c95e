"""Assessments that a preview asks for: of machines whose latest one is missing or older than wanted.

Only machines that can be assessed now are asked, none again within half an hour of a request without a newer
assessment, whatever Azure said to it, and never more than one request may mean. Each request is recorded as one by hand
is, under whoever wanted the preview.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.application.ask_machines import request_assessments
from shared.application.callers import Caller
from shared.application.concurrency import gather_bounded
from shared.application.match_machines import MatchedMachine
from shared.application.ports import MachineRequest, RequestKind, Services
from shared.domain.assessment import Assessment, is_assessable, is_outdated

_PATIENCE = timedelta(minutes=30)
"""How long the answer to a request is waited for before another one is sent."""


async def refresh_assessments(
    services: Services,
    machines: Sequence[MatchedMachine],
    known: Mapping[str, Assessment],
    *,
    age: timedelta,
    caller: Caller,
) -> dict[str, MachineRequest]:
    """The requests that were made or are under way, by the machine's key; *known* are the latest assessments.

    Whether *caller* may have machines asked is for the caller of this to decide.
    """
    now = services.clock.now()
    outdated = [
        one
        for one in machines
        if one.state
        and is_assessable(one.state)
        and is_outdated(known.get(one.key), age=age, now=now)
    ]
    latest = await gather_bounded(
        (services.machine_requests.latest(one.key, RequestKind.ASSESS) for one in outdated),
        services.limits.parallel,
    )
    pending = {
        one.key: request
        for one, request in zip(outdated, latest, strict=True)
        if request and _is_under_way(request, known.get(one.key), now)
    }
    wanted = [one.id for one in outdated if one.key not in pending]
    most = services.limits.machines_per_request
    asked = await request_assessments(services, wanted[:most], caller=caller)
    return pending | {one.machine_id.lower(): one for one in asked}


def _is_under_way(request: MachineRequest, assessment: Assessment | None, now: datetime) -> bool:
    is_answered = assessment is not None and assessment.assessed_at >= request.at
    return not is_answered and now - request.at < _PATIENCE
