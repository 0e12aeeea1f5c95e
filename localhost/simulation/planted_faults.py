"""Faults planted into the product on purpose: whoever looks for faults has to find these.

Each takes away one of the product's precautions, for as long as it is planted, in this process alone.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import uuid4

from localhost.simulation import users
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.rows import Verb
from shared.adapters.storage.runs import Runs
from shared.application import reconcile_run, start_job
from shared.application.ports import InstallOrder, Services, StaleError
from shared.domain.records import Job, Run, RunId
from shared.domain.run import Phase


class PlantedFault(NamedTuple):
    """What is replaced: an attribute of `owner`; `sign` is a part of what finds it."""

    owner: object
    attribute: str
    replacement: Callable[..., Any]
    sign: str


async def _insert_over_what_is_there(self: Any, run: Run) -> Run:
    written: Run = await self._write(Verb.REPLACE, replace(run, etag=""))
    return written


async def _start_before_it_is_saved(self: Any, job: Job, order: InstallOrder) -> None:
    now = self._services.clock.now()
    reply = await self._ask(job, order)
    until = now + self._limits.claim
    job = await self._move(job, Phase.STARTING, starting_at=now, claimed_until=until)
    await self._record(job, reply)


async def _lease_in_any_case(services: Services, run_id: RunId) -> Run | None:
    now, run = services.clock.now(), await services.runs.get(run_id)
    if run is None or not run.status.is_open:
        return None
    leased = replace(run, lease=uuid4().hex, leased_until=now + services.limits.claim)
    try:
        return await services.runs.replace(leased)
    except StaleError:
        return None


async def _believe_the_first_word(self: Any, table: str, *_: Any) -> list[str]:
    raise StaleError(table)


async def _look_for_no_lock(self: Any, job: Job) -> None:
    return None


async def _record_nothing(self: Any, runs: Any) -> None:
    return None


def _never_late(self: Any, job: Job) -> bool:
    return False


async def _answer_and_do_nothing(services: Services, run_id: RunId, *, caller: Any) -> Run | None:
    return await services.runs.get(run_id)


PLANTED: Mapping[str, PlantedFault] = {
    "no-key": PlantedFault(Runs, "insert", _insert_over_what_is_there, "is open again"),
    "saves-late": PlantedFault(
        start_job._Worker,  # noqa: SLF001 - it is the precaution that is taken away
        "_start",
        _start_before_it_is_saved,
        "asked again after",
    ),
    "no-lease": PlantedFault(reconcile_run, "_lease", _lease_in_any_case, "while it was held"),
    "no-confirmation": PlantedFault(
        AzureRows, "_confirmed", _believe_the_first_word, "nothing was sent"
    ),
    "no-lock": PlantedFault(
        start_job._Worker,  # noqa: SLF001 - as above
        "_held_by_other",
        _look_for_no_lock,
        "held it",
    ),
    "no-record": PlantedFault(Runs, "insert_closed", _record_nothing, "has no run"),
    "no-cut-off": PlantedFault(
        start_job._Worker,  # noqa: SLF001 - as above
        "_is_late",
        _never_late,
        "invariant 3",
    ),
    "no-cancellation": PlantedFault(users, "cancel_run", _answer_and_do_nothing, "stopped at"),
}
"""By the names that the command line knows."""


@contextmanager
def planted(name: str) -> Iterator[PlantedFault]:
    """The fault is in the product until the end; KeyError for an unknown name."""
    fault = PLANTED[name]
    before = getattr(fault.owner, fault.attribute)
    setattr(fault.owner, fault.attribute, fault.replacement)
    try:
        yield fault
    finally:
        setattr(fault.owner, fault.attribute, before)
