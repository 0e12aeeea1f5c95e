"""How rpm names a package, which of two versions is newer, and what is installed: what dnf and zypper share.

1. An update's name is `name.architecture`, its version `[epoch:]version-release` without an epoch of 0.
2. Only words of rpm's own alphabet are names and versions; everything else is an `UnreadableError`.
3. Versions are compared as rpm does (its manual, "Dependencies"); a test holds this against rpm itself.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.ssh.commands import Command, Output, Step
from shared.domain.updates import Update

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_EVR = r"(?:[0-9]+:)?[A-Za-z0-9_.+~^]+-[A-Za-z0-9_.+~^]+"
_ARCHITECTURE = r"[a-z][a-z0-9_]*"
_FULL_NAME = re.compile(rf"{_NAME}\.{_ARCHITECTURE}")
_VERSION = re.compile(_EVR)
_NEVRA = re.compile(rf"({_NAME})-({_EVR})\.({_ARCHITECTURE})")
_SCRIPT = re.compile(r"%(\w+)\(([^\s()]+)\) scriptlet failed, exit status (\d+)")
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
# A local file, which rpm's tools would take in place of a package of a repository.
_FILE = ".rpm"
_NAMED, _LENGTH = 3, 300

_PACKAGES = "packages"
_FIELDS = r"%{NAME}.%{ARCH}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n"
# Keys of repositories are kept among the packages, without an architecture.
_KEY = "gpg-pubkey.(none)"

LIST_INSTALLED = Step(
    name=_PACKAGES, command=Command(words=("/usr/bin/rpm", "-qa", "--qf", _FIELDS))
)


def answer(outputs: Mapping[str, Output], step: str, *, of: str) -> Output:
    """What the step *step* of the manager *of* answered, whatever it was; raises `UnreadableError` if it did not."""
    output = outputs.get(step)
    if output is None:
        raise UnreadableError(
            f"{of} was not asked, or did not answer: there is no output of '{step}'."
        )
    return output


def several(clauses: Iterable[str]) -> tuple[str, ...]:
    """The first of some clauses, each once, cut and without its full stop; and how many more there are."""
    found = [*dict.fromkeys(clause.strip().rstrip(".")[:_LENGTH] for clause in clauses)]
    more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return (*found[:_NAMED], *more)


def failed_scripts(said: str) -> list[str]:
    """The scripts of packages that rpm says have failed, in clauses."""
    return [
        f"the script %{kind} of {name} failed ({code})"
        for kind, name, code in _SCRIPT.findall(said)
    ]


def line_with(texts: Sequence[str], said: str) -> str:
    """The first line that holds one of *texts*; empty if none does."""
    lines = (line.strip() for line in said.splitlines())
    return next((line for line in lines if any(text in line for text in texts)), "")


def last_line(output: Output) -> str:
    """The last line of the errors, else of all that was said, cut to 300 characters."""
    lines = [line.strip() for line in f"{output.stdout}\n{output.stderr}".splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")[:_LENGTH]


def read_version(text: str) -> str:
    """A version as it is kept, without an epoch of 0; raises `UnreadableError`."""
    if len(text) > _LENGTH or not _VERSION.fullmatch(text):
        raise UnreadableError(f"'{text[:100]}' is no version of an rpm package.")
    return text.removeprefix("0:")


def read_name(text: str) -> str:
    """The name of a package with its architecture; raises `UnreadableError`."""
    if len(text) > _LENGTH or not _FULL_NAME.fullmatch(text) or text.endswith(_FILE):
        raise UnreadableError(f"'{text[:100]}' is no name of an rpm package.")
    return text


def read_nevra(text: str) -> tuple[str, str]:
    """Name and version of `name-[epoch:]version-release.architecture`; raises `UnreadableError`."""
    match = _NEVRA.fullmatch(text)
    if match is None:
        raise UnreadableError(f"'{text[:100]}' is no rpm package.")
    name, version, architecture = match.groups()
    return read_name(f"{name}.{architecture}"), read_version(version)


def chosen(updates: Sequence[Update]) -> Iterator[tuple[str, str, str]]:
    """Name, architecture and version of each; of several versions of one package the first, which is the newest."""
    seen: set[str] = set()
    for update in updates:
        name, version = read_name(update.name), read_version(update.version or "")
        if name not in seen:
            seen.add(name)
            bare, _, architecture = name.rpartition(".")
            yield bare, architecture, version


def newest(versions: Iterable[str]) -> str:
    """The newest of some versions."""
    return max(versions, key=order)


def order(version: str) -> tuple[object, ...]:
    """A key by which versions sort from old to new."""
    epoch, _, rest = version.rpartition(":")
    upstream, _, release = rest.rpartition("-")
    return (_number(epoch), _segments(upstream), _segments(release))


def _segments(text: str) -> list[tuple[int, int, str]]:
    # In rpm's order: a tilde, the end, a caret, letters, a number.
    found: list[tuple[int, int, str]] = []
    for segment in _SEGMENT.findall(text):
        if segment.isdigit():
            found.append((4, *_number(segment)))
        else:
            found.append(({"~": 0, "^": 2}.get(segment, 3), 0, segment))
    return [*found, (1, 0, "")]


def _number(digits: str) -> tuple[int, str]:
    # By its length, then by its digits: a number may have more of them than `int` takes.
    bare = digits.lstrip("0")
    return len(bare), bare


def read_installed(outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
    """What `LIST_INSTALLED` found: versions by name, several of one that is kept beside the old, as kernels are."""
    found: dict[str, set[str]] = defaultdict(set)
    output = answer(outputs, _PACKAGES, of="rpm")
    if output.code != 0:
        raise UnreadableError(f"rpm -qa failed: {last_line(output)}")
    for line in output.stdout.splitlines():
        name, _, version = line.partition("\t")
        if name != _KEY:
            found[read_name(name)].add(read_version(version))
    return {name: frozenset(versions) for name, versions in found.items()}
