"""What zypper answers, read: updates, needed patches and what they want, transactions, and why something failed.

Sources: zypper's own schema of its XML (`/usr/share/zypper/xml/xmlout.rnc`), its exit codes in zypper(8), recordings of
zypper 1.14 and, from the public sources that their files name, of others; all under the locale C.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.rpm import (
    failed_scripts,
    last_line,
    line_with,
    order,
    read_name,
    read_version,
    several,
)
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Classification

LOCKED = (
    "System management is locked by the application",
    # rpm's own lock, held by an rpm that zypper did not start, or whose zypper was killed; XML hides the apostrophe.
    "t create transaction lock on",
)
# zypper says these after rpm has its lock: that a script or a package failed, and how far a package is.
BEGAN = (
    "scriptlet failed",
    ": install failed",
    *(
        f'.{one}" value="'
        for one in ("noarch", "x86_64", "i586", "i686", "aarch64", "ppc64le", "s390x")
    ),
)

# zypper(8), "EXIT CODES". 100 to 103 say something of patches, of a reboot and of zypper itself, and no failure.
SUCCESS = (0, 100, 101, 102, 103)
_MEANINGS: Mapping[int, str] = {
    1: "there is a fault in zypper",
    2: "its options are not understood; is it older than 1.14?",
    3: "its options are not understood; is it older than 1.14?",
    4: "libzypp reports a fault",
    5: "it needs the rights of root",
    6: "no repository is defined",
    7: "another process holds the package manager's lock",
    8: "the install failed",
    104: "a package can't be had any more",
    105: "a signal ended it",
    106: "a repository was left out, because it could not be refreshed",
    107: "a script of an installed package failed",
}

_BRINGING = frozenset(
    (
        "to-install",
        "to-upgrade",
        "to-upgrade-change-arch",
        "to-change-arch",
        "to-reinstall",
        "to-downgrade",
        "to-downgrade-change-arch",
    )
)
_SPOKEN = ("message", "prompt")
_PATCH_ROW = re.compile(r"!\w* *\| *(\S+) *\| *patch *\|.*")
_CONFLICT = re.compile(r" +conflicts: (?:(\w+):)?([^ <>=:]+)(?: (?:<|<=|=) \S+)?")
_BROKEN = re.compile(r"^Installation of (\S+) failed:", re.MULTILINE)
_PROBLEM = re.compile(r"^ *Problem(?: \d+)?: (.+)$", re.MULTILINE)
_SPACE = re.compile(r"^.*(?:No space left on device|disk space).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A needed patch of category security."""

    name: str
    kind: Classification


def read(output: Output, *, of: str) -> Xml.Element:
    """The answer; raises `UnreadableError` if zypper failed or met an error, also where its exit code says success.

    As a user, or with a broken repository, it goes on without what it could not read.
    """
    try:
        root = Xml.fromstring(output.stdout)  # noqa: S314 - expat itself refuses to expand without end
    except Xml.ParseError as error:
        raise UnreadableError(f"{of} did not answer in XML: {last_line(output)}") from error
    if output.code not in SUCCESS or _texts(root, "error"):
        raise UnreadableError(f"{of}: {'; '.join(problems(output))}.")
    return root


def _texts(root: Xml.Element, kind: str) -> list[str]:
    return [(one.text or "").strip() for one in root.iter("message") if one.get("type") == kind]


def offered(output: Output) -> Mapping[str, str]:
    """The version of each package of `zypper list-updates`, by name; raises `UnreadableError`."""
    root = read(output, of="zypper list-updates")
    updates = _list(root, of="zypper list-updates")
    return {
        _name_of(one): read_version(one.get("edition", ""))
        for one in updates
        if one.get("kind") == "package"
    }


def patches(output: Output) -> tuple[Patch, ...]:
    """The needed security patches of `zypper list-patches`; raises `UnreadableError`."""
    root = read(output, of="zypper list-patches")
    return tuple(
        Patch(name=one.get("name", ""), kind=_kind(one.get("severity", "")))
        for one in _list(root, of="zypper list-patches")
        if one.get("kind") == "patch" and one.get("category") == "security"
    )


