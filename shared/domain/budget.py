"""How many patch requests Azure still takes in one region of one subscription: token buckets, pure.

A pass reserves what it dispatches, so that several passes never count on the same token. What Azure itself says is left
replaces the estimate, less what is reserved and not yet sent. Runs that wait for the same place share it evenly from
when the last of them came: who has had least takes first.

Two buckets for patch operations of VMs are named in Azure's replies (`x-ms-ratelimit-remaining-resource`). How they are
refilled is not published, and recorded replies show no even flow: nothing is taken to come back before the bucket's
whole time has passed, unless Azure says so. Where nothing is left one request may be sent for its word. Writes flow
evenly (learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.machine import MachineType

_COMPETES = timedelta(seconds=150)
"""How long a run counts as waiting after its last pass: it comes each minute."""


class Bucket(StrEnum):
    """What Azure counts; the first two under its own names."""

    PATCH_3_MINUTES = "Microsoft.Compute/PatchOperation3Min"
    PATCH_30_MINUTES = "Microsoft.Compute/PatchOperation30Min"
    WRITES = "writes"


Tokens = Mapping[Bucket, int]

_CAPACITY: Tokens = {
    Bucket.PATCH_3_MINUTES: 190,
    Bucket.PATCH_30_MINUTES: 600,
    Bucket.WRITES: 200,
}
_WRITES_PER_SECOND = 10
_FULL_AFTER: Mapping[Bucket, timedelta] = {
    Bucket.PATCH_3_MINUTES: timedelta(minutes=3),
    Bucket.PATCH_30_MINUTES: timedelta(minutes=30),
}
_COST: Mapping[MachineType, tuple[Bucket, ...]] = {
    MachineType.AZURE_VM: tuple(Bucket),
    MachineType.ARC_SERVER: (Bucket.WRITES,),
    MachineType.SERVER: (),
}
_THROTTLED_BY: Mapping[MachineType, tuple[Bucket, ...]] = {
    MachineType.AZURE_VM: tuple(_FULL_AFTER),
    MachineType.ARC_SERVER: (Bucket.WRITES,),
    MachineType.SERVER: (),
}


def cost(machine_types: Iterable[MachineType]) -> Counter[Bucket]:
    """What installs on machines of these types take: one token of each bucket that counts them."""
    return Counter(bucket for machine_type in machine_types for bucket in _COST[machine_type])


def throttled_by(machine_type: MachineType) -> tuple[Bucket, ...]:
    """The buckets that a 429 to an install on such a machine speaks of: the scarcest that count it."""
    return _THROTTLED_BY[machine_type]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """What Azure has a budget for; a region that is not known yet is empty, and a place of its own."""

    subscription: str
    region: str

    @classmethod
    def of(cls, subscription: str, location: str) -> "Place":
        """The place, whatever the spelling: `Japan East` is `japaneast`."""
        return cls(subscription=subscription.lower(), region=location.replace(" ", "").lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How many tokens a bucket held when Azure said so, or after the last reservation that they covered.

    Fewer than none: more were reserved than Azure had.
    """

    tokens: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one run's jobs wait for, and what they have reserved and not yet spent."""

    waiting: Tokens
    reserved: Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The demand of one run after its last pass, and what it has had, on one scale with the others of the place."""

    waiting: Tokens
    reserved: Tokens
    had: Tokens
    at: datetime

    @property
    def wants(self) -> bool:
        """Whether there is anything in it that the others have to know."""
        return any(self.waiting.values()) or any(self.reserved.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Azure said was left, at an instant."""

    left: Tokens
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The buckets of one place, and who wants of them; one that has no level yet is full."""

    place: Place
    levels: Mapping[Bucket, Level] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    blocked_until: Mapping[Bucket, datetime] = field(default_factory=dict)
    seen_at: datetime | None = None
    etag: str = ""


def read_left(text: str) -> Tokens:
    """Read `<bucket>;<number>,...`, Azure's own notation; what is not of it, or of another bucket, is passed over."""
    left = {}
    for part in text.split(","):
        name, _, number = part.strip().partition(";")
        if name in list(Bucket) and number.isascii() and number.isdigit():
            left[Bucket(name)] = int(number)
    return left


def allowance(budget: Budget, run: str, demand: Demand, *, now: datetime) -> Tokens:
    """What *run* may take now of what it waits for."""
    usable = _usable(budget, run, demand, now)
    return {bucket: _share(budget, run, usable, bucket, now) for bucket in Bucket}


def reserve(budget: Budget, run: str, demand: Demand, *, taken: Tokens, now: datetime) -> Budget:
    """The budget without what *run* takes, and with its claim as it is then."""
    demand = _usable(budget, run, demand, now)
    levels = dict(budget.levels)
    for bucket, count in taken.items():
        there = _tokens(budget, bucket, now)
        if there >= 1:
            # A worker whose clock is behind must not let the same seconds flow in again.
            at = max(now, levels[bucket].at) if bucket in levels else now
            levels[bucket] = Level(tokens=max(0.0, there - count), at=at)
    claim = Claim(
        waiting=Counter(demand.waiting) - Counter(taken),
        reserved=Counter(demand.reserved) + Counter(taken),
        had={
            # Whoever leaves what it was offered has had it: a run that something else holds saves nothing up.
            bucket: _had(budget, run, bucket, now)
            + max(taken.get(bucket, 0), _share(budget, run, demand, bucket, now))
            for bucket in demand.waiting
        },
        at=now,
    )
    claims = {**budget.claims, run: claim}
    wanting = {key: one for key, one in claims.items() if _is_fresh(one, now) and one.wants}
    return replace(budget, levels=levels, claims=wanting)


