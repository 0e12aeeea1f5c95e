"""Every query that the product can build, in each of its shapes, with values of the reader's choice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product

from shared.adapters.inventory import kql
from shared.domain.machine import MachineType, OsType
from shared.domain.scope import Choice, Narrowing

SINCE = datetime(2026, 1, 15, 2, 0, tzinfo=UTC)

# What tries to leave its literal, or the query.
HOSTILE = (
    "'",
    '"',
    "\\",
    "\\'",
    "x\\",
    "' or 1==1 //",
    "') | take 1 //",
    "x' | union resources | where '",
    "a\nb",
    "a\r\n| take 1",
    "\t",
    "\x00",
    "\u2028",
    "\u0085",
    "\ud800",
    "\u202e",
    "{{/subscriptions/x/providers/Microsoft.ResourceGraph/queries/y}}",
    "```",
    "@'",
    "h'x'",
    "//",
    "/* x */",
    ";drop",
    "",
    "straße",
    "x" * 5000,
)


def shapes() -> dict[str, Callable[[str], str]]:
    """The builders by name; each puts one value wherever a value may stand."""
    builders: dict[str, Callable[[str], str]] = {
        "installs, first page": lambda value: kql.installs(SINCE, after="", limit=1000),
        "installs, next page": lambda value: kql.installs(SINCE, after=f"k{value}", limit=7),
        "updates, first page": lambda value: kql.updates([value, "b"], after="", limit=1000),
        "updates, next page": lambda value: kql.updates([value], after=f"k{value}", limit=7),
        "assessments, first page": lambda value: kql.assessments([value], after="", limit=1000),
        "assessments, next page": lambda value: kql.assessments(
            [value], after=f"k{value}", limit=7
        ),
        "missing updates, next page": lambda value: kql.missing_updates(
            [value, "b"], after=f"k{value}", limit=7
        ),
    }
    for narrowing, name in _narrowings():
        builders[f"machines, {name}"] = _machines(narrowing)
    return builders


def _narrowings() -> Iterator[tuple[Callable[[str], Narrowing], str]]:
    sides: tuple[str, ...] = ("any", "wanted", "unwanted")
    for groups, locations, os_types in product(sides, sides, (None, frozenset({OsType.LINUX}))):
        yield (
            _narrowing(groups, locations, os_types),
            f"{groups} groups, {locations} locations, {'a' if os_types else 'any'} system",
        )


def _narrowing(
    groups: str, locations: str, os_types: frozenset[OsType] | None
) -> Callable[[str], Narrowing]:
    def build(value: str) -> Narrowing:
        choices = {
            "any": Choice(),
            "wanted": Choice(wanted=frozenset({value, f"{value}2"})),
            "unwanted": Choice(unwanted=frozenset({value, f"{value}2"})),
        }
        return Narrowing(
            subscription="s",
            types=frozenset(MachineType),
            resource_groups=choices[groups],
            locations=choices[locations],
            os_types=os_types,
        )

    return build


def _machines(narrowing: Callable[[str], Narrowing]) -> Callable[[str], str]:
    def build(value: str) -> str:
        query = kql.machines(narrowing(value), after=f"k{value}", limit=1000)
        assert query
        return query

    return build
