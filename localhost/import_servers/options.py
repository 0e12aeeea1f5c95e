"""What an import is told on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localhost.import_servers.ansible import GROUP_TAG

DEFAULT_URL = "http://127.0.0.1:7071"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Where servers are read from, what is said of all of them, and where they are sent.

    One of `ansible` (`-` is the standard input) and `openssh` is set. `group_id` is the resource group's id,
    `authentication` the member of that name. `audience` is the client id of Muster's registration in Entra ID, or
    empty for no token. `known_hosts` is empty for the user's own file.
    """

    ansible: Path | None = None
    openssh: Path | None = None
    group_id: str
    authentication: Mapping[str, str]
    location: str = ""
    location_from: str = ""
    user: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_from: tuple[str, ...] = ()
    group_tags: tuple[str, ...] = ()
    known_hosts: tuple[Path, ...] = ()
    trust_on_first_use: bool = False
    replace_host_keys: bool = False
    disabled: bool = False
    dry_run: bool = False
    url: str = DEFAULT_URL
    audience: str = ""

    @property
    def own_tags(self) -> str:
        """The prefix of tags that an import takes away again; empty when it has none of its own."""
        return GROUP_TAG if self.ansible else ""
