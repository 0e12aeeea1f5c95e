"""JSON merge patch (RFC 7396): what a PATCH makes of a stored document."""

from collections.abc import Mapping
from typing import Any


def merged(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The document with *changes*: null removes a member, objects merge, all else replaces; order is kept."""
    outcome = dict(document)
    for name, value in changes.items():
        if value is None:
            outcome.pop(name, None)
        elif isinstance(value, Mapping):
            inner = outcome.get(name)
            outcome[name] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            outcome[name] = value
    return outcome
