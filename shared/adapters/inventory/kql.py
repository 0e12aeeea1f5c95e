"""The queries for Resource Graph, each built from values as pure text.

A value can change a literal and nothing else. Every one goes through `literal`, which leaves no quote, line end or
control character as it is, and no brace: `{{<id>}}` is Resource Graph's own syntax for a stored query, and it is put in
before the query is read. What no name in Azure can hold is spelled out, so that such a value still matches nothing.

Pages are cut by `key`, the id in lower case, in the order of `strcmp`: each starts after the last key of the one
before. The key comes with the row, since two languages need not agree on what lower case is.

For the same reason the service compares plain names only, ASCII without spaces and braces. A machine whose group or
location is spelled with anything else comes along, and `domain.scope.matches` decides: the query is never narrower.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from shared.domain.machine import MachineType, OsType
from shared.domain.scope import Choice, Narrowing

# Resource Graph gives at most this many rows at once.
MOST_ROWS = 1000

# Longer than any id or name in Azure, so cutting there makes nothing match that did not.
_LONGEST = 1000
# Narrowing is a kindness to the service: a longer list is left to `domain.scope.matches`.
_MOST_VALUES = 200
_PLAIN = "!-z|~"
_IS_PLAIN = re.compile(f"[{_PLAIN}]+").fullmatch
_ESCAPES = {"\\": "\\\\", "'": "\\'"}
_SPELLED_OUT = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_TYPES = (MachineType.AZURE_VM, MachineType.ARC_SERVER)
_INSTALLS = tuple(f"{kind.lower()}/patchinstallationresults" for kind in _TYPES)
_UPDATES = tuple(f"{kind}/softwarepatches" for kind in _INSTALLS)
_ASSESSMENTS = tuple(f"{kind.lower()}/patchassessmentresults" for kind in _TYPES)
_MISSING = tuple(f"{kind}/softwarepatches" for kind in _ASSESSMENTS)
# <machine>/patchInstallationResults/<activity>/softwarePatches/<update>: the activity's place in the split id.
_ACTIVITY = 10


def literal(value: str) -> str:
    """The value as a string literal."""
    return f"'{''.join(map(_escaped, value[:_LONGEST]))}'"


def machines(narrowing: Narrowing, *, after: str, limit: int) -> str | None:
    """One page of machines; None when none can match, so that nothing has to be asked.

    Columns: key, id, type, subscriptionId, resourceGroup, location, tags, os; a VM's patch settings, in `windows` or
    `linux`, and power state; an Arc server's status.
    """
    types = [kind.lower() for kind in _TYPES if kind in narrowing.types]
    choices = (narrowing.resource_groups, narrowing.locations)
    if (
        not types
        or narrowing.os_types == frozenset()
        or any(choice.wanted == frozenset() for choice in choices)
    ):
        return None
    return _lines(
        "resources",
        f"where type in~ ({_listed(types)})",
        *_chosen("resourceGroup", narrowing.resource_groups),
        *_chosen("location", narrowing.locations),
        # A VM tells its system in its disk, an Arc server in one of the other two.
        "extend os = coalesce(tostring(properties.storageProfile.osDisk.osType), "
        "tostring(properties.osType), tostring(properties.osName))",
        *_of_systems(narrowing.os_types),
        *_page(after, limit),
        "project key, id, type, subscriptionId, resourceGroup, location, tags, os, "
        "windows = properties.osProfile.windowsConfiguration.patchSettings, "
        "linux = properties.osProfile.linuxConfiguration.patchSettings, "
        "power = tostring(properties.extended.instanceView.powerState.code), "
        "status = tostring(properties.status)",
    )


def installs(since: datetime, *, after: str, limit: int) -> str:
    """One page of installs whose report changed at or after *since*; columns: key, id, properties."""
    instant = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return _lines(
        "patchinstallationresources",
        f"where type in~ ({_listed(_INSTALLS)})",
        f"where todatetime(properties.lastModifiedDateTime) >= datetime({instant})",
        *_page(after, limit),
        "project key, id, properties",
    )


def updates(activity_ids: Sequence[str], *, after: str, limit: int) -> str:
    """One page of the updates of these installs; columns: key, id, activity (lower case), properties."""
    wanted = [activity.lower() for activity in activity_ids]
    return _lines(
        "patchinstallationresources",
        f"where type in~ ({_listed(_UPDATES)})",
        f"extend activity = tolower(tostring(split(id, '/')[{_ACTIVITY}]))",
        f"where activity in ({_listed(wanted)})",
        *_page(after, limit),
        "project key, id, activity, properties",
    )


def assessments(machine_keys: Sequence[str], *, after: str, limit: int) -> str:
    """One page of the latest assessments of these machines; columns: key, id, machine (a key), properties."""
    return _assessed(_ASSESSMENTS, machine_keys, after=after, limit=limit)


def missing_updates(machine_keys: Sequence[str], *, after: str, limit: int) -> str:
    """One page of the updates that these machines lack; columns: key, id, machine (a key), properties."""
    return _assessed(_MISSING, machine_keys, after=after, limit=limit)


def _assessed(types: Iterable[str], machine_keys: Sequence[str], *, after: str, limit: int) -> str:
    return _lines(
        "patchassessmentresources",
        f"where type in~ ({_listed(types)})",
        # <machine>/patchAssessmentResults/latest[/softwarePatches/<update>]
        "extend machine = tostring(split(tolower(id), '/patchassessmentresults/')[0])",
        f"where machine in ({_listed(machine_keys)})",
        *_page(after, limit),
        "project key, id, machine, properties",
    )


def _lines(table: str, *operators: str) -> str:
    return "\n| ".join((table, *operators))


def _page(after: str, limit: int) -> Iterator[str]:
    yield "extend key = tolower(id)"
    if after:
        yield f"where strcmp(key, {literal(after)}) > 0"
    yield "order by key asc"
    yield f"take {min(limit, MOST_ROWS):d}"


def _chosen(column: str, choice: Choice) -> Iterator[str]:
    """At most one operator; none where the choice restricts nothing, or too much to be written down."""
    values = choice.unwanted if choice.wanted is None else choice.wanted
    if 0 < len(values) <= _MOST_VALUES:
        operator = "!in~" if choice.wanted is None else "in~"
        # In the place of a value that is not plain stands a space, which equals no plain one either.
        named = _listed(value if _IS_PLAIN(value) else " " for value in sorted(values))
        yield f"where {column} {operator} ({named}) or {column} matches regex '[^{_PLAIN}]'"


def _of_systems(os_types: Iterable[OsType] | None) -> Iterator[str]:
    if os_types is not None:
        yield f"where os in~ ({_listed(sorted(os_types))})"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values))


def _escaped(character: str) -> str:
    if character in "{}" or unicodedata.category(character) in _SPELLED_OUT:
        return f"\\\\u{ord(character):04x}"
    return _ESCAPES.get(character, character)
