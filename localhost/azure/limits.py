"""How much Azure lets one caller ask: buckets of tokens on the simulation's own clock, and what headers tell of them.

1. A request takes a token from each bucket of its kind; if one of them is empty it takes none, is answered 429 with
   `Retry-After`, and has no effect.
2. Buckets exist per subscription and region: a machine's, or the one in an operation's path. What has no region counts
   in buckets of its own. Resource Graph has one bucket, the caller's.
3. Tokens come back steadily, Resource Graph's all at once when its window is over. How Compute refills its buckets is
   not published: the recorded replies show none coming back for minutes, so that they do as Resource Graph's do;
   `Refill.STEADILY` is the other reading.

Sources: Azure Resource Manager, "Request limits and throttling"; Resource Graph, "Guidance for throttled requests"; the
sizes of Compute's buckets are recorded (`x-ms-ratelimit-remaining-resource`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Self

_NO_TIME = timedelta()
_THREE_MINUTES = timedelta(minutes=3)
_THIRTY_MINUTES = timedelta(minutes=30)


class Refill(Enum):
    """How tokens come back: one by one over the period, or all of them at its end."""

    STEADILY = auto()
    AT_ONCE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A bucket of *size* tokens, all of which come back in *period*; headers do not tell of the *reserve* beyond.

    One of size 0 never has a token.
    """

    size: int
    period: timedelta
    refill: Refill = Refill.STEADILY
    reserve: float = 0.0

    @property
    def capacity(self) -> float:
        """The tokens of a full bucket."""
        return self.size + self.reserve

    def in_steps(self, step: timedelta) -> Self:
        """The same for a clock that stands and then moves by *step*: what a step brings is there when it begins."""
        if self.refill is Refill.STEADILY:
            return replace(self, reserve=self.size * (step / self.period))
        windows = max(1, math.ceil(step / self.period))
        return replace(self, reserve=self.size * (windows - 1), period=self.period * windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The allowances of one subscription and region, and of one caller's `queries`."""

    writes: Allowance = Allowance(size=200, period=timedelta(seconds=20))
    reads: Allowance = Allowance(size=250, period=timedelta(seconds=10))
    patches_3_min: Allowance = Allowance(size=190, period=_THREE_MINUTES, refill=Refill.AT_ONCE)
    patches_30_min: Allowance = Allowance(size=600, period=_THIRTY_MINUTES, refill=Refill.AT_ONCE)
    polls_3_min: Allowance = Allowance(size=15_000, period=_THREE_MINUTES, refill=Refill.AT_ONCE)
    polls_30_min: Allowance = Allowance(size=30_000, period=_THIRTY_MINUTES, refill=Refill.AT_ONCE)
    queries: Allowance = Allowance(size=15, period=timedelta(seconds=5), refill=Refill.AT_ONCE)

    def in_steps(self, step: timedelta) -> Self:
        """The same for a clock that moves in steps: more than these allow by what one step brings, and never by more.

        Compute's buckets stay as they are: a step of a minute is a small part of their periods.
        """
        return replace(
            self,
            writes=self.writes.in_steps(step),
            reads=self.reads.in_steps(step),
            queries=self.queries.in_steps(step),
        )


class Cost(Enum):
    """The kinds of requests, by the buckets that they take from. What Arc's polls take is inferred."""

    READ = auto()
    WRITE = auto()
    VM_PATCH = auto()
    VM_POLL = auto()
    ARC_POLL = auto()
    QUERY = auto()


_TAKES_FROM: Mapping[Cost, tuple[str, ...]] = {
    Cost.READ: ("reads",),
    Cost.WRITE: ("writes",),
    Cost.VM_PATCH: ("writes", "patches_3_min", "patches_30_min"),
    Cost.VM_POLL: ("polls_3_min", "polls_30_min"),
    Cost.ARC_POLL: ("reads",),
    Cost.QUERY: ("queries",),
}
_RESOURCE_NAMES = {
    "patches_3_min": "Microsoft.Compute/PatchOperation3Min",
    "patches_30_min": "Microsoft.Compute/PatchOperation30Min",
    "polls_3_min": "Microsoft.Compute/GetOperation3Min",
    "polls_30_min": "Microsoft.Compute/GetOperation30Min",
}
_HEADERS = {
    "writes": "x-ms-ratelimit-remaining-subscription-writes",
    "reads": "x-ms-ratelimit-remaining-subscription-reads",
    "queries": "x-ms-user-quota-remaining",
}
_RESOURCE_HEADER = "x-ms-ratelimit-remaining-resource"
_ARC_POLLS_HEADER = "x-ms-ratelimit-remaining-subscription-resource-requests"
_RESET_HEADER = "x-ms-user-quota-resets-after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What came of asking for tokens: `headers` tell what is left, `throttled_by` names the bucket that was empty."""

    headers: Mapping[str, str] = field(default_factory=dict)
    throttled_by: str | None = None


@dataclass(slots=True, kw_only=True)
class _Bucket:
    """A bucket and its tokens as they were at `since`; with `AT_ONCE` the instant at which its window began."""

    allowance: Allowance
    left: float
    since: datetime

    def settle(self, now: datetime) -> None:
        capacity, period = self.allowance.capacity, self.allowance.period
        elapsed = max(now - self.since, _NO_TIME)
        if self.allowance.refill is Refill.STEADILY:
            self.left = min(capacity, self.left + self.allowance.size * (elapsed / period))
            self.since = max(self.since, now)
        elif elapsed >= period or self.left == capacity:
            self.left, self.since = capacity, now

    def shown(self) -> int:
        return int(min(self.left, self.allowance.size))

    def resets_after(self, now: datetime) -> timedelta:
        """Until there is a token (steadily), or until the window is over."""
        if self.allowance.refill is Refill.AT_ONCE:
            return self.since + self.allowance.period - now
        return max(_NO_TIME, (1 - self.left) * self.allowance.period / max(1, self.allowance.size))


class Meter:
    """What one caller has used of its *limits*; None never throttles, and every reply tells of a full bucket."""

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def charge(self, cost: Cost, *, subscription: str, region: str, now: datetime) -> Charge:
        """Take a token from each bucket of this kind of request, or from none."""
        place = (subscription.lower(), region.replace(" ", "").lower())
        buckets = {name: self._bucket(name, place, now) for name in _TAKES_FROM[cost]}
        empty = [name for name, bucket in buckets.items() if bucket.left < 1]
        if not empty:
            for bucket in buckets.values():
                bucket.left -= 1
        headers = _headers(cost, buckets, now)
        if empty:
            wait = max(buckets[name].resets_after(now) for name in empty)
            headers["Retry-After"] = str(max(1, math.ceil(wait.total_seconds())))
        return Charge(headers=headers, throttled_by=_full_name(empty[0]) if empty else None)

    def _bucket(self, name: str, place: tuple[str, str], now: datetime) -> _Bucket:
        allowance: Allowance = getattr(self._limits or _UNTOUCHED, name)
        fresh = _Bucket(allowance=allowance, left=allowance.capacity, since=now)
        if self._limits is None:
            return fresh
        key = (name, *place) if name != "queries" else (name, "", "")
        bucket = self._buckets.setdefault(key, fresh)
        bucket.settle(now)
        return bucket


_UNTOUCHED = Limits()


def _full_name(name: str) -> str:
    return _RESOURCE_NAMES.get(name) or _HEADERS[name]


def _headers(cost: Cost, buckets: Mapping[str, _Bucket], now: datetime) -> dict[str, str]:
    shown = {name: str(bucket.shown()) for name, bucket in buckets.items()}
    headers = {_HEADERS[name]: left for name, left in shown.items() if name in _HEADERS}
    resources = [
        f"{_RESOURCE_NAMES[name]};{shown[name]}" for name in shown if name in _RESOURCE_NAMES
    ]
    if resources:
        headers[_RESOURCE_HEADER] = ",".join(resources)
    if cost is Cost.ARC_POLL:
        headers[_ARC_POLLS_HEADER] = headers.pop(_HEADERS["reads"])
    if cost is Cost.QUERY:
        seconds = math.ceil(buckets["queries"].resets_after(now).total_seconds())
        headers[_RESET_HEADER] = str(timedelta(seconds=seconds)).zfill(8)
    return headers
