"""What the checker finds: for each invariant how much of it was found in order, and what breaks it.

What breaks it is *missed* (due or claimed, but not there), *extra* (there, but nothing calls for it), *incomplete*
(begun, but not ended in time), or simply *wrong*.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """In which way something breaks an invariant."""

    MISSED = "missed"
    EXTRA = "extra"
    INCOMPLETE = "incomplete"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A broken invariant, by its number, and what breaks it."""

    invariant: int
    subject: str
    message: str
    kind: Kind = Kind.WRONG

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.subject}: {self.message}"


@dataclass(slots=True, kw_only=True)
class Verdict:
    """`matched` counts by invariant what was found in order."""

    matched: Counter[int] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def judge(self, invariant: int, subject: str, faults: Iterable[tuple[Kind, str]]) -> None:
        """Count *subject* as matched, or note each of its *faults*."""
        found = [
            Violation(invariant=invariant, subject=subject, message=message, kind=kind)
            for kind, message in faults
        ]
        self.violations += found
        self.matched[invariant] += not found

    def add(self, other: "Verdict") -> None:
        """What another look found counts too."""
        self.matched += other.matched
        self.violations += other.violations

    def count(self, invariant: int, kind: Kind) -> int:
        """How often it is broken in that way."""
        return sum(one.invariant == invariant and one.kind is kind for one in self.violations)
