"""Reading what `ansible-inventory --list` prints: hosts by their connection variables, groups as tags.

1. Only named variables are read. Whatever else stands in an inventory, secrets above all, is neither kept nor repeated.
2. Where a variable has two names, Ansible's ssh plugin takes the one with `ssh` in it; so does this.
3. Templates are not resolved by `ansible-inventory`; a host that needs one is left out.
4. Each group of a host, those above it too, is a tag `ansible:<group>` with the value `yes`: a tag has one value, and a
   host has many groups.
"""

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from localhost.errors import LocalhostError
from localhost.import_servers.hosts import FoundHost, LeftOut
from shared.domain.server import SSH_PORT

GROUP_TAG = "ansible:"
_MEMBER = "yes"
_NO_NEWS = frozenset({"all", "ungrouped"})
_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
_WINDOWS = frozenset({"winrm", "psrp"})
_WINDOWS_SHELLS = frozenset({"cmd", "powershell"})
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")


class _Group(BaseModel):
    hosts: list[str] = []
    children: list[str] = []
    vars: dict[str, Any] | None = None


_GROUPS = TypeAdapter(dict[str, _Group])
_VARIABLES = TypeAdapter(dict[str, dict[str, Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Which variables are to become tags and the location; of which groups tags are made, empty for all."""

    tags_from: Sequence[str] = ()
    location_from: str = ""
    groups: Collection[str] = ()


class _UnusableError(Exception):
    """Why this host is left out: one sentence."""


def read_inventory(text: str, wishes: Wishes) -> list[FoundHost | LeftOut]:
    """The hosts in the order of their names; LocalhostError for a text that is no such JSON."""
    groups, variables = _parse(text)
    names = set(variables).union(*(group.hosts for group in groups.values()))
    tags = _group_tags(groups, wishes.groups)
    return [
        _host(name, variables.get(name, {}), tags=tags.get(name, {}), wishes=wishes)
        for name in sorted(names)
    ]


def _parse(text: str) -> tuple[dict[str, _Group], dict[str, dict[str, Any]]]:
    # What pydantic and json say of it would repeat values, any of which may be a secret.
    refusal = LocalhostError("This is not the JSON that `ansible-inventory --list` prints.")
    try:
        document = json.loads(text)
        variables = _VARIABLES.validate_python(document.pop("_meta")["hostvars"])
        groups = _GROUPS.validate_python(document)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, ValidationError):
        raise refusal from None
    if any(group.vars is not None for group in groups.values()):
        raise LocalhostError(
            "This was made with --export, which keeps variables of groups from their hosts: use "
            "`ansible-inventory --list` alone."
        )
    return groups, variables


def _group_tags(groups: Mapping[str, _Group], wanted: Collection[str]) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {}
    for name in groups:
        if name in _NO_NEWS or (wanted and name not in wanted):
            continue
        for host in _hosts_beneath(groups, name):
            tags.setdefault(host, {})[f"{GROUP_TAG}{name}"] = _MEMBER
    return tags


def _hosts_beneath(groups: Mapping[str, _Group], top: str) -> Iterator[str]:
    seen, ahead = {top}, [top]
    while ahead:
        group = groups.get(ahead.pop(), _Group())
        yield from group.hosts
        ahead += [child for child in group.children if child not in seen]
        seen.update(group.children)


def _host(
    name: str, variables: Mapping[str, Any], *, tags: Mapping[str, str], wishes: Wishes
) -> FoundHost | LeftOut:
    try:
        _check_connection(variables)
        own = {tag: _text(variables, tag) for tag in wishes.tags_from}
        return FoundHost(
            name=name,
            host=_text(variables, "ansible_host", "ansible_ssh_host") or name,
            port=_port(variables),
            user=_text(variables, "ansible_user", "ansible_ssh_user"),
            location=_text(variables, wishes.location_from),
            tags={**tags, **{tag: value for tag, value in own.items() if value}},
        )
    except _UnusableError as error:
        return LeftOut(name=name, why=str(error))


def _check_connection(variables: Mapping[str, Any]) -> None:
    connection = _text(variables, "ansible_connection").rpartition(".")[2] or "ssh"
    if connection in _WINDOWS or _text(variables, "ansible_shell_type") in _WINDOWS_SHELLS:
        raise _UnusableError("It runs Windows: connect it to Azure Arc.")
    if connection not in _SSH:
        raise _UnusableError(f"Ansible reaches it by '{connection}', not by SSH.")
    if any(_leads_elsewhere(variables.get(name)) for name in _ARGUMENTS):
        raise _UnusableError("It is reached through another host, which is not supported.")


def _leads_elsewhere(arguments: object) -> bool:
    if not isinstance(arguments, str):
        return False
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = arguments.split()
    options = [word.lower() for word in words]
    return any("proxyjump" in one or "proxycommand" in one for one in options) or any(
        word.startswith("-J") for word in words
    )


def _port(variables: Mapping[str, Any]) -> int:
    written = _text(variables, "ansible_port", "ansible_ssh_port")
    if not written:
        return SSH_PORT
    if not (written.isascii() and written.isdecimal() and len(written) <= len("65535")):
        raise _UnusableError("Its ansible_port is not a number from 1 to 65535.")
    return int(written)


def _text(variables: Mapping[str, Any], *names: str) -> str:
    """The last of the variables that is set, as text; empty when none is."""
    found = [(name, variables[name]) for name in names if variables.get(name) is not None]
    if not found:
        return ""
    name, value = found[-1]
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise _UnusableError(f"Its {name} is neither a text nor a number.")
    if "{{" in str(value) or "{%" in str(value):
        raise _UnusableError(f"Its {name} is a template, which ansible-inventory leaves as it is.")
    return str(value)
