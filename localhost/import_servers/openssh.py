"""Reading a configuration of OpenSSH's client, by asyncssh's parser: the names after `Host` are the servers.

1. Patterns (`*`, `?`, `!`) name no server, but count for those that they match, as `Match` and `Include` do.
2. Only what an import needs is read; what stands beside it may be anything.
3. `Match exec` would run a command for each name, and is refused.
"""

import getpass
from collections.abc import Iterator
from pathlib import Path

from asyncssh.config import ConfigParseError, SSHClientConfig, SSHConfig

from localhost.errors import LocalhostError
from localhost.import_servers.hosts import FoundHost, LeftOut
from shared.domain.server import SSH_PORT

_READ = (
    "canonicalizehostname",
    "host",
    "hostkeyalias",
    "hostname",
    "include",
    "match",
    "port",
    "proxycommand",
    "proxyjump",
    "tag",
    "user",
)


class _Configuration(SSHClientConfig):
    """What is said of one host."""

    # Of the options that expand, only ProxyCommand is read, and only for whether it is there.
    _percent_expand: set[str] = set()  # noqa: RUF012, the parent's

    def _match_running_nothing(self, option: str, args: list[str]) -> None:
        if any(word.lower().lstrip("!") == "exec" for word in args):
            self._error("Match exec runs a command, which an import does not do.")
        self._match(option, args)

    _handlers = {  # noqa: RUF012, the parent's
        **{name: SSHClientConfig._handlers[name] for name in _READ},  # noqa: SLF001
        "match": ("Match", _match_running_nothing),
    }


class _Names(_Configuration):
    """The names after `Host`, in the order of the file, whatever condition they stand under."""

    def _record(self, option: str, args: list[str]) -> None:
        known = self._options.setdefault("names", [])
        if isinstance(known, list):
            known += [name for name in args if name not in known]
        args.clear()

    def _pass_over(self, option: str, args: list[str]) -> None:
        args.clear()

    _handlers = {  # noqa: RUF012, the parent's
        "host": ("Host", _record),
        "include": SSHClientConfig._handlers["include"],  # noqa: SLF001
        "match": ("Match", _pass_over),
    }


def read_configuration(path: Path) -> list[FoundHost | LeftOut]:
    """The hosts in the order of the file; LocalhostError for a file that is no such configuration."""
    try:
        return [_host(path, name) for name in _names(path)]
    except ConfigParseError as error:
        raise LocalhostError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise LocalhostError(f"{path} is not a configuration of OpenSSH's client.") from error


def _names(path: Path) -> Iterator[str]:
    names = _Names.load(None, [path], False, False, False, "", (), "", ()).get("names", [])
    if isinstance(names, list):
        yield from (name for name in names if not set(name) & set("*?!"))


def _host(path: Path, name: str) -> FoundHost | LeftOut:
    said = _said(path, name)
    if said.get("ProxyJump") or said.get("ProxyCommand"):
        return LeftOut(name=name, why="It is reached through another host, which is not supported.")
    if said.get("CanonicalizeHostname") and not said.get("Hostname"):
        return LeftOut(name=name, why="Its name is to be made canonical: give it a HostName.")
    port = said.get("Port", SSH_PORT)
    return FoundHost(
        name=name,
        host=str(said.get("Hostname") or name),
        port=port if isinstance(port, int) else SSH_PORT,
        user=str(said.get("User") or ""),
        known_as=str(said.get("HostKeyAlias") or ""),
    )


def _said(path: Path, name: str) -> SSHConfig:
    user = getpass.getuser()
    said = _Configuration.load(None, [path], False, False, False, user, (), name, ())
    if not said.has_match_final():
        return said
    # A second time over; what was said the first time stays (ssh_config(5), Match).
    return _Configuration.load(said, [path], False, False, True, user, (), name, ())
