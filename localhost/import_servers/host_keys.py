"""Host keys out of known_hosts files, by asyncssh's parser: what may be pinned of a server.

A key counts for exactly the name and the port that it stands under: the key of another port says nothing of this one.
Keys that are marked as revoked are never taken.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import asyncssh

from localhost.errors import LocalhostError
from localhost.import_servers.hosts import FoundHost
from shared.application.server_body import parse_host_key
from shared.domain.server import SSH_PORT
from shared.errors import InvalidRequestError

# Best first.
_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)


class UnusableKeysError(Exception):
    """Why nothing that is known of a host's keys can be pinned: one sentence."""


class HostKeys:
    """The entries of some known_hosts files."""

    def __init__(self, known: asyncssh.SSHKnownHosts) -> None:
        self._known = known

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Self:
        """Read the files, or the user's own when none is given, which may be missing.

        OSError for a file that is not there, LocalhostError for one that is no such file.
        """
        own = Path("~/.ssh/known_hosts").expanduser()
        chosen = list(paths) or ([own] if own.exists() else [])
        try:
            return cls(asyncssh.read_known_hosts([str(path) for path in chosen]))
        except ValueError as error:
            names = ", ".join(str(path) for path in chosen)
            raise LocalhostError(f"{names} is not a known_hosts file.") from error

    def of(self, found: FoundHost) -> tuple[str, ...]:
        """The keys, `type base64`, the one to be pinned first; none where no key is known.

        Raises UnusableKeysError where keys contradict each other or all of them are revoked.
        """
        trusted: set[str] = set()
        revoked: set[str] = set()
        for name in {known_name(found), known_name(found).lower()}:
            matched = self._known.match(name, "", None)
            trusted.update(_written(matched[0]))
            revoked.update(_written(matched[2]))
        usable = trusted - revoked
        if revoked and not usable:
            raise UnusableKeysError("What known_hosts has of its keys is revoked.")
        by_type = [sorted(key for key in usable if key.split()[0] == kind) for kind in _TYPES]
        ordered = [keys for keys in by_type if keys]
        if ordered and len(ordered[0]) > 1:
            kind = ordered[0][0].split()[0]
            raise UnusableKeysError(
                f"known_hosts has {len(ordered[0])} keys of the type {kind} for it: keep the right one."
            )
        return tuple(key for keys in ordered for key in keys)


def known_name(found: FoundHost) -> str:
    """What known_hosts has it under; as OpenSSH does, an alias goes without the port (ssh_config(5))."""
    if found.known_as:
        return found.known_as
    return found.host if found.port == SSH_PORT else f"[{found.host}]:{found.port}"


def _written(keys: Sequence[asyncssh.SSHKey]) -> set[str]:
    """The keys of types that Muster pins."""
    written = set()
    for key in keys:
        kind, body, *_ = key.export_public_key("openssh").split(maxsplit=2)
        try:
            written.add(parse_host_key(f"{kind.decode()} {body.decode()}"))
        except InvalidRequestError:
            continue
    return written