def _name_of(package: Xml.Element) -> str:
    return read_name(f"{package.get('name', '')}.{package.get('arch', '')}")


def _list(root: Xml.Element, *, of: str) -> list[Xml.Element]:
    found = root.find(".//update-list")
    if found is None:
        raise UnreadableError(f"{of} answered without a list.")
    return list(found.iter("update"))


def _kind(severity: str) -> Classification:
    critical = severity.lower() == "critical"
    return Classification.CRITICAL if critical else Classification.SECURITY


def contents(output: Output) -> Mapping[str, frozenset[str]]:
    """The packages that each needed patch wants newer, from the search for conflicts; raises `UnreadableError`."""
    found: dict[str, set[str]] = defaultdict(set)
    patch = ""
    for line in output.stdout.splitlines():
        if row := _PATCH_ROW.fullmatch(line):
            patch = row[1]
        elif patch and (conflict := _CONFLICT.fullmatch(line.rstrip())):
            # Of another kind are sources and products, which are not installed as packages are.
            found[patch] |= set() if conflict[1] else {conflict[2]}
        elif line.strip():
            raise UnreadableError(f"zypper search wrote what is not understood: {line[:200]}")
    return {name: frozenset(names) for name, names in found.items()}


def transaction(output: Output) -> tuple[str, ...]:
    """The names of all packages that a transaction would install; raises `UnreadableError`, also if it can't be."""
    summary = read(output, of="zypper update").find(".//install-summary")
    if summary is None:
        raise UnreadableError(f"zypper did not say what it would do: {last_line(output)}")
    names = {
        _name_of(one)
        for part in summary
        if part.tag in _BRINGING
        for one in part.iter("solvable")
        if one.get("type") == "package"
    }
    return tuple(sorted(names))


def problems(output: Output) -> tuple[str, ...]:
    """Why not everything was installed as it should be, in clauses; none if it was."""
    if refused := refusal(output):
        return (f"sudo refuses it, see infra/sudoers/muster-zypper: {refused}",)
    try:
        root = Xml.fromstring(output.stdout)  # noqa: S314 - as above
        said = "\n".join(_spoken(root))
        errors = [" ".join(text.split()) for text in _texts(root, "error")]
    except Xml.ParseError:
        # Cut off by whatever ended zypper; what it said until then still counts.
        said, errors = f"{output.stdout}\n{output.stderr}", []
    if full := _SPACE.search(said):
        return (f"the disk is full: {full[0].strip()}",)
    if lock := _lock(output, said):
        return (f"another process holds the package manager's lock: {lock}",)
    found = failed_scripts(said)
    found += [f"{name} was not installed" for name in _BROKEN.findall(said)]
    found += _PROBLEM.findall(said)
    if found or errors:
        return several(found or errors)
    if output.code in SUCCESS:
        return ()
    return (_MEANINGS.get(output.code, f"it ended with code {output.code}: {last_line(output)}"),)


def _spoken(root: Xml.Element) -> Iterator[str]:
    """What zypper says and asks; not the descriptions of packages, which may say anything."""
    parts = [root]
    while parts:
        part = parts.pop()
        if part.tag in _SPOKEN:
            yield from part.itertext()
        else:
            parts += reversed(part)


def _lock(output: Output, said: str) -> str:
    """The line that says so where another process holds the lock; a script that asks for it is told the same."""
    if output.code in SUCCESS or any(text in output.stdout for text in BEGAN):
        return ""
    return line_with(LOCKED, said)


def twice(packages: Mapping[str, frozenset[str]], beside: Output) -> tuple[str, ...]:
    """The packages with several versions, in clauses, but those that are kept beside each other, such as kernels."""
    meant = frozenset(beside.stdout.split())
    return several(
        f"{name} ({', '.join(sorted(versions, key=order))})"
        for name, versions in sorted(packages.items())
        if len(versions) > 1 and name not in meant
    )
