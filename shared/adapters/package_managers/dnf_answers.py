"""What dnf answers, read: tables of updates, advisories and transactions, and why something failed.

Sources: recordings of dnf 4.14 and, from the public sources that their files name, of others; all under the locale C.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.rpm import (
    failed_scripts,
    last_line,
    line_with,
    read_name,
    read_nevra,
    read_version,
    several,
)
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Classification, split_architecture

LOCKED = (
    " already locked by ",
    "Failed to obtain rpm transaction lock",
    "can't create transaction lock on",
)

# dnf says these after it has the locks: dnf 4 its table of steps, dnf 5 its progress and the scripts of packages.
BEGAN = (
    "  Preparing ",
    "  Running scriptlet: ",
    "scriptlet failed, exit status ",
    "Prepare transaction",
    ">>> Running ",
)

_OBSOLETING = "Obsoleting "
_DNF4_LABEL = re.compile(r"(\w+)/Sec\.")
_DNF5_SECURITY, _CRITICAL = "security", "critical"
_SOURCES = (".src", ".nosrc")
_BRINGING = ("Installing", "Upgrading", "Reinstalling", "Downgrading")
_SECTION = re.compile(r"([A-Z][a-z]+)(?: [a-z ]*)?:")
_SUMMARY = re.compile(r"(?:Transaction Summary|Total size)\b.*")
_NOTHING = "Nothing to do"
_COLUMNS = 3  # name with architecture, version, repository
_ROW = 5  # name, architecture, version, repository, size; its unit is a word of its own
_PROBLEM = re.compile(r"^ *Problem(?: \d+)?: (.+(?:\n +- .+)*)$", re.MULTILINE)
_DETAIL = re.compile(r"\n +- ")
_GONE = re.compile(r"^No match for argument: (.+)$", re.MULTILINE)
_FAILED = re.compile(r"^error: (\S+): install failed$", re.MULTILINE)
_ERROR = re.compile(r"^(?:Error|Transaction failed): (.+(?:\n +\S.*)*)$", re.MULTILINE)
_SPACE = re.compile(r"^.*(?:No space left on device|more space needed on).*$", re.MULTILINE)
_TWICE = re.compile(r"^(\S+) is a duplicate with (\S+)$", re.MULTILINE)


def succeeded(output: Output, *, of: str, codes: tuple[int, ...] = (0,)) -> Output:
    """The output; raises `UnreadableError` for another exit code, with what dnf said of it."""
    if output.code in codes:
        return output
    reasons = problems(output)
    raise UnreadableError(f"{of} failed: {'; '.join(reasons)}.")


def offered(output: Output) -> Mapping[str, str]:
    """The newest version of each package of `dnf check-update`, by name; raises `UnreadableError`."""
    found: dict[str, str] = {}
    words: list[str] = []
    for line in output.stdout.splitlines():
        if line.startswith(_OBSOLETING):
            break
        # dnf breaks a line where a name is too long for a terminal.
        more = line.split()[: _COLUMNS + 1]
        words = [*words, *more][: _COLUMNS + 1] if words and line.startswith(" ") else more
        if len(words) == _COLUMNS:
            found[read_name(words[0])] = read_version(words[1])
            words = []
    if output.code == 100 and not found:
        raise UnreadableError(f"dnf check-update has updates and lists none: {last_line(output)}")
    return found


def available(output: Output) -> Mapping[str, frozenset[str]]:
    """What `repoquery` lists with a `|` after each: versions by name; raises `UnreadableError`."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in output.stdout.replace("\n", "").split("|"):
        if text.strip():
            name, version = read_nevra(text.strip())
            found[name].add(version)
    return {name: frozenset(versions) for name, versions in found.items()}


def advisories(output: Output) -> Iterator[tuple[str, str, Classification]]:
    """Name, version and kind of every package that a security advisory lists; raises `UnreadableError`."""
    for line in output.stdout.splitlines():
        words = line.split()
        if len(words) == 3 and (label := _DNF4_LABEL.fullmatch(words[1])):
            severity, package = label[1], words[2]
        elif len(words) >= 4 and _DNF5_SECURITY.startswith(words[1]):
            severity, package = words[2:4]
        elif not words or words[0] == "Name":
            continue
        else:
            raise UnreadableError(f"dnf updateinfo wrote what is not understood: {line[:200]}")
        if not package.endswith(_SOURCES):
            name, version = read_nevra(package)
            # dnf 5 cuts columns to the width of a terminal, if it takes its output for one.
            if not split_architecture(name)[1]:
                raise UnreadableError(
                    f"dnf updateinfo names an architecture that is not known: {line[:200]}"
                )
            yield name, version, _kind(severity)


def _kind(severity: str) -> Classification:
    critical = _CRITICAL.startswith(severity.lower())
    return Classification.CRITICAL if critical else Classification.SECURITY


def transaction(output: Output) -> tuple[str, ...]:
    """The names of all packages that a transaction would install; raises `UnreadableError`, also if it can't be."""
    said = f"{output.stdout}\n{output.stderr}"
    if reasons := _reasons(output):
        raise UnreadableError(f"dnf can't do it: {'; '.join(reasons)}.")
    if output.code == 0 and _NOTHING in said:
        return ()
    if output.code not in (0, 1) or not _SUMMARY.search(said):
        raise UnreadableError(f"dnf did not say what it would do: {last_line(output)}")
    return tuple(sorted(set(_rows(output.stdout.splitlines()))))


def _rows(lines: list[str]) -> Iterator[str]:
    """The names in those sections of a transaction's table that put something on the server."""
    bringing, words = False, list[str]()
    for line in lines:
        if _SUMMARY.fullmatch(line):
            return
        if section := _SECTION.fullmatch(line):
            bringing, words = section[1] in _BRINGING, []
        elif bringing and line.startswith(" ") and line.split()[:1] != ["replacing"]:
            words += line.split()
            if len(words) >= _ROW:
                read_version(words[2])
                yield read_name(f"{words[0]}.{words[1]}")
                words = []


def problems(install: Output) -> tuple[str, ...]:
    """Why not everything was installed as it should be, in clauses; none if it was."""
    found = _reasons(install)
    if install.code and not found:
        return (f"it ended with code {install.code}: {last_line(install)}",)
    return found


def twice(duplicates: Output) -> tuple[str, ...]:
    """The packages of which `dnf check` has found two versions, in clauses."""
    found = _TWICE.findall(duplicates.stdout)
    return several(f"{first} beside {second}" for first, second in found)


def _reasons(output: Output) -> tuple[str, ...]:
    if refused := refusal(output):
        return (f"sudo refuses it, see infra/sudoers/muster-dnf: {refused}",)
    said = f"{output.stdout}\n{output.stderr}".replace("\r", "")
    if full := _SPACE.search(said):
        return (f"the disk is full: {full[0].strip()}",)
    if lock := _lock(output, said):
        return (f"another process holds the package manager's lock: {lock}",)
    found = failed_scripts(said)
    found += [f"{name} was not installed" for name in _FAILED.findall(said)]
    found += [_DETAIL.sub(", ", text) for text in _PROBLEM.findall(said)]
    found += [f"{name} can't be had any more" for name in _GONE.findall(said)]
    if not found:
        found = [" ".join(text.split()) for text in _ERROR.findall(said)]
    return several(found)


def _lock(output: Output, said: str) -> str:
    """The line that says so where another process holds the lock; a script that asks for it is told the same."""
    if output.code == 0 or any(text in said for text in BEGAN):
        return ""
    return line_with(LOCKED, said)