def corrected(
    budget: Budget, run: str, *, seen: Seen | None, reserved: Tokens, now: datetime
) -> Budget:
    """The budget by Azure's own word, unless a newer one is in it; *reserved* is what *run* has not spent yet."""
    if seen is None or (budget.seen_at and seen.at <= budget.seen_at):
        return budget
    others = Counter[Bucket]()
    for key, claim in budget.claims.items():
        if key != run and _is_fresh(claim, now):
            others.update(claim.reserved)
    levels = dict(budget.levels)
    for bucket, left in seen.left.items():
        open_claims = reserved.get(bucket, 0) + others[bucket]
        levels[bucket] = Level(tokens=left - open_claims, at=seen.at)
    return replace(budget, levels=levels, seen_at=seen.at)


def blocked(budget: Budget, until: Mapping[Bucket, datetime]) -> Budget:
    """The budget of a place where Azure has asked to wait; of each bucket the longest wait holds."""
    waits = dict(budget.blocked_until)
    for bucket, instant in until.items():
        waits[bucket] = max(instant, waits.get(bucket, instant))
    return replace(budget, blocked_until=waits)


def _usable(budget: Budget, run: str, demand: Demand, now: datetime) -> Demand:
    """The demand without the writes that its VMs could not use, for want of patch operations."""
    vms = demand.waiting.get(Bucket.PATCH_3_MINUTES, 0)
    may = min(_share(budget, run, demand, bucket, now) for bucket in _FULL_AFTER)
    writes = demand.waiting.get(Bucket.WRITES, 0) - max(0, vms - may)
    return replace(demand, waiting={**demand.waiting, Bucket.WRITES: writes})


def _share(budget: Budget, run: str, demand: Demand, bucket: Bucket, now: datetime) -> int:
    """Fill up all who wait from where they stand, as far as the tokens go; the height is rounded up."""
    if bucket in budget.blocked_until and now < budget.blocked_until[bucket]:
        return 0
    wanted, had = demand.waiting.get(bucket, 0), _had(budget, run, bucket, now)
    tokens = int(_tokens(budget, bucket, now))
    if not tokens and bucket in _FULL_AFTER:
        return 0 if _is_asked(budget, run, demand, bucket, now) else min(wanted, 1)
    rivals = _rivals(budget, run, bucket, now)
    standing = [(had, wanted), *((one.had.get(bucket, 0), one.waiting[bucket]) for one in rivals)]

    def poured(height: int) -> int:
        return sum(min(wants, max(0, height - stands)) for stands, wants in standing)

    lowest = min(stands for stands, _ in standing)
    heights = range(lowest, 1 + max(stands + wants for stands, wants in standing))
    height = lowest + bisect_left(heights, tokens, key=poured)
    return min(tokens, wanted, max(0, height - had))


def _is_asked(budget: Budget, run: str, demand: Demand, bucket: Bucket, now: datetime) -> bool:
    """Whether a request is on its way that will bring Azure's word."""
    return bool(demand.reserved.get(bucket)) or any(
        claim.reserved.get(bucket)
        for key, claim in budget.claims.items()
        if key != run and _is_fresh(claim, now)
    )


def _had(budget: Budget, run: str, bucket: Bucket, now: datetime) -> int:
    """What a run has had; one that is new among those who wait stands beside the one that has had least."""
    own = budget.claims.get(run)
    if own and _is_fresh(own, now) and own.waiting.get(bucket):
        return own.had.get(bucket, 0)
    rivals = _rivals(budget, run, bucket, now)
    return min((one.had.get(bucket, 0) for one in rivals), default=0)


def _rivals(budget: Budget, run: str, bucket: Bucket, now: datetime) -> list[Claim]:
    return [
        claim
        for key, claim in budget.claims.items()
        if key != run and _is_fresh(claim, now) and claim.waiting.get(bucket)
    ]


def _is_fresh(claim: Claim, now: datetime) -> bool:
    return now - claim.at <= _COMPETES


def _tokens(budget: Budget, bucket: Bucket, now: datetime) -> float:
    """What there is now; where Azure has shown more than the known capacity, it is believed."""
    level, capacity = budget.levels.get(bucket), _CAPACITY[bucket]
    if level is None:
        return capacity
    passed = max(timedelta(0), now - level.at)
    if bucket in _FULL_AFTER:
        is_full = passed >= _FULL_AFTER[bucket]
        grown = capacity if is_full else 0.0
    else:
        grown = min(capacity, level.tokens + _WRITES_PER_SECOND * passed.total_seconds())
    return max(0.0, level.tokens, grown)
