"""What a seed stands for: machines, schedules that come often and collide, what people ask for, and what fails when.

Pure: the same seed gives the same plan. All schedules expire together, so that a simulation ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from localhost.simulation import chances
from localhost.simulation.people import RINGS, SUBSCRIPTIONS, People, rate, recurrences
from localhost.simulation.span import Span
from localhost.simulation.steps import Step
from shared.domain.machine import Machine, MachineState, MachineType, OsType

CONFIGURATIONS = 3
MACHINES = 20
OCCURRENCES = 200
"""At least so many of each in each seed."""
_SPARE = 1.07
_BETWEEN_PAUSES = timedelta(minutes=10)
_MIXES: tuple[float, ...] = (0.0, 0.5, 1.0, 1.0, 2.0)
"""How rough it gets, beside the usual."""
_USUAL: Mapping[str, float] = {
    chances.DEATH: 0.0004,
    chances.TABLE_ERROR: 0.001,
    chances.TABLE_ERROR_AFTER_COMMIT: 0.001,
    chances.TABLE_TIME_OUT_AFTER_COMMIT: 0.0005,
    chances.TABLE_REPEAT: 0.004,
    chances.TABLE_READ_ERROR: 0.0007,
    chances.QUEUE_ERROR: 0.002,
    chances.QUEUE_ERROR_AFTER_SEND: 0.002,
    chances.MESSAGE_TWICE: 0.02,
    chances.MESSAGE_LATE: 0.01,
    chances.DELETE_LOST: 0.003,
    chances.TIMER_EARLY: 0.1,
    chances.TIMER_LATE: 0.2,
    chances.TIMER_TWICE: 0.02,
    chances.AZURE_ERROR: 0.005,
    chances.INSTALL_REFUSED: 0.01,
    chances.INSTALL_THROTTLED: 0.03,
    chances.INSTALL_UNREACHABLE: 0.02,
    chances.INSTALL_TIMED_OUT: 0.01,
    chances.INSTALL_REPLY_LOST: 0.02,
    chances.NO_FINAL_WORD: 0.003,
    chances.LATE_WORD: 0.005,
    chances.NOT_IN_BULK: 0.02,
    chances.UPDATES_LATE: 0.05,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that lasts: `kind` is one of `chances`."""

    kind: str
    at: datetime
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A seed, drawn: from `start` on, until the last schedule has expired at `end`."""

    seed: int
    start: datetime
    end: datetime
    skews: tuple[timedelta, ...]
    shares: Mapping[str, float]
    states: Sequence[MachineState]
    steps: Sequence[Step] = field(default_factory=tuple)
    troubles: Sequence[Trouble] = field(default_factory=tuple)


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    dice = Random(f"simulation {seed}")  # noqa: S311 - a simulation, no secret
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=dice.randrange(365))
    rough = dice.choice(_MIXES)
    states = tuple(_machines(dice))
    recurs = recurrences(dice)
    span = Span.draw(dice, start=start, hours=round(_SPARE * OCCURRENCES / rate(recurs)))
    people = People(dice, span=span, recurs=recurs, machines=states)
    return Plan(
        seed=seed,
        start=start,
        end=span.end,
        skews=tuple(_skews(dice)),
        shares={kind: share * rough for kind, share in _USUAL.items()},
        states=states,
        steps=tuple(sorted(people.steps(), key=lambda step: step.at)),
        troubles=tuple(_troubles(dice, span, rough)),
    )


def pauses(troubles: Sequence[Trouble]) -> list[tuple[datetime, datetime]]:
    """When no timer fired; pauses that touch each other are one."""
    found: list[tuple[datetime, datetime]] = []
    for one in sorted(troubles, key=lambda trouble: trouble.at):
        if one.kind not in (chances.TIMER_SILENT, chances.APP_DOWN, chances.STORAGE_DOWN):
            continue
        began, ended = one.at, one.at + one.lasts
        if found and began <= found[-1][1] + _BETWEEN_PAUSES:
            began, ended = found[-1][0], max(ended, found.pop()[1])
        found.append((began, ended))
    return found


def _skews(dice: Random) -> Iterator[timedelta]:
    """The machines' clock is that of the fastest host."""
    yield timedelta()
    for _ in range(dice.randint(1, 3)):
        yield timedelta(seconds=-dice.randint(0, 30))


def _machines(dice: Random) -> Iterator[MachineState]:
    for number in range(dice.randint(MACHINES, 30)):
        kind = MachineType.ARC_SERVER if dice.random() < 0.3 else MachineType.AZURE_VM
        subscription = SUBSCRIPTIONS[dice.random() < 0.25]
        group = dice.choice(("web", "db"))
        machine = Machine(
            id=f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/m{number:02}",
            type=kind,
            subscription=subscription,
            resource_group=group,
            location=dice.choice(("westeurope", "northeurope")),
            os_type=dice.choice(tuple(OsType)),
            tags={"ring": f"r{number % RINGS}"},
        )
        ready = MachineState(machine=machine, connected=True)
        if kind is MachineType.AZURE_VM:
            ready = MachineState(
                machine=machine, running=True, patch_mode="AutomaticByPlatform", bypass_checks=True
            )
        is_off = dice.random() < 0.05
        yield replace(ready, running=False, connected=False) if is_off else ready


def _troubles(dice: Random, span: Span, rough: float) -> Iterator[Trouble]:
    yield Trouble(kind=chances.APP_DOWN, at=span.down_at, lasts=span.lasts)
    if not rough:
        return
    for minutes in (5, 5, 32, 120):
        lasts = timedelta(minutes=minutes)
        yield Trouble(kind=chances.TIMER_SILENT, at=span.some_time(dice), lasts=lasts)
    for _ in range(dice.randint(0, 3)):
        lasts = timedelta(seconds=dice.randint(20, 400))
        yield Trouble(kind=chances.STORAGE_DOWN, at=span.some_time(dice), lasts=lasts)
    for _ in range(dice.randint(0, 2)):
        lasts = timedelta(minutes=dice.randint(1, 90))
        yield Trouble(kind=chances.APP_DOWN, at=span.some_time(dice), lasts=lasts)
    for _ in range(dice.randint(0, 3)):
        lasts = timedelta(minutes=dice.randint(20, 600))
        yield Trouble(kind=chances.MACHINE_GONE, at=span.some_time(dice), lasts=lasts)
