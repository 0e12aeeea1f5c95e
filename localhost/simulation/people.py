"""What people ask for in a plan: schedules that collide, and what they change, start, cancel and delete meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from localhost.campaign.plan import (
    CancelRun,
    DeleteConfiguration,
    PutAssignment,
    PutConfiguration,
    StartMachine,
    StartRun,
)
from localhost.simulation.span import Span
from localhost.simulation.steps import Action, CancelComing, Step
from shared.domain.machine import MachineState

SUBSCRIPTIONS = (
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
)
RINGS = 24
"""The machines are spread over so many, by a tag."""
_EMPTY = 6
"""Rings without a machine."""
_GROUP = f"/subscriptions/{SUBSCRIPTIONS[0]}/resourceGroups/ops"
_CONFIGURATIONS = f"{_GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations"
_ZONES = ("UTC", "UTC", "W. Europe Standard Time", "Pacific Standard Time", "Asia/Kolkata")
_EVERY = timedelta(hours=6)
"""Somebody asks for something of a configuration so often."""

_SCHEDULES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # How often each may recur, and how long its window lasts.
    "hourly": (("1Hour",), ("01:00", "01:10")),
    "second": (("1Hour", "2Hours"), ("01:00", "01:30")),
    "third": (("3Hours", "4Hours"), ("01:15", "02:00", "03:00")),
    "nightly": (("6Hours", "Day", "Week Monday,Tuesday,Friday"), ("01:30", "03:55")),
}
_HOURS = {"1Hour": 1, "2Hours": 2, "3Hours": 3, "4Hours": 4, "6Hours": 6}


def recurrences(dice: Random) -> dict[str, str]:
    """The configurations of a plan, and how often each recurs."""
    names = ("hourly", "second", "third", *dice.choice(((), ("nightly",))))
    return {name: dice.choice(_SCHEDULES[name][0]) for name in names}


def rate(recurs: Mapping[str, str]) -> float:
    """Occurrences in an hour."""
    return sum(1 / _HOURS.get(one, 24) for one in recurs.values())


class People:
    """What people ask for, one lane for each configuration."""

    def __init__(
        self,
        dice: Random,
        *,
        span: Span,
        recurs: Mapping[str, str],
        machines: Sequence[MachineState],
    ) -> None:
        self._dice = dice
        self._span = span
        self._recurs = recurs
        self._machines = machines

    def steps(self) -> Iterator[Step]:
        """Everything that they ask for, in no order."""
        for name in self._recurs:
            yield from self._creation(name, self._span.start)
            for _ in range(round(self._span.active / _EVERY)):
                yield from self._request(name)
        for _ in range(self._dice.randint(1, 4)):
            machine = self._dice.choice(self._machines).machine.id
            yield Step(at=self._moment(), lane="machines", action=StartMachine(machine=machine))

    def _creation(self, name: str, at: datetime) -> Iterator[Step]:
        yield Step(at=at, lane=name, action=self._configuration(name))
        for assignment in self._assignments(name):
            yield Step(at=at, lane=name, action=assignment)

    def _request(self, name: str) -> Iterator[Step]:
        one, at = f"{_CONFIGURATIONS}/{name}", self._moment()
        actions: list[Action] = []
        match self._dice.choices(range(7), weights=(4, 4, 2, 2, 2, 2, 1))[0]:
            case 0:
                actions = [self._configuration(name)]
            case 1:
                actions = [CancelRun(configuration=one)]
            case 2:
                actions = [CancelComing(configuration=one)]
            case 3:
                actions = [StartRun(configuration=one)] * self._dice.randint(1, 2)
            case 4:
                ticket = f"ticket {self._dice.randint(1, 20)}"
                actions = [StartRun(configuration=one, request_id=ticket)]
            case 5:
                actions = [*self._assignments(name)]
            case _:
                # What is created again only after the outage would miss nothing in it.
                at = self._span.clear_of_outage(at)
                yield Step(at=at, lane=name, action=DeleteConfiguration(id=one))
                later = timedelta(minutes=self._dice.choice((0, 1, 5, 40)))
                yield from self._creation(name, at + later)
        for action in actions:
            yield Step(at=at, lane=name, action=action)

    def _moment(self) -> datetime:
        """Some time, mostly about when a window opens."""
        hour = self._span.some_hour(self._dice)
        spread = self._dice.choice((1, 10, 59))
        return hour + timedelta(seconds=60 * self._dice.uniform(-1, spread))

    def _configuration(self, name: str) -> PutConfiguration:
        dice, extension = self._dice, {"InGuestPatchMode": "User"}
        if dice.random() < 0.3:
            extension["Muster.MaxConcurrency"] = dice.choice(("1", "2", "50%"))
        patches = {
            "classificationsToInclude": dice.choice((["Critical", "Security"], ["Security"]))
        }
        properties = {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": extension,
            "maintenanceWindow": self._window(name),
            "installPatches": {"windowsParameters": patches, "linuxParameters": patches},
        }
        document = {"location": "westeurope", "properties": properties}
        return PutConfiguration(id=f"{_CONFIGURATIONS}/{name}", document=document)

    def _window(self, name: str) -> dict[str, Any]:
        begins = self._span.start + timedelta(minutes=self._dice.choice((0, 0, 0, 30, 60, 120)))
        return {
            "startDateTime": f"{begins - timedelta(days=1):%Y-%m-%d %H:%M}",
            "expirationDateTime": f"{self._span.end:%Y-%m-%d %H:%M}",
            "duration": self._dice.choice(_SCHEDULES[name][1]),
            "timeZone": self._dice.choice(_ZONES) if name == "nightly" else "UTC",
            "recurEvery": self._recurs[name],
        }

    def _assignments(self, name: str) -> Iterator[PutAssignment]:
        one = f"{_CONFIGURATIONS}/{name}"
        ring = f"r{self._dice.randrange(RINGS + _EMPTY)}"
        for number, subscription in enumerate(SUBSCRIPTIONS[: self._dice.choice((1, 1, 2))]):
            chosen = {"tagSettings": {"tags": {"ring": [ring]}, "filterOperator": "Any"}}
            scope = f"/subscriptions/{subscription}"
            yield _assignment(scope, f"{name}-{number}", one, {"filter": chosen})
        if self._dice.random() < 0.3:
            machine = self._dice.choice(self._machines).machine.id
            yield _assignment(machine, f"{name}-by-hand", one, {})


def _assignment(scope: str, name: str, one: str, more: Mapping[str, Any]) -> PutAssignment:
    properties = {"maintenanceConfigurationId": one, **more}
    document = {"location": "global", "properties": properties}
    return PutAssignment(scope=scope, name=name, document=document)
