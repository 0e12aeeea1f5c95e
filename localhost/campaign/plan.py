"""What a seed stands for: a fleet, configurations that overlap, and what people ask for meanwhile.

Pure: the same seed gives the same plan. Every configuration has its last occurrence within the first night, so that a
campaign ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from localhost.azure.fleet import Machine
from localhost.azure.generate import generate, subscription_id

START = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
"""Half an hour before the first window opens."""
_OPENS = datetime(2026, 6, 1, 20, 0, tzinfo=UTC)
SUBSCRIPTIONS = 2
_GROUP = f"/subscriptions/{subscription_id(1)}/resourceGroups/ops"
_CONFIGURATIONS = f"{_GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations"
_PATCHES: tuple[Mapping[str, Any], ...] = (
    {"classificationsToInclude": ["Critical", "Security"]},
    {"classificationsToInclude": ["Security"]},
)

# What a run of so few machines can use up.
_SMALL_BUCKETS = (4, 6)
BY_HAND = 3
"""How many machines of each configuration are assigned by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutConfiguration:
    """Create or replace a configuration."""

    id: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAssignment:
    """Create or replace an assignment."""

    scope: str
    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """Start a run on demand, by a message with this request id, which arrives twice, or over the API without one."""

    configuration: str
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMachine:
    """Start the runs of one machine."""

    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """Cancel the first open run of a configuration, if there is one."""

    configuration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteConfiguration:
    """Delete a configuration."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealAzure:
    """No fault begins any more."""


Action = (
    PutConfiguration
    | PutAssignment
    | StartRun
    | StartMachine
    | CancelRun
    | DeleteConfiguration
    | HealAzure
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that is done at the first tick at or after an instant."""

    at: datetime
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A seed, drawn: `mortality` is that of `MortalRows`, `echoes` the share of messages that come twice.

    `patch_tokens` are the sizes of Azure's buckets of patch requests for three minutes and for thirty, where these are
    not Azure's own.
    """

    seed: int
    machines: int
    mortality: float
    echoes: float
    patch_tokens: tuple[int, int] | None = None
    steps: Sequence[Step] = field(default_factory=tuple)

    @property
    def last_step(self) -> datetime:
        """When the last step is done."""
        return self.steps[-1].at


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    dice = Random(f"campaign {seed}")  # noqa: S311 - a simulation, no secret
    count = dice.randint(20, 40)
    fleet = generate(count, seed, subscriptions=SUBSCRIPTIONS).machines()
    names = ["nightly", "second", "short"][: dice.choice((2, 3, 3))]
    ids = {name: f"{_CONFIGURATIONS}/{name}" for name in names}
    steps = [*_schedules(ids, fleet, dice), *_requests(ids, fleet, dice)]
    return Plan(
        seed=seed,
        machines=count,
        mortality=dice.choice((0.0, 0.02, 0.05)),
        echoes=dice.choice((0.0, 0.05)),
        patch_tokens=dice.choice((None, _SMALL_BUCKETS)),
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


# --- what there is -------------------------------------------------------------------------------


def _schedules(ids: Mapping[str, str], fleet: Sequence[Machine], dice: Random) -> Iterator[Step]:
    for name, configuration in ids.items():
        document = _document(name, dice)
        yield Step(at=START, action=PutConfiguration(id=configuration, document=document))
        for assignment in _assignments(name, configuration, fleet, dice):
            yield Step(at=START, action=assignment)


def _document(name: str, dice: Random) -> dict[str, Any]:
    extension = {"InGuestPatchMode": "User"}
    if name == "nightly":
        extension["Muster.MaxConcurrency"] = dice.choice(("3", "6", "25%"))
    return {
        "location": "westeurope",
        "properties": {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": extension,
            "maintenanceWindow": _window(name, dice),
            "installPatches": {
                "rebootSetting": dice.choice(("IfRequired", "IfRequired", "Never", "Always")),
                "windowsParameters": dice.choice(_PATCHES),
                "linuxParameters": dice.choice(_PATCHES),
            },
        },
    }


def _window(name: str, dice: Random) -> dict[str, str]:
    match name:
        case "nightly":
            begins, durations, recurs = _OPENS, ("01:30", "02:00"), dice.choice(("", "2Hours"))
        case "second":
            begins, durations, recurs = _later(dice, 0, 60), ("01:15", "01:45"), ""
        case _:
            begins, durations, recurs = _later(dice, 10, 90), ("01:00", "01:10"), ""
    return {
        "startDateTime": f"{begins:%Y-%m-%d %H:%M}",
        "expirationDateTime": f"{begins + timedelta(hours=2):%Y-%m-%d %H:%M}",
        "duration": dice.choice(durations),
        "timeZone": "UTC",
        "recurEvery": recurs,
    }


def _assignments(
    name: str, configuration: str, fleet: Sequence[Machine], dice: Random
) -> Iterator[PutAssignment]:
    environments = dice.sample(("prod", "dev", "test"), dice.randint(1, 3))
    by_tags = {"tagSettings": {"tags": {"env": environments}, "filterOperator": "Any"}}
    filters: tuple[Mapping[str, Any], ...] = (
        {},
        by_tags,
        {"osTypes": ["Linux"]},
        {"resourceTypes": [str(fleet[0].kind)]},
    )
    for number in range(1, SUBSCRIPTIONS + 1):
        scope = f"/subscriptions/{subscription_id(number)}"
        chosen = dice.choice(filters)
        yield _assignment(scope, f"{name}-everywhere", configuration, {"filter": chosen})
    one = dice.choice(fleet)
    group = f"/subscriptions/{one.subscription}/resourceGroups/{one.resource_group}"
    yield _assignment(group, f"{name}-group", configuration, {"filter": {}})
    for machine in dice.sample(fleet, BY_HAND):
        yield _assignment(machine.id, f"{name}-by-hand", configuration, {})


def _assignment(
    scope: str, name: str, configuration: str, more: Mapping[str, Any]
) -> PutAssignment:
    properties = {"maintenanceConfigurationId": configuration, **more}
    return PutAssignment(
        scope=scope, name=name, document={"location": "global", "properties": properties}
    )


# --- what people ask for -------------------------------------------------------------------------


def _requests(ids: Mapping[str, str], fleet: Sequence[Machine], dice: Random) -> Iterator[Step]:
    names = list(ids)
    some = ids[dice.choice(names)]
    request_id = dice.choice(("", "ticket 7"))
    yield Step(at=_later(dice, 1, 100), action=StartRun(configuration=some, request_id=request_id))
    yield Step(at=_later(dice, 1, 100), action=StartMachine(machine=dice.choice(fleet).id))
    yield Step(at=_later(dice, 1, 60), action=CancelRun(configuration=ids[dice.choice(names)]))
    edited = _document("nightly", dice)
    yield Step(
        at=_later(dice, 2, 120),
        action=PutConfiguration(id=ids["nightly"], document=edited),
    )
    if dice.random() < 0.5:
        doomed = ids[names[-1]]
        yield Step(at=_later(dice, 5, 120), action=DeleteConfiguration(id=doomed))
    if dice.random() < 0.4:
        yield Step(at=_later(dice, 20, 150), action=HealAzure())


def _later(dice: Random, earliest: int, latest: int) -> datetime:
    """An instant so many minutes after the first window opens."""
    return _OPENS + timedelta(minutes=dice.randint(earliest, latest))
