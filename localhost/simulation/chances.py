"""What goes wrong, how often, and how often it did.

Each kind has a share of the cases in which it could happen; whether it does is drawn from the seed, in the order of
events. While `is_calm` nothing goes wrong any more.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")

_REPLIES_LATE = 0.1

DEATH = "process died"
TABLE_ERROR = "table error"
TABLE_ERROR_AFTER_COMMIT = "table error after commit"
TABLE_TIME_OUT_AFTER_COMMIT = "table time-out after commit"
TABLE_REPEAT = "table write repeated by the SDK"
TABLE_READ_ERROR = "table read error"
QUEUE_ERROR = "queue error"
QUEUE_ERROR_AFTER_SEND = "queue error after send"
MESSAGE_TWICE = "message twice"
MESSAGE_LATE = "message late"
DELETE_LOST = "message not deleted"
TIMER_EARLY = "timer early"
TIMER_LATE = "timer late"
TIMER_TWICE = "timer on two hosts"
TIMER_SILENT = "timer silent"
AZURE_ERROR = "Azure read error"
INSTALL_REFUSED = "install refused"
INSTALL_THROTTLED = "install throttled"
INSTALL_UNREACHABLE = "install unreachable"
INSTALL_TIMED_OUT = "install timed out"
INSTALL_REPLY_LOST = "install reply lost"
NO_FINAL_WORD = "no final word"
LATE_WORD = "late word"
NOT_IN_BULK = "install not in the bulk reports"
UPDATES_LATE = "updates late"
MACHINE_GONE = "machine gone"
STORAGE_DOWN = "storage down"
APP_DOWN = "app down"


class Chances:
    """Draws what goes wrong; `struck` counts it by kind."""

    def __init__(self, dice: Random, shares: Mapping[str, float]) -> None:
        self.dice = dice
        self._shares = shares
        self.struck: Counter[str] = Counter()
        self.is_calm = False

    def strikes(self, kind: str, *, weight: float = 1.0) -> bool:
        """Whether this goes wrong now; *weight* makes it likelier."""
        share = self._shares.get(kind, 0.0)
        if self.is_calm or not share or self.dice.random() >= share * weight:
            return False
        self.struck[kind] += 1
        return True

    def first_of(self, *kinds: str) -> str:
        """The first of these kinds that strikes; empty when none does."""
        if self.is_calm:
            return ""
        at = self.dice.random()
        for kind in kinds:
            share = self._shares.get(kind, 0.0)
            if at < share:
                self.struck[kind] += 1
                return kind
            at -= share
        return ""

    def note(self, kind: str) -> None:
        """Count what was planned and not drawn."""
        self.struck[kind] += 1

    def either(self) -> bool:
        """One of two cases."""
        return self.dice.random() < 0.5

    def portion(self, share: float) -> bool:
        """Whether this case belongs to a share of all; nothing goes wrong by it."""
        return self.dice.random() < share

    def replies_late(self) -> bool:
        """Whether others may act between a call's effect and its reply."""
        return self.dice.random() < _REPLIES_LATE

    def one_of(self, choices: tuple[T, ...]) -> T:
        """One of several cases."""
        return choices[int(self.dice.random() * len(choices))]

    def between(self, shortest: timedelta, longest: timedelta) -> timedelta:
        """A duration, any in between."""
        return shortest + (longest - shortest) * self.dice.random()

    def latency(self) -> timedelta:
        """How long a call takes: milliseconds, now and then the better part of a second."""
        drawn = self.dice.random()
        return timedelta(microseconds=2_000 + int(drawn * drawn * drawn * drawn * 600_000))
