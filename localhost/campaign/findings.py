"""What the invariants alone can't see: what was sent, and what the simulated Azure knows of its own installs.

1. A request for an install is never repeated after an answer that left it in doubt, or no answer.
2. No machine is asked for an install while another run's job holds it.
3. Nothing of a run is asked for after its cancellation, or its configuration's deletion, was acknowledged.
4. A job claims no more than Azure did, and no less than Azure showed in time: an install that ended does not stay
   `Unknown`, and its updates are counted.
5. A request id starts one run, however often it comes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localhost.azure.calls import Call
from localhost.azure.errors import ArmError
from localhost.azure.fleet import Kind
from localhost.azure.operations import Install, under_way
from localhost.azure.simulation import Simulation
from localhost.azure.updates import PatchState
from localhost.campaign.journal import Called, Changed, Entry
from localhost.campaign.requests import Acknowledged
from localhost.campaign.watched_azure import WatchedAzure
from shared.adapters.storage.keys import id_to_key
from shared.application.limits import Limits
from shared.application.ports import Services
from shared.application.start_job import client_request_id
from shared.domain.records import Job, Run
from shared.domain.run import Outcome, Phase, Reason

_SHOWN_AFTER = timedelta(hours=3)
"""Resource Graph's lag, the longest contradiction, and two strides of the driver."""
_WAITED_FOR = timedelta(minutes=20)
"""How long after its end the updates of an install are waited for."""
_TRIES = timedelta(minutes=10)
"""How long they have to be there at the last moment, when some queries fail."""
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_HOLDING = (Phase.STARTING, Phase.STARTED, Phase.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job, and every call that asked for its install."""

    run: Run
    job: Job
    calls: tuple[Call, ...]

    @property
    def subject(self) -> str:
        """What a finding is about."""
        name, run = self.job.machine_id.rpartition("/")[2], self.run.configuration_id
        return f"{name} in {run.rpartition('/')[2]} {self.run.key}"


async def asked_for(services: Services, calls: Iterable[Call]) -> list[Asked]:
    """All jobs, with the calls that bear their request ids."""
    by_request: dict[str, list[Call]] = {}
    for call in calls:
        if is_order(call) and call.client_request_id:
            by_request.setdefault(call.client_request_id, []).append(call)
    return [
        Asked(
            run=run,
            job=job,
            calls=tuple(by_request.get(client_request_id(run.id, job.key), ())),
        )
        async for run in services.runs.list_within("/subscriptions")
        async for job in services.jobs.list(run.id)
    ]


def is_order(call: Call) -> bool:
    """Whether the call asks for an install."""
    return call.method == "POST" and call.path.lower().endswith("/installpatches")


def repeated(asked: Iterable[Asked]) -> Iterator[str]:
    """Requests that were sent again though the one before was not refused."""
    for one in asked:
        for call in one.calls[:-1]:
            if not _is_refusal(call):
                yield f"{one.subject}: asked again after {call.status} at {call.at:%H:%M:%S}."


def crowded(
    entries: Iterable[Entry], asked: Iterable[Asked], *, unknown_holds: timedelta
) -> Iterator[str]:
    """Machines that were asked for an install while another run's job held them."""
    jobs = {client_request_id(one.run.id, one.job.key): one for one in asked}
    holders: dict[str, dict[str, datetime]] = {}
    for entry in entries:
        match entry:
            case Changed(machine=machine):
                _follow(holders.setdefault(machine, {}), entry, unknown_holds)
            case Called(call=call) if is_order(call) and call.client_request_id in jobs:
                one = jobs[call.client_request_id]
                for run, until in holders.get(one.job.machine_id.lower(), {}).items():
                    if run != id_to_key(one.run.id.text) and call.at < until:
                        message = f"asked at {call.at:%H:%M:%S}, while {run[-14:]} held it."
                        yield f"{one.subject}: {message}"


def _follow(held: dict[str, datetime], change: Changed, unknown_holds: timedelta) -> None:
    """Note until when a job holds its machine, by run."""
    if change.state in _HOLDING:
        held[change.run] = _FOR_EVER
    elif change.state == Outcome.UNKNOWN:
        held[change.run] = change.at + unknown_holds
    else:
        held.pop(change.run, None)


def unstopped(asked: Iterable[Asked], acknowledged: Acknowledged) -> Iterator[str]:
    """Runs that asked for something after they were stopped."""
    for one in asked:
        run = f"{one.run.id.text.lower()}/"
        for stopped, at in acknowledged.stopped.items():
            for call in one.calls:
                if run.startswith(f"{stopped}/") and call.at >= at:
                    yield f"{one.subject}: asked at {call.at:%H:%M:%S}, stopped at {at:%H:%M:%S}."


def untrue(asked: Iterable[Asked], azure: WatchedAzure, *, limits: Limits) -> Iterator[str]:
    """Jobs whose outcome is not what Azure did."""
    for one in asked:
        accepted = [call for call in one.calls if call.activity]
        if not accepted:
            if one.job.outcome is Outcome.FAILED and one.job.reason is not Reason.REFUSED:
                yield f"{one.subject}: {one.job.reason}, but nothing was accepted."
            continue
        install = truth(azure, accepted[0])
        message = (
            _lie(one, install, azure.now())
            or _miscount(
                one, install, azure.shown_at, last_word=one.run.ends_at + limits.final_word
            )
            or _silence(one, install, azure, corrected_for=limits.correction)
        )
        if message:
            yield f"{one.subject}: {message}"


def truth(azure: Simulation, call: Call) -> Install | None:
    """The install as Azure knows it now; None for one that it has forgotten."""
    path = (call.machine or "").lower()
    kind = Kind.VM if Kind.VM.lower() in path else Kind.ARC
    try:
        found = azure.operation(call.activity or "", kind=kind)
    except ArmError:
        return None
    return found if isinstance(found, Install) else None


_MAY_CLAIM: Mapping[Outcome, tuple[str, ...]] = {
    Outcome.SUCCEEDED: ("Succeeded",),
    Outcome.COMPLETED_WITH_WARNINGS: ("Succeeded", "CompletedWithWarnings"),
    Outcome.FAILED: ("Failed",),
}

_COUNTED = (PatchState.INSTALLED, PatchState.FAILED, PatchState.PENDING)


def _lie(one: Asked, install: Install | None, now: datetime) -> str:
    job = one.job
    words = _MAY_CLAIM.get(job.outcome) if job.outcome else None
    if words is None:
        return ""
    if install is None:
        return f"{job.outcome}, but Azure has forgotten the install."
    if under_way(install, now) or install.ended_at is None:
        return f"{job.outcome}, but the install has not ended."
    if install.status not in words:
        return f"{job.outcome}, but Azure says {install.status}."
    if job.outcome is Outcome.SUCCEEDED and install.ended_at > one.run.ends_at:
        return f"{job.outcome}, but it ended at {install.ended_at}, after its window."
    return ""


def _miscount(
    one: Asked, install: Install | None, shown_at: Mapping[str, datetime], *, last_word: datetime
) -> str:
    job = one.job
    if install is None or install.ended_at is None or job.outcome not in _MAY_CLAIM:
        return ""
    shown = (job.counts.installed, job.counts.failed, job.counts.pending)
    done = tuple(install.counts[state] for state in _COUNTED)
    # Updates that Azure did not show in time are none, and the job's message says so.
    in_time = min(install.ended_at + _WAITED_FOR, last_word - _TRIES)
    is_excused = shown == (0, 0, 0) and shown_at[install.activity_id] > in_time
    if shown == done or is_excused:
        return ""
    return f"it counts {shown} installed, failed and pending, Azure {done}."


def _silence(
    one: Asked, install: Install | None, azure: Simulation, *, corrected_for: timedelta
) -> str:
    if one.job.outcome is not Outcome.UNKNOWN or install is None or install.ended_at is None:
        return ""
    # Of one whose reply was lost nothing is known but its machine, which may have another id now.
    if not one.job.activity_id and azure.fleet.get(one.job.machine_id) is None:
        return ""
    until = (one.run.closed_at or one.run.ends_at) + corrected_for
    if install.ended_at + _SHOWN_AFTER > until:
        return ""
    return f"Unknown, but Azure showed {install.status} from {install.ended_at} on."


async def doubled(services: Services) -> list[str]:
    """Request ids that started more than one run."""
    started = Counter(
        [
            (run.configuration_id, run.request_id)
            async for run in services.runs.list_within("/subscriptions")
            if run.request_id
        ]
    )
    return [
        f"{configuration.rpartition('/')[2]}: {count} runs of the request '{request_id}'."
        for (configuration, request_id), count in started.items()
        if count > 1
    ]


def _is_refusal(call: Call) -> bool:
    return isinstance(call.status, int) and 400 <= call.status < 500 and call.status != 408
