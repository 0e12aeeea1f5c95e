"""Which updates a request selects: the rules of Azure's agents."""

from dataclasses import dataclass, field

import pytest

from localhost.azure.updates import ALWAYS_REBOOTS, Os, PatchState, Selection, Update

WINDOWS = (
    Update(patch_id="sec", name="A", kb="1", classification="Security", reboot=ALWAYS_REBOOTS),
    Update(patch_id="crit", name="B", kb="2", classification="Critical"),
    Update(patch_id="def", name="C", kb="3", classification="Definition"),
)
LINUX = (
    Update(patch_id="kernel", name="kernel", version="6.8", classification="Critical"),
    Update(patch_id="ssl", name="libssl:amd64", version="3.0", classification="Security"),
    Update(
        patch_id="openssl",
        name="openssl",
        version="3.0",
        classification="Security",
        requires=("libssl:amd64", "tzdata"),
    ),
    Update(patch_id="tz", name="tzdata", version="2026a", classification="Other"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    id: str
    selection: Selection
    installed: set[str]
    excluded: set[str] = field(default_factory=set)


def windows(*classifications: str, **rest: object) -> Selection:
    return Selection(os=Os.WINDOWS, classifications=frozenset(classifications), **rest)  # type: ignore[arg-type]


def linux(*classifications: str, **rest: object) -> Selection:
    return Selection(os=Os.LINUX, classifications=frozenset(classifications), **rest)  # type: ignore[arg-type]


CASES = (
    Case(id="a Windows classification", selection=windows("Security"), installed={"sec"}),
    Case(id="nothing named on Windows is nothing", selection=windows(), installed=set()),
    Case(
        id="inclusion adds to the classifications",
        selection=windows("Security", include=("3",)),
        installed={"sec", "def"},
    ),
    Case(id="only an inclusion", selection=windows(include=("3",)), installed={"def"}),
    Case(
        id="exclusion beats inclusion and classification",
        selection=windows("Critical", include=("2",), exclude=("2",)),
        installed=set(),
        excluded={"crit"},
    ),
    Case(
        id="no KB that may reboot",
        selection=windows("Security", "Critical", exclude_rebooting=True),
        installed={"crit"},
        excluded={"sec"},
    ),
    Case(
        id="a reboot does not exclude what nobody selected",
        selection=windows("Critical", exclude_rebooting=True),
        installed={"crit"},
    ),
    Case(
        id="Linux widens Security and takes dependencies along",
        selection=linux("Security"),
        installed={"kernel", "ssl", "openssl", "tz"},
    ),
    Case(id="Critical alone is not widened", selection=linux("Critical"), installed={"kernel"}),
    Case(
        id="nothing named on Linux is everything",
        selection=linux(),
        installed={"kernel", "ssl", "openssl", "tz"},
    ),
    Case(
        id="a mask matches without the architecture",
        selection=linux(include=("libss?",)),
        installed={"ssl"},
    ),
    Case(
        id="a mask with the version that is there",
        selection=linux(include=("kernel=6.*",)),
        installed={"kernel"},
    ),
    Case(
        id="a mask with another version",
        selection=linux("Other", include=("kernel=5.*",)),
        installed={"tz"},
    ),
    Case(
        id="a mask with two equal signs is ignored",
        selection=linux("Other", include=("kernel=6=8",)),
        installed={"tz"},
    ),
    Case(
        id="a version in an exclusion is ignored",
        selection=linux("Critical", exclude=("kernel=1",)),
        installed=set(),
        excluded={"kernel"},
    ),
    Case(
        id="what needs an excluded package is excluded, and pulls nothing in",
        selection=linux("Security", exclude=("libssl",)),
        installed={"kernel"},
        excluded={"ssl", "openssl"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_selection_follows_the_agents_rules(case: Case) -> None:
    states = case.selection.states(WINDOWS if case.selection.os is Os.WINDOWS else LINUX)
    assert {i for i, state in states.items() if state is PatchState.PENDING} == case.installed
    assert {i for i, state in states.items() if state is PatchState.EXCLUDED} == case.excluded
