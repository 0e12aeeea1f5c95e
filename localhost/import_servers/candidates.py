"""From what was found to the servers that may be registered: names, host keys, and who is left out.

1. A resource name is the source's name with `-` for each character that a URL or an id may not hold. Two names that
   become one, upper and lower case being one, are refused, both.
2. Two names for one host and port are one server, and the first is taken: registered twice, it would be patched twice
   at once.
3. A host without a key that can be pinned is left out, unless the first key that it shows is to be trusted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from localhost.import_servers.host_keys import HostKeys, UnusableKeysError, known_name
from localhost.import_servers.hosts import FoundHost, LeftOut
from localhost.import_servers.options import ImportOptions
from localhost.import_servers.report import Result, State

_OTHERS = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server to be registered under an id; without `host_keys` the first key that it shows is trusted."""

    id: str
    found: FoundHost
    host_keys: tuple[str, ...]


def choose(
    found: Iterable[FoundHost | LeftOut], known: HostKeys, options: ImportOptions
) -> tuple[list[Candidate], list[Result]]:
    """Who is to be registered, and what became of all others."""
    hosts: list[FoundHost] = []
    results: list[Result] = []
    for one in found:
        if isinstance(one, FoundHost):
            hosts.append(one)
        else:
            results.append(_left_out(one.name, one.why))
    candidates = []
    for host in _without_aliases(_without_collisions(hosts, results), results):
        decided = _candidate(host, known, options)
        if isinstance(decided, Candidate):
            candidates.append(decided)
        else:
            results.append(decided)
    return candidates, results


def resource_name(name: str) -> str:
    """The resource name that a host's name becomes; empty when nothing of it is left."""
    return _OTHERS.sub("-", name).strip(".-")


def _without_collisions(hosts: Sequence[FoundHost], results: list[Result]) -> list[FoundHost]:
    by_name: dict[str, list[FoundHost]] = defaultdict(list)
    for host in hosts:
        by_name[resource_name(host.name).lower()].append(host)
    alone = []
    for name, same in by_name.items():
        if len(same) == 1 and name:
            alone += same
            continue
        names = " and ".join(f"'{host.name}'" for host in same)
        why = f"{names} would be one server, '{name}'." if name else "No resource can be named so."
        results += [Result(state=State.FAILED, name=host.name, message=why) for host in same]
    return alone


def _without_aliases(hosts: Sequence[FoundHost], results: list[Result]) -> list[FoundHost]:
    first: dict[tuple[str, int], FoundHost] = {}
    for host in hosts:
        before = first.setdefault((host.host.lower().rstrip("."), host.port), host)
        if before is not host:
            results.append(_left_out(host.name, f"It has the host and port of '{before.name}'."))
    return list(first.values())


def _candidate(host: FoundHost, known: HostKeys, options: ImportOptions) -> Candidate | Result:
    if not (host.user or options.user):
        return _left_out(host.name, "Nothing says as whom to sign in: give --user.")
    if not (host.location or options.location):
        return _left_out(host.name, f"It has no {options.location_from}: give --location.")
    try:
        host_keys = known.of(host)
    except UnusableKeysError as error:
        return _left_out(host.name, str(error))
    if not host_keys and not options.trust_on_first_use:
        return _left_out(
            host.name,
            f"known_hosts has no key of {known_name(host)}: add it, or give --trust-on-first-use.",
        )
    return Candidate(
        id=f"{options.group_id}/providers/Muster.OnPremises/servers/{resource_name(host.name)}",
        found=host,
        host_keys=host_keys,
    )


def _left_out(name: str, why: str) -> Result:
    return Result(state=State.LEFT_OUT, name=name, message=why)
