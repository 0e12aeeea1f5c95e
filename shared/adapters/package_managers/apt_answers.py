"""What apt and dpkg answer, read: offers of a simulated run, priorities of sources, and why something failed.

Sources: apt's own `pkgSimulate` (lines `Inst name [installed] (version Label:Version/Suite, .. [architecture])`), the
lists of names under fixed headings, apt_preferences(5) for priorities; all under the locale C, apt 1.6 to 3.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.ssh.commands import Output

LOCKED = (
    "E: Could not get lock ",
    "Error: Could not get lock ",
    "dpkg frontend lock was locked by another process",
    "dpkg database lock was locked by another process",
    "dpkg frontend is locked by another process",
    "dpkg status database is locked by another process",
)
# dpkg says one of these before the first script of a package runs (src/main/unpack.c, configure.c, trigproc.c).
BEGAN = (
    "Preparing to unpack ",
    "Unpacking ",
    "Setting up ",
    "Processing triggers for ",
    "dpkg: error processing ",
)
NOT_THERE = "is invalid for APT::Default-Release"
KEPT_BACK = (
    "The following packages have been kept back:",
    "The following upgrades have been deferred due to phasing:",
)
DOWNGRADED = ("The following packages will be DOWNGRADED:",)

# The sources end at the first `])`, so that a line is read in a time that grows with its length only.
_OFFER = re.compile(
    r"Inst (\S+) (?:\[([^]]*)\] )?\((\S+) ((?:(?!\]\)).)*) \[[^][]+\]\)(?: \[.*\])?"
)
_COUNT = re.compile(
    r"^(\d{1,9}) upgraded, (\d{1,9}) newly installed, (?:\d{1,9} reinstalled, )?"
    r"(?:(\d{1,9}) downgraded, )?(\d{1,9}) to remove ",
    re.MULTILINE,
)
_SOURCE = re.compile(r"(?:(?P<label>.*):)?(?:(?P<version>[^/]*)/)?(?P<suite>[^:]*)")
_FILE = re.compile(r" *(-?\d{1,9}) \S.*")
_RELEASE = re.compile(r"     release (.*)")
_ERROR = re.compile(r"^(?:E|Error): (.*)$", re.MULTILINE)
_STALE = re.compile(
    r"^(?:W|Warning): ((?:Failed to fetch|Some index files failed) .*)$", re.MULTILINE
)
_FULL = re.compile(
    r"^.*(?:No space left on device|You don't have enough free space).*$", re.MULTILINE
)
_PACKAGE_FAULT = re.compile(
    r"^dpkg: error processing (?:package|archive) (\S+) \(--?(\S+)\):\s*\n\s*(.*)$", re.MULTILINE
)
_UNMET = re.compile(r"^ (\S+ : (?:Pre)?Depends: .*)$", re.MULTILINE)
_FAULTS_NAMED = 3
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A package that a simulated run would install; `installed` is None for a new one, `sources` are apt's words."""

    name: str
    installed: str | None
    version: str
    sources: tuple[str, ...]

    @property
    def is_security(self) -> bool:
        """Whether one of its sources is a security suite of Debian, Ubuntu or Ubuntu's ESM."""
        return any(_is_security(source) for source in self.sources)


def offers(output: Output, *, of: str) -> tuple[Offer, ...]:
    """What a simulated run would install, in apt's order; *of* says in an `UnreadableError` what was asked for.

    Raises it too when apt counts other packages than it lists, so that an output that was cut is never a short list.
    """
    if output.code != 0:
        raise UnreadableError(f"{of} failed: {reason(output)}")
    found = tuple(_offer(line) for line in output.stdout.splitlines() if line.startswith("Inst "))
    counted = _COUNT.search(output.stdout)
    if counted is None:
        raise UnreadableError(f"{of} did not say what it would do.")
    upgraded, new, downgraded, removed = (int(number or 0) for number in counted.groups())
    if removed or upgraded + new + downgraded != len(found):
        raise UnreadableError(f"{of} does not list what it counts: {counted[0].strip()}.")
    return found


