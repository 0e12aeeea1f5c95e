"""Dynamic scopes: which machines a filter answers to, decided from the machines' facts alone.

Fields are joined by AND, the values of one field by OR, and an empty field restricts nothing. A value or a tag's name
that starts with `!` excludes, and exclusion always wins. All compare without case but the values of tags. A filter that
cannot be understood is refused, never widened.

The parsers take one field of the wire each, so that a caller can collect the mistakes of a whole body; they return it
as it was sent and raise `InvalidRequestError` naming `target`. Their limits bind new filters, not stored ones.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.fields import read_strings, strings
from shared.domain.machine import Machine, MachineType, OsType
from shared.errors import InvalidRequestError, LimitExceededError


class TagOperator(StrEnum):
    """Whether one named tag has to match or each of them; read without case."""

    ANY = "Any"
    ALL = "All"

    @classmethod
    def _missing_(cls, value: object) -> "TagOperator | None":
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one field lets through: `wanted` only, or, where that is None, everything but `unwanted`.

    Values are normalised as the field compares; an empty `wanted` lets nothing through.
    """

    wanted: frozenset[str] | None = None
    unwanted: frozenset[str] = frozenset()

    def allows(self, value: str) -> bool:
        """Whether a value, normalised alike, gets through."""
        return value not in self.unwanted if self.wanted is None else value in self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A filter in the form that it is compared in; `os_types` is None where no system is asked for."""

    types: frozenset[MachineType]
    resource_groups: Choice
    locations: Choice
    os_types: frozenset[OsType] | None
    wanted_tags: Mapping[str, frozenset[str]]
    unwanted_tags: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A dynamic scope's filter as it was sent; `terms` follows from the rest.

    Raises `InvalidRequestError` for anything that the parsers below refuse, limits aside.
    """

    resource_types: tuple[str, ...] = ()
    resource_groups: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    os_types: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tag_operator: TagOperator = TagOperator.ANY
    terms: Terms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Inventories hold 100,000 machines: what does not depend on the machine is worked out once.
        object.__setattr__(self, "terms", _terms(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A filter and what its assignment hangs on: a resource group or, without one, a subscription."""

    assignment_id: str
    subscription: str
    resource_group: str | None = None
    filter: Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What an inventory may be asked for: every machine of the scope is inside, others may be.

    `subscription`, groups and locations are lower-cased, locations have no spaces. `types` may be empty: nothing can
    match. `os_types` is None where any system will do, an unknown one included.
    """

    subscription: str
    types: frozenset[MachineType]
    resource_groups: Choice
    locations: Choice
    os_types: frozenset[OsType] | None


def narrow(scope: Scope) -> Narrowing:
    """Say what an inventory may be asked for; tags are left to `matches`."""
    terms = scope.filter.terms
    groups = terms.resource_groups
    if scope.resource_group:
        own = scope.resource_group.lower()
        groups = Choice(wanted=frozenset({own}) if groups.allows(own) else frozenset())
    return Narrowing(
        subscription=scope.subscription.lower(),
        types=terms.types,
        resource_groups=groups,
        locations=terms.locations,
        os_types=terms.os_types,
    )


def matches(scope: Scope | Filter, machine: Machine) -> bool:
    """Decide whether a machine belongs to a scope, or answers to a filter wherever it is.

    A machine whose system is unknown answers to no filter that names systems, not even to `!Windows`: it might be one.
    """
    group = machine.resource_group.lower()
    if isinstance(scope, Scope):
        return (
            machine.subscription.lower() == scope.subscription.lower()
            and (not scope.resource_group or group == scope.resource_group.lower())
            and matches(scope.filter, machine)
        )
    terms = scope.terms
    return (
        machine.type in terms.types
        and terms.resource_groups.allows(group)
        and terms.locations.allows(_location(machine.location))
        and (terms.os_types is None or machine.os_type in terms.os_types)
        and _tags_match(scope, machine.tags)
    )


def check_limits(sent: Filter, *, tags: int, resource_groups: int) -> None:
    """Raise `LimitExceededError` for more tag names or resource groups than these; a stored filter is not asked."""
    for count, limit, what, target in (
        (len(sent.tags), tags, "tags", "tagSettings.tags"),
        (len(sent.resource_groups), resource_groups, "resource groups", "resourceGroups"),
    ):
        if count > limit:
            raise LimitExceededError(
                f"A dynamic scope has at most {limit} {what}; this one has {count}.",
                target=f"properties.filter.{target}",
            )


def parse_resource_types(value: object, *, target: str = "resourceTypes") -> tuple[str, ...]:
    """Read the types, each one of `MachineType`, also behind `!`; null is an empty list."""
    return read_strings(value, target=target, fault=lambda term: _member_fault(term, MachineType))


def parse_os_types(value: object, *, target: str = "osTypes") -> tuple[str, ...]:
    """Read the systems, each one of `OsType`, also behind `!`; null is an empty list."""
    return read_strings(value, target=target, fault=lambda term: _member_fault(term, OsType))


def parse_locations(value: object, *, target: str = "locations") -> tuple[str, ...]:
    """Read the locations; null is an empty list."""
    return read_strings(value, target=target, fault=_name_fault)


def parse_resource_groups(value: object, *, target: str = "resourceGroups") -> tuple[str, ...]:
    """Read the resource groups; null is an empty list."""
    return read_strings(value, target=target, fault=_name_fault)


def parse_tags(value: object, *, target: str = "tags") -> dict[str, tuple[str, ...]]:
    """Read the tags; null is none at all.

    A value may be the empty string, as ARM's may. The list of a name may be empty behind `!` only: every machine that
    has the tag.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{target} must map names to lists of strings.", target=target)
    seen: set[tuple[bool, str]] = set()
    for name, values in value.items():
        path = f"{target}.{name}"
        excludes, bare = key = _split(str(name).lower())
        if not isinstance(name, str) or not bare or bare.startswith("!"):
            raise InvalidRequestError(f"{path[:200]} is not the name of a tag.", target=path)
        if key in seen:
            raise InvalidRequestError(f"{path[:200]} is there in another case.", target=path)
        seen.add(key)
        if not strings(values, target=path) and not excludes:
            raise InvalidRequestError(
                f"{path[:200]} lists no values; only a name that starts with '!' may.", target=path
            )
    return {name: tuple(values) for name, values in value.items()}


def parse_tag_operator(value: object, *, target: str = "filterOperator") -> TagOperator:
    """Read the operator; null is `Any`."""
    if value is None:
        return TagOperator.ANY
    try:
        return TagOperator(str(value))
    except ValueError as error:
        raise InvalidRequestError(f"{target} must be Any or All.", target=target) from error


def _name_fault(term: str) -> str | None:
    name = _split(term)[1]
    if name and not name.startswith("!"):
        return None
    return "must be a name, with one '!' before it to exclude"


def _member_fault(term: str, members: type[StrEnum]) -> str | None:
    if _split(term)[1].lower() in {member.lower() for member in members}:
        return None
    return f"is none of {', '.join(members)}, with or without '!' before it"


def _split(term: str) -> tuple[bool, str]:
    """Whether a term excludes, and what it names."""
    term = term.strip()
    return term.startswith("!"), term.removeprefix("!").strip()


def _location(text: str) -> str:
    return "".join(text.split()).lower()


def _choice(terms: Iterable[str], normalise: Callable[[str], str] = str.lower) -> Choice:
    split = [_split(term) for term in terms]
    unwanted = frozenset(normalise(text) for excludes, text in split if excludes)
    wanted = frozenset(normalise(text) for excludes, text in split if not excludes)
    return Choice(wanted=wanted - unwanted) if wanted else Choice(unwanted=unwanted)


def _terms(sent: Filter) -> Terms:
    types = _choice(parse_resource_types(sent.resource_types))
    systems = _choice(parse_os_types(sent.os_types))
    groups = parse_resource_groups(sent.resource_groups)
    tags: dict[bool, dict[str, frozenset[str]]] = {False: {}, True: {}}
    for name, values in parse_tags(sent.tags).items():
        excludes, bare = _split(name.lower())
        tags[excludes][bare] = frozenset(values)
    os_types = frozenset(system for system in OsType if systems.allows(system.lower()))
    return Terms(
        types=frozenset(kind for kind in MachineType if types.allows(kind.lower())),
        resource_groups=_choice(groups),
        locations=_choice(parse_locations(sent.locations), _location),
        os_types=os_types if sent.os_types else None,
        wanted_tags=tags[False],
        unwanted_tags=tags[True],
    )


def _tags_match(sent: Filter, tags: Mapping[str, str]) -> bool:
    wanted, unwanted = sent.terms.wanted_tags, sent.terms.unwanted_tags
    if not wanted and not unwanted:
        return True
    values = {name.lower(): value for name, value in tags.items()}
    if any(
        name in values and (not listed or values[name] in listed)
        for name, listed in unwanted.items()
    ):
        return False
    hits = (name in values and values[name] in listed for name, listed in wanted.items())
    if sent.tag_operator is TagOperator.ALL:
        return all(hits)
    return not wanted or any(hits)
