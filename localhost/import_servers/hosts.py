"""What a source says of a host, before anything is decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.server import SSH_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundHost:
    """A host that is reached by SSH, under the source's own *name* for it.

    An empty `user` or `location` is one that the source does not tell. `known_as` is what known_hosts has it under, if
    that is neither its name nor its address.
    """

    name: str
    host: str
    port: int = SSH_PORT
    user: str = ""
    location: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    known_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A host that is not imported, and why, in one sentence."""

    name: str
    why: str
