"""What machines lack: the latest assessments that Azure shows, kept in storage once they have been read.

Azure's word is asked for each time, and its updates only where it has a newer one. While Azure does not answer, what is
in storage serves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.application.callers import Caller, Role, require
from shared.application.concurrency import gather_bounded
from shared.application.find_machine import machine_type_of
from shared.application.ports import MachineRequest, RequestKind, Services
from shared.domain.assessment import Assessment
from shared.domain.ids import id_key
from shared.errors import NotFoundError, UnavailableError


async def get_assessment(
    services: Services, machine_id: str, *, caller: Caller
) -> tuple[Assessment, MachineRequest | None]:
    """A machine's latest assessment, and the latest request for one that was accepted.

    Raises `NotFoundError` when none is known, and `UnavailableError` if Azure can't be asked either.
    """
    require(caller, Role.READER)
    machine_type_of(machine_id)
    key = id_key(machine_id)
    request = await services.machine_requests.latest_accepted(key, RequestKind.ASSESS)
    found = (await latest_assessments(services, [key])).get(key)
    if found is None:
        asked = f" It was asked for at {request.at:%Y-%m-%d %H:%M} UTC." if request else ""
        raise NotFoundError(f"No assessment of {machine_id} is known.{asked}")
    return found, request


async def latest_assessments(
    services: Services, machine_keys: Sequence[str]
) -> Mapping[str, Assessment]:
    """By key, those that are known; raises `UnavailableError` when Azure does not answer and none is stored."""
    stored = await _stored(services, machine_keys)
    try:
        return stored | await _newer(services, machine_keys, stored)
    except UnavailableError:
        if not stored:
            raise
        return stored


async def _stored(services: Services, machine_keys: Sequence[str]) -> dict[str, Assessment]:
    found = await gather_bounded(
        (services.assessments.get(key) for key in machine_keys), services.limits.parallel
    )
    return {key: one for key, one in zip(machine_keys, found, strict=True) if one}


async def _newer(
    services: Services, machine_keys: Sequence[str], stored: Mapping[str, Assessment]
) -> dict[str, Assessment]:
    """Those that Azure has and storage has not; they are stored."""
    latest = await services.assessment_reports.latest(machine_keys)
    newer = {
        key: one
        for key, one in latest.items()
        if key not in stored or one.assessed_at > stored[key].assessed_at
    }
    if not newer:
        return {}
    missing = await services.assessment_reports.missing(list(newer))
    whole = {key: replace(one, updates=missing.get(key, ())) for key, one in newer.items()}
    await gather_bounded(
        (services.assessments.put(one) for one in whole.values()), services.limits.parallel
    )
    return whole