def _offer(line: str) -> Offer:
    match = _OFFER.fullmatch(line.rstrip())
    if match is None:
        raise UnreadableError(f"apt-get wrote a line that is not understood: {line[:200]}")
    name, installed, version, sources = match.groups()
    return Offer(
        name=name, installed=installed, version=version, sources=tuple(sources.split(", "))
    )


def _is_security(source: str) -> bool:
    # A suite has no colon, so that what is read as one is never part of a label.
    match = _SOURCE.fullmatch(source)
    return match is not None and (
        match["suite"].endswith("-security") or match["label"] == "Debian-Security"
    )


def names_under(headings: tuple[str, ...], output: Output) -> frozenset[str]:
    """The packages that apt lists under these headings, on indented lines."""
    names: set[str] = set()
    inside = False
    for line in output.stdout.splitlines():
        if line.startswith(" "):
            names |= set(line.split()) if inside else set()
        else:
            inside = line.strip() in headings
    return frozenset(names)


def priorities(output: Output) -> Mapping[str, int]:
    """The priority of each source in `apt-cache policy`, by its name in `Offer.sources`; of namesakes the highest."""
    if output.code != 0:
        raise UnreadableError(f"apt-cache policy failed: {reason(output)}")
    found: dict[str, int] = {}
    for source, priority in _sources(output.stdout.splitlines()):
        found[source] = max(priority, found.get(source, priority))
    return found


def _sources(lines: list[str]) -> Iterator[tuple[str, int]]:
    priority = 0
    for line in lines:
        if file := _FILE.fullmatch(line):
            priority = int(file[1])
        elif release := _RELEASE.fullmatch(line):
            parts = (part.partition("=") for part in re.split(r",(?=[a-z]=)", release[1]))
            fields = {letter: value for letter, _, value in parts}
            label = f"{fields['l']}:" if "l" in fields else ""
            version = f"{fields['v']}/" if "v" in fields else ""
            yield f"{label}{version}{fields.get('a', '')}", priority


def refuse_stale(output: Output) -> None:
    """Raise `UnreadableError` unless every list of packages is up to date.

    apt before 2.1 has no option that makes this its exit code: it warns, goes on with the old lists and ends with 0.
    """
    if output.code != 0:
        raise UnreadableError(f"apt-get update failed: {reason(output)}")
    if stale := _STALE.search(output.stderr):
        raise UnreadableError(f"apt-get update did not get every list of packages: {stale[1]}")


def reason(output: Output) -> str:
    """Why a command failed, in a sentence of at most 500 characters, from what it said."""
    return _reason(output)[:_LONGEST]


def _reason(output: Output) -> str:
    if refused := refusal(output):
        return f"sudo refuses it, see infra/sudoers/muster-apt: {refused}"
    said = f"{output.stderr}\n{output.stdout}".replace("\r", "")
    errors = _ERROR.findall(said)
    if full := _FULL.search(said):
        return f"the disk is full: {full[0].strip()}"
    # A script that asks for the lock fails, while apt itself has it.
    if faults := _PACKAGE_FAULT.findall(said):
        return _of_packages(faults)
    if any(text in said for text in LOCKED) and not any(text in said for text in BEGAN):
        return f"another process holds the package manager's lock: {_locked_line(said)}"
    if errors and (unmet := _UNMET.search(said)):
        return f"{errors[0]} {unmet[1]}"
    return errors[0] if errors else f"it ended with code {output.code}"


def _locked_line(said: str) -> str:
    line = next(line for line in said.splitlines() if any(text in line for text in LOCKED))
    return line.removeprefix("E: ").removeprefix("Error: ").removeprefix("dpkg: error: ")


def _of_packages(faults: list[tuple[str, str, str]]) -> str:
    named = [
        f"dpkg could not {action} {name.rpartition('/')[2]}: {why.strip()}"
        for name, action, why in dict.fromkeys(faults)
    ]
    more = [f"and {len(named) - _FAULTS_NAMED} more"] if len(named) > _FAULTS_NAMED else []
    return "; ".join([*named[:_FAULTS_NAMED], *more])
