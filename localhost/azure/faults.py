"""Misbehaviour on demand: each kind has a share of cases, and every decision can be replayed.

A decision derives from a hash of seed, kind, subject and attempt, never from a random state: the same requests to the
same machines in any order meet the same faults.
"""

import hashlib
from dataclasses import dataclass, field, fields
from typing import Literal, Self

Share = Literal[
    "refuse_connection",
    "drop_after_accept",
    "throttle",
    "server_error",
    "throttle_reads",
    "fail_reads",
    "vanish",
    "slow",
    "never_ends",
]


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on *parts* and on nothing else."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares from 0 (never) to 1 (always).

    Patch operations (POST): `refuse_connection` drops the connection before anything happened, `throttle` answers 429
    with `Retry-After`, `server_error` 500 or 503 without effect; `drop_after_accept` accepts an install, which then
    runs, and drops the connection without a reply. Reads (GET, Resource Graph): `throttle_reads`, `fail_reads`.
    Machines: `vanish` shows them in Resource Graph and answers 404 elsewhere; installs on `slow` ones take hours, and
    on those of `never_ends` they do not end.
    """

    seed: int = 0
    refuse_connection: float = 0.0
    drop_after_accept: float = 0.0
    throttle: float = 0.0
    server_error: float = 0.0
    throttle_reads: float = 0.0
    fail_reads: float = 0.0
    vanish: float = 0.0
    slow: float = 0.0
    never_ends: float = 0.0

    def __post_init__(self) -> None:
        """Raise `ValueError` for a share that is none."""
        for share in fields(self):
            if share.name != "seed" and not 0 <= getattr(self, share.name) <= 1:
                raise ValueError(f"'{share.name}' is a share between 0 and 1.")

    def strikes(self, kind: Share, subject: str, *, attempt: int = 0) -> bool:
        """Whether *kind* happens to *subject* (a machine id, or a path) at its n-th *attempt*."""
        share: float = getattr(self, kind)
        return fraction(self.seed, kind, subject.lower(), attempt) < share

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


@dataclass(slots=True)
class Attempts:
    """How often each subject was asked for, which makes the n-th request differ from the first."""

    counts: dict[str, int] = field(default_factory=dict)

    def next(self, subject: str) -> int:
        """The number of this attempt, from 1."""
        key = subject.lower()
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]
