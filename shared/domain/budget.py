"""How many patch requests Azure still takes in one region of one subscription: token buckets, pure.

A pass reserves what it dispatches, so that several passes never count on the same token. What Azure itself says is left
replaces the estimate: less what is reserved and not yet sent, more what has been refilled since. Runs that wait for the
same place share it evenly from when the last of them came: who has had least takes first.

Sources: two buckets for patch operations of VMs are named in Azure's replies (`x-ms-ratelimit-remaining-resource`), how
they are refilled is not published, so an even flow is assumed; writes are those of Azure Resource Manager
(learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
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
_PER_SECOND: Mapping[Bucket, float] = {
    Bucket.PATCH_3_MINUTES: 190 / 180,
    Bucket.PATCH_30_MINUTES: 600 / 1800,
    Bucket.WRITES: 10,
}
_COST: Mapping[MachineType, tuple[Bucket, ...]] = {
    MachineType.AZURE_VM: tuple(Bucket),
    MachineType.ARC_SERVER: (Bucket.WRITES,),
    MachineType.SERVER: (),
}


def cost(machine_types: Iterable[MachineType]) -> Counter[Bucket]:
    """What installs on machines of these types take: one token of each bucket that counts them."""
    return Counter(bucket for machine_type in machine_types for bucket in _COST[machine_type])


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
    """How many tokens a bucket held at an instant."""

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
    blocked_until: datetime | None = None
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
    if budget.blocked_until and now < budget.blocked_until:
        return dict.fromkeys(Bucket, 0)
    return {bucket: _share(budget, run, demand, bucket, now) for bucket in Bucket}


def reserve(budget: Budget, run: str, demand: Demand, *, taken: Tokens, now: datetime) -> Budget:
    """The budget without what *run* takes, and with its claim as it is then."""
    levels = {
        bucket: Level(tokens=_tokens(budget, bucket, now) - taken.get(bucket, 0), at=now)
        for bucket in Bucket
    }
    claim = Claim(
        waiting=Counter(demand.waiting) - Counter(taken),
        reserved=Counter(demand.reserved) + Counter(taken),
        had={
            bucket: _had(budget, run, bucket, now) + taken.get(bucket, 0)
            for bucket in demand.waiting
        },
        at=now,
    )
    fresh = {key: one for key, one in budget.claims.items() if _is_fresh(one, now)}
    return replace(budget, levels=levels, claims={**fresh, run: claim})


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
        there = _refilled(left, bucket, now - seen.at)
        open_claims = reserved.get(bucket, 0) + others[bucket]
        levels[bucket] = Level(tokens=max(0.0, there - open_claims), at=now)
    return replace(budget, levels=levels, seen_at=seen.at)


def blocked(budget: Budget, until: datetime | None) -> Budget:
    """The budget of a place where Azure has asked to wait; the longest wait holds."""
    if until is None or (budget.blocked_until and until <= budget.blocked_until):
        return budget
    return replace(budget, blocked_until=until)


def _share(budget: Budget, run: str, demand: Demand, bucket: Bucket, now: datetime) -> int:
    """Fill up all who wait from where they stand, as far as the tokens go; the height is rounded up."""
    wanted, had = demand.waiting.get(bucket, 0), _had(budget, run, bucket, now)
    tokens = int(_tokens(budget, bucket, now))
    rivals = _rivals(budget, run, bucket, now)
    standing = [(had, wanted), *((one.had.get(bucket, 0), one.waiting[bucket]) for one in rivals)]

    def poured(height: int) -> int:
        return sum(min(wants, max(0, height - stands)) for stands, wants in standing)

    lowest = min(stands for stands, _ in standing)
    heights = range(lowest, 1 + max(stands + wants for stands, wants in standing))
    height = lowest + bisect_left(heights, tokens, key=poured)
    return min(tokens, wanted, max(0, height - had))


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
    level = budget.levels.get(bucket)
    if level is None:
        return _CAPACITY[bucket]
    return _refilled(level.tokens, bucket, now - level.at)


def _refilled(tokens: float, bucket: Bucket, passed: timedelta) -> float:
    """What *tokens* have grown to; where Azure has shown more than the known capacity, it is believed."""
    grown = tokens + _PER_SECOND[bucket] * max(0.0, passed.total_seconds())
    return min(grown, max(tokens, _CAPACITY[bucket]))
