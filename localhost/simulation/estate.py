"""The machines as they are, and what they did: the truth that the product's records are held against.

An install is shown in the bulk reports a little after it began, and again after its final word. Some are never shown
there, some never have a final word, some have it hours later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from localhost.simulation.chances import (
    LATE_WORD,
    NO_FINAL_WORD,
    NOT_IN_BULK,
    UPDATES_LATE,
    Chances,
)
from shared.domain.machine import MachineState
from shared.domain.report import InstallReport, counts_of
from shared.domain.updates import UpdateRecord, UpdateState

_TAKES = (timedelta(minutes=1), timedelta(minutes=9))
_TAKES_LONG = (timedelta(minutes=25), timedelta(minutes=110))
_LAG = (timedelta(seconds=20), timedelta(minutes=3))
_LATE = (timedelta(hours=1), timedelta(hours=18))
_UPDATES_LATE = (timedelta(minutes=1), timedelta(minutes=8))
_AT_ONCE = timedelta()
_LONG = 0.06
_STATUSES = ("Succeeded",) * 8 + ("CompletedWithWarnings", "Failed")


def _update(name: str, state: UpdateState) -> UpdateRecord:
    return UpdateRecord(name=name, version="1", kb=None, classification="Security", state=state)


_UPDATES: Mapping[str, tuple[tuple[UpdateRecord, ...], ...]] = {
    "Succeeded": (
        (),
        (_update("openssl", UpdateState.INSTALLED),),
        (_update("glibc", UpdateState.INSTALLED), _update("nano", UpdateState.NOT_SELECTED)),
    ),
    "CompletedWithWarnings": ((_update("bash", UpdateState.FAILED),),),
    "Failed": ((_update("grub", UpdateState.FAILED), _update("sudo", UpdateState.PENDING)), ()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """An install that was accepted; `word_at` is when its machine says how it ended, None if never.

    Its updates are shown `updates_after` that.
    """

    machine_key: str
    machine_id: str
    client_request_id: str
    activity: str
    at: datetime
    ends_at: datetime
    status: str
    updates: tuple[UpdateRecord, ...]
    word_at: datetime | None
    lag: timedelta
    is_in_bulk: bool
    updates_after: timedelta
    first: InstallReport
    final: InstallReport | None

    def shows(self, now: datetime) -> InstallReport:
        """What is reported of it by those who know all up to *now*."""
        if self.final and self.word_at is not None and self.word_at <= now:
            return self.final
        return self.first


@dataclass(slots=True)
class Estate:
    """All machines, by key, and all installs in the order of their beginning."""

    chances: Chances
    states: dict[str, MachineState]
    gone: set[str] = field(default_factory=set)
    installs: list[Install] = field(default_factory=list)
    by_activity: dict[str, Install] = field(default_factory=dict)
    by_request: dict[str, Install] = field(default_factory=dict)
    _latest: dict[str, Install] = field(default_factory=dict)

    def state(self, machine_key: str) -> MachineState | None:
        """The machine as it is now; None when it is gone."""
        return None if machine_key in self.gone else self.states.get(machine_key)

    def present(self, subscription: str) -> list[MachineState]:
        """The machines of a subscription, by key."""
        return [
            state
            for key, state in sorted(self.states.items())
            if key not in self.gone and state.machine.subscription == subscription
        ]

    def is_busy(self, machine_key: str, now: datetime) -> bool:
        """Whether it is installing."""
        latest = self._latest.get(machine_key)
        return latest is not None and now < latest.ends_at

    def begin(self, machine_id: str, client_request_id: str, *, now: datetime) -> Install:
        """Accept an install."""
        draw = self.chances
        takes = draw.between(*(_TAKES_LONG if draw.portion(_LONG) else _TAKES))
        status = draw.one_of(_STATUSES)
        activity = f"activity-{len(self.installs) + 1:04}"
        updates, word_at = draw.one_of(_UPDATES[status]), self._word_at(now + takes)
        first = InstallReport(
            machine_id=machine_id,
            activity_id=activity,
            status="InProgress",
            started_at=now,
            modified_at=now,
        )
        install = Install(
            machine_key=machine_id.lower(),
            machine_id=machine_id,
            client_request_id=client_request_id,
            activity=activity,
            at=now,
            ends_at=now + takes,
            status=status,
            updates=updates,
            word_at=word_at,
            lag=draw.between(*_LAG),
            is_in_bulk=not draw.strikes(NOT_IN_BULK),
            updates_after=draw.between(*_UPDATES_LATE) if draw.strikes(UPDATES_LATE) else _AT_ONCE,
            first=first,
            final=_final(first, status, word_at, updates) if word_at else None,
        )
        self.installs.append(install)
        self.by_activity[install.activity] = self._latest[install.machine_key] = install
        self.by_request.setdefault(client_request_id, install)
        return install

    def _word_at(self, ends_at: datetime) -> datetime | None:
        match self.chances.first_of(NO_FINAL_WORD, LATE_WORD):
            case "":
                return ends_at
            case kind:
                later = ends_at + self.chances.between(*_LATE)
                return later if kind == LATE_WORD else None

    def changed_since(self, instant: datetime, now: datetime) -> list[InstallReport]:
        """What the bulk reports show at *now* of what changed since *instant*."""
        found = []
        for install in reversed(self.installs):
            if install.at < instant - _OLDEST:
                break
            if not install.is_in_bulk or (install.word_at and install.word_at < instant):
                continue
            report = install.shows(now - install.lag)
            if instant <= report.modified_at <= now - install.lag:
                found.append(report)
        return found[::-1]


def _final(
    first: InstallReport, status: str, word_at: datetime, updates: Sequence[UpdateRecord]
) -> InstallReport:
    return replace(first, status=status, modified_at=word_at, counts=counts_of(updates))


_OLDEST = timedelta(hours=24)
"""How long before its final word an install may have begun."""
