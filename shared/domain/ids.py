"""ARM resource ids: parsed, compared without case, printed as they were sent.

Two ids are the same when their `key` is the same. A key is lower-cased and has no slash at the end; it is what rows are
found by. The spelling that was sent is kept beside it and is what users see. What would not survive a URL or an
encoding is refused: ids become paths of requests and keys of rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from shared.errors import InvalidRequestError

# ARM, "naming rules": what no segment of an id may hold, and what UTF-8 cannot; dots alone would climb in a URL.
_FORBIDDEN = re.compile(r"[<>%&:\\?/#\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\.+$")
_LONGEST = 450
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceId:
    """`/subscriptions/<s>[/resourceGroups/<g>][/providers/<type>/<name>]`, split into its parts.

    `type` is the full type, such as `Microsoft.Compute/virtualMachines`, or empty for a subscription or a group. Of an
    extension resource, which hangs under another resource's id, type and name are its own.
    """

    text: str
    subscription: str
    resource_group: str = ""
    type: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """What two spellings of one id have in common."""
        return self.text.lower()

    @classmethod
    def parse(cls, text: str, *, target: str | None = None) -> Self:
        """Split an id.

        Raises `InvalidRequestError`, naming `target`, for anything that is not one.
        """
        path = text.rstrip("/")
        parts = path.split("/")[1:]
        found = _split(parts) if path.startswith("/") and len(path) <= _LONGEST else None
        if found is None:
            raise InvalidRequestError(
                f"'{text[:200]}' is not a resource id of the form /subscriptions/<id>"
                "[/resourceGroups/<group>][/providers/<namespace>/<type>/<name>].",
                target=target,
            )
        group, kind, name = found
        return cls(text=path, subscription=parts[1], resource_group=group, type=kind, name=name)


def _split(parts: Sequence[str]) -> tuple[str, str, str] | None:
    """The resource group, type and name in the parts of an id; None when they are not one's."""
    if len(parts) < 2 or any(not part.strip() or _FORBIDDEN.search(part) for part in parts):
        return None
    if parts[0].lower() != "subscriptions" or not _GUID.fullmatch(parts[1]):
        return None
    group, rest = "", parts[2:]
    if rest and rest[0].lower() == "resourcegroups":
        if len(rest) < 2:
            return None
        group, rest = rest[1], rest[2:]
    if not rest:
        return group, "", ""
    kind = _type_of(rest)
    return (group, kind, rest[-1]) if kind else None


def _type_of(parts: Sequence[str]) -> str:
    """The last type in `providers/<namespace>/<type>/<name>[/<type>/<name>]`, repeated; empty if it is not that."""
    starts = [at for at in range(0, len(parts), 2) if parts[at].lower() == "providers"]
    too_short = any(end - start < 4 for start, end in pairwise([*starts, len(parts)]))
    if starts[:1] != [0] or too_short or len(parts) % 2:
        return ""
    own = parts[starts[-1] :]
    return "/".join([own[1], *own[2::2]])


def id_key(text: str) -> str:
    """The key of an id that is known to be one."""
    return text.rstrip("/").lower()
