"""Servers on premises, which Muster reaches over SSH itself: what is registered of them, and what each part may be.

Of a key there is only the name under which it is kept elsewhere. The parsers take one field of the wire each and raise
`InvalidRequestError` with a sentence that says what is allowed; no sentence repeats what was sent, since it might be a
secret in the wrong place. What becomes an argument of a connection can't be mistaken for an option.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from shared.domain.machine import Machine, MachineState, MachineType, OsType
from shared.errors import InvalidRequestError

SSH_PORT = 22
LARGEST_PORT = 65_535

# RFC 1123, 2.1: labels of letters, digits and inner hyphens; RFC 1035, 2.3.4: 63 octets in one, 253 in all.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST_HOST = 253
# POSIX.1-2017, 3.437: the portable characters of file names, no hyphen first; useradd's 32.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, "object identifiers".
_SECRET = re.compile(r"[A-Za-z0-9-]{1,127}")
_MOST_TAGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySetting:
    """The private key is the value of the app setting *name*."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVaultSecret:
    """The private key is the value of the Key Vault secret *name*."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One registered server, and how it is reached.

    `host_key` is its type and its base64, without a comment; None trusts whatever key the server shows first.
    """

    machine: Machine
    host: str
    port: int
    user: str
    host_key: str | None
    authentication: KeySetting | KeyVaultSecret
    enabled: bool

    @property
    def state(self) -> MachineState:
        """The server as inventories show it."""
        return MachineState(machine=self.machine, enabled=self.enabled)


def parse_host(text: str) -> str:
    """Read a DNS name or an IP address, which has neither brackets nor a zone."""
    if _is_address(text) or _is_name(text):
        return text
    raise InvalidRequestError(
        "This must be a DNS name or an IP address, without a user, a port or options."
    )


def parse_user(text: str) -> str:
    """Read the name of a POSIX user."""
    if _USER.fullmatch(text):
        return text
    raise InvalidRequestError(
        "This must be the name of a POSIX user: at most 32 letters, digits, '.', '_' and '-', "
        "the first of them no '.' or '-'."
    )


def parse_port(value: object) -> int:
    """Read a TCP port."""
    if type(value) is int and 1 <= value <= LARGEST_PORT:
        return value
    raise InvalidRequestError(f"This must be a whole number from 1 to {LARGEST_PORT}.")


def parse_system(text: str) -> OsType:
    """Read the system, of which Muster itself reaches one."""
    if text.lower() == OsType.LINUX.lower():
        return OsType.LINUX
    if text.lower() == OsType.WINDOWS.lower():
        raise InvalidRequestError(
            "Muster reaches Linux servers only. Connect a Windows server to Azure Arc: it is then "
            f"patched as a machine of type {MachineType.ARC_SERVER}."
        )
    raise InvalidRequestError("This must be Linux.")


def parse_setting_name(text: str) -> str:
    """Read the name of an app setting, which is the name of an environment variable too."""
    if _SETTING.fullmatch(text):
        return text
    raise InvalidRequestError(
        "This must be the name of an app setting that holds the private key: at most 128 letters, "
        "digits and '_', no digit first. The key itself is never sent."
    )


def parse_secret_name(text: str) -> str:
    """Read the name of a Key Vault secret."""
    if _SECRET.fullmatch(text):
        return text
    raise InvalidRequestError(
        "This must be the name of a Key Vault secret that holds the private key: at most 127 "
        "letters, digits and '-'. The key itself is never sent."
    )


def parse_location(text: str) -> str:
    """Read the location, by which scopes find the server."""
    if text.strip():
        return text
    raise InvalidRequestError("This must be a location, an Azure region or a name of your own.")


def check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse what scopes could read in two ways; the number is ARM's."""
    if len({name.lower() for name in tags}) < len(tags):
        raise InvalidRequestError("Two tags have the same name: upper and lower case are one.")
    if len(tags) > _MOST_TAGS or any(not name.strip() for name in tags):
        raise InvalidRequestError(f"There may be {_MOST_TAGS} tags, each of them with a name.")
    return tags


def _is_address(text: str) -> bool:
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return not (isinstance(found, IPv6Address) and found.scope_id)


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    # No top-level domain is a number, so that an address with a typing error is no name.
    return (
        len(text) <= _LONGEST_HOST
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdecimal()
    )
