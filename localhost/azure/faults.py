"""Misbehaviour on demand: each kind has a share of cases, and every decision can be replayed.

A decision derives from a hash of seed, kind, subject and attempt, never from a random state: the same requests to the
same machines in any order meet the same faults.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, Self, get_args

OfCalls = Literal[
    "refuse_connection",
    "drop_after_accept",
    "throttle",
    "server_error",
    "throttle_reads",
    "fail_reads",
    "lose_reads",
    "hang",
    "half_page",
]
OfMachines = Literal[
    "changing_page",
    "vanish",
    "move",
    "recreate",
    "stop_midway",
    "slow",
    "never_ends",
    "late",
    "contradict",
    "slow_consent",
]
Share = OfCalls | OfMachines

# The kinds that one request of a type may meet.
_OF_WRITES = ("refuse_connection", "drop_after_accept", "throttle", "server_error", "hang")
_OF_READS = ("throttle_reads", "fail_reads", "lose_reads", "half_page")

# Of a random mix: how likely a kind is in it, and the largest share that it then has.
_PRESENT = 0.5
_LARGEST = 0.1
_LARGEST_RARE: Mapping[str, float] = {"hang": 0.01, "never_ends": 0.03, "late": 0.03}


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on *parts* and on nothing else."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares from 0 (never) to 1 (always).

    Requests that change something (POST and PATCH of a machine): `refuse_connection` drops the connection before
    anything happened, `throttle` answers 429, half of them with `Retry-After`, `server_error` 500 or 503, both without
    effect; `drop_after_accept` does what is asked and drops the connection without a reply.

    Reads (GET, Resource Graph): `throttle_reads`, `fail_reads`, and `lose_reads`, which drops the reply. Of both kinds:
    `hang` never answers and leaves the connection open; half of the requests were carried out.

    Resource Graph: `half_page` gives fewer rows than asked for, `changing_page` hides a share of the machines from a
    few queries, others each time.

    Machines: `vanish` shows them in Resource Graph and answers 404 elsewhere; `move` changes their resource group, and
    so their id, 2 to 30 minutes after it was asked for; `slow_consent` lets a PATCH take two minutes, and a quarter of
    them fail.

    Installs: `recreate` deletes the machine in the middle and creates it again under the same id, which knows nothing
    of the install; `stop_midway` deallocates or disconnects it in the middle; `slow` ones take hours, those of
    `never_ends` do not end, `late` ones end hours after their maximum duration; `contradict` lets Resource Graph say
    something else than the operation does, for less than an hour after its end.
    """

    seed: int = 0
    refuse_connection: float = 0.0
    drop_after_accept: float = 0.0
    throttle: float = 0.0
    server_error: float = 0.0
    throttle_reads: float = 0.0
    fail_reads: float = 0.0
    lose_reads: float = 0.0
    hang: float = 0.0
    half_page: float = 0.0
    changing_page: float = 0.0
    vanish: float = 0.0
    move: float = 0.0
    recreate: float = 0.0
    stop_midway: float = 0.0
    slow: float = 0.0
    never_ends: float = 0.0
    late: float = 0.0
    contradict: float = 0.0
    slow_consent: float = 0.0

    def __post_init__(self) -> None:
        """Raise `ValueError` for a share that is none."""
        for share in fields(self):
            if share.name != "seed" and not 0 <= getattr(self, share.name) <= 1:
                raise ValueError(f"'{share.name}' is a share between 0 and 1.")

    def strikes(self, kind: Share, subject: str, *, attempt: int = 0) -> bool:
        """Whether *kind* happens to *subject* (a machine id, or a path) at its n-th *attempt*."""
        share: float = getattr(self, kind)
        return share > 0 and fraction(self.seed, kind, subject.lower(), attempt) < share

    def fraction(self, question: str, *subject: object) -> float:
        """A number in [0, 1) for a choice within a fault: when, which of two, how long."""
        return fraction(self.seed, question, *subject)

    @classmethod
    def parse(cls, document: object) -> Self:
        """Read the body of `POST /_local/faults`; raises `ValueError` for anything that is no set of shares."""
        if not isinstance(document, dict):
            raise ValueError("An object of shares is expected.")
        known = {share.name for share in fields(cls)}
        for name, value in document.items():
            if name not in known or isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"'{name}' is not a share. There are: {', '.join(sorted(known))}.")
        return cls(**document)

    @classmethod
    def everywhere(cls, share: float, seed: int = 0) -> Self:
        """Every kind of fault that a single request can meet; of each type of request about *share* meet one.

        A request that hangs lasts as long as its client's patience: `dataclasses.replace(.., hang=0)` saves that time.
        """
        shares = {
            **dict.fromkeys(_OF_READS, share / (len(_OF_READS) + 1)),
            **dict.fromkeys(_OF_WRITES, share / len(_OF_WRITES)),
        }
        return cls(seed=seed, **shares)

    @classmethod
    def random(cls, seed: int) -> Self:
        """A mix for a campaign: half of the kinds, each with a small share, all of it decided by *seed*."""
        kinds = (*get_args(OfCalls), *get_args(OfMachines))
        shares = {
            kind: _LARGEST_RARE.get(kind, _LARGEST) * fraction(seed, "how much", kind)
            for kind in kinds
            if fraction(seed, "present", kind) < _PRESENT
        }
        return cls(seed=seed, **shares)


@dataclass(slots=True)
class Attempts:
    """How often each subject was asked for, which makes the n-th request differ from the first."""

    counts: dict[str, int] = field(default_factory=dict)

    def next(self, subject: str) -> int:
        """The number of this attempt, from 1."""
        key = subject.lower()
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]
