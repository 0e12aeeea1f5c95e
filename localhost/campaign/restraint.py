"""Whether runs keep to their limits: their own, and Azure's.

1. No run asks for an install while as many of its own as its limit allows are under way in Azure. One whose reply was
   lost counts until the reports of half an hour could be read and did not show it: then the product may forget it.
2. Where Azure refused a patch request until an instant, no run goes on asking before it, but for Azure's word. What had
   been dispatched before the refusal could be heard of is forgiven: nobody is told the size of a bucket beforehand. So
   is a machine that another run held: waiting for it takes no token.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localhost.azure.calls import Call
from localhost.azure.operations import Install, under_way
from localhost.azure.simulation import Simulation
from localhost.campaign.findings import Asked, is_order, truth
from localhost.campaign.journal import Called, Changed, Entry
from localhost.campaign.plan import BY_HAND
from localhost.campaign.watched_azure import Refusal
from shared.adapters.storage.keys import id_to_key
from shared.domain.run import Phase

_LIMIT = "Muster.MaxConcurrency"
_FORGOTTEN_AFTER = timedelta(minutes=30)
_HEARD_WITHIN = timedelta(minutes=2)
"""All runs have had a pass after a refusal."""
_FORGIVEN = 1 + BY_HAND
"""Refusals of a run in a window: one for Azure's word, and of machines whose region was not known before."""
_BUSY = "is being patched by"
_OF_PATCHES = ("Microsoft.Compute/PatchOperation3Min", "Microsoft.Compute/PatchOperation30Min")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """An install that Azure accepted, and what it knows of it at the end."""

    one: Asked
    at: datetime
    install: Install


def overfull(entries: Iterable[Entry], asked: Sequence[Asked], azure: Simulation) -> Iterator[str]:
    """Runs that had more installs under way than their own limit allows."""
    jobs, limits = _by_request(asked), _limits(asked)
    states: dict[tuple[str, str], str] = {}
    started: dict[str, list[_Started]] = {run: [] for run in limits}
    heard_until = _NEVER

    def counts(other: _Started, at: datetime) -> bool:
        is_lost = states.get(_place(other.one)) == Phase.UNCERTAIN
        is_forgotten = is_lost and heard_until - other.at > _FORGOTTEN_AFTER
        return under_way(other.install, at) and not is_forgotten

    for entry in entries:
        match entry:
            case Changed():
                states[entry.run, entry.key] = entry.state
            case Called(call=call) if _is_answered_query(call):
                heard_until = call.at
            case Called(call=call) if call.activity and is_order(call):
                one = jobs[call.client_request_id or ""]
                run, install = one.run.id.text, truth(azure, call)
                if run not in limits or install is None:
                    continue
                patched = 1 + sum(counts(other, call.at) for other in started[run])
                if patched > limits[run]:
                    yield f"{one.subject}: {patched} at once at {call.at:%H:%M:%S}, of {limits[run]}."
                started[run].append(_Started(one=one, at=call.at, install=install))


def _limits(asked: Iterable[Asked]) -> dict[str, int]:
    """The limits of the runs that have one, as their documents say it."""
    machines = Counter(one.run.id.text for one in asked)
    limits = {}
    for run in {one.run.id.text: one.run for one in asked}.values():
        said = run.document.get("properties", {}).get("extensionProperties", {}).get(_LIMIT)
        if said:
            number, share, _ = said.partition("%")
            limits[run.id.text] = (
                -(-machines[run.id.text] * int(number) // 100) if share else int(number)
            )
    return limits


def _is_answered_query(call: Call) -> bool:
    return call.status == 200 and call.path.endswith("/Microsoft.ResourceGraph/resources")


def heedless(
    entries: Iterable[Entry], asked: Iterable[Asked], refusals: Iterable[Refusal]
) -> Iterator[str]:
    """Runs that went on asking where Azure had said that a bucket was empty."""
    jobs, said = _by_request(asked), iter(refusals)
    dispatched: dict[tuple[str, str], datetime] = {}
    were_busy: set[tuple[str, str]] = set()
    windows: dict[tuple[str, str], Refusal] = {}
    again = Counter[tuple[str, Refusal]]()
    for entry in entries:
        match entry:
            case Changed(state=Phase.DISPATCHED):
                dispatched[entry.run, entry.key] = entry.at
            case Changed(why=why) if _BUSY in why:
                were_busy.add((entry.run, entry.key))
            case Called(call=call) if is_order(call) and call.throttled in _OF_PATCHES:
                refusal, one = next(said), jobs[call.client_request_id or ""]
                first = windows.get(refusal.place)
                if first is None or refusal.at >= first.until:
                    windows[refusal.place] = refusal
                elif (
                    dispatched[_place(one)] > first.at + _HEARD_WITHIN
                    and _place(one) not in were_busy
                ):
                    again[one.run.id.text, first] += 1
    for (run, first), count in again.items():
        if count > _FORGIVEN:
            place = " ".join(first.place)
            yield f"{run[-14:]} was refused {count} times by {place} after {first.at:%H:%M:%S}."


def _by_request(asked: Iterable[Asked]) -> Mapping[str, Asked]:
    return {call.client_request_id or "": one for one in asked for call in one.calls}


def _place(one: Asked) -> tuple[str, str]:
    """What the journal calls a job."""
    return id_to_key(one.run.id.text), one.job.key
