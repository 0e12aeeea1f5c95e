"""dnf, the package manager of Red Hat's family and Fedora; yum is dnf there. Versions 4 and 5.

1. A security fix is what an advisory of type security lists; of severity Critical it is Critical. An advisory of
   another type is never a security fix, whatever its severity.
2. Offered is what `dnf check-update` offers: repositories' priorities, excludes, modules and locks of versions count.
   Below the newest, the newest version that an advisory of type security lists is offered too. Obsoletes are not
   followed.
3. A repository that can't be refreshed makes the answer unreadable, also one that the server is told to do without: an
   incomplete list must not look like "nothing to do".
4. What can't be installed for its dependencies is left out by dnf (`best=False`), and the rest is installed.
5. The words that run as root are in `infra/sudoers/muster-dnf` too; tests hold the two against each other.

Sources: dnf(8), dnf.conf(5) and dnf-needs-restarting(8) of dnf 4.14; dnf5(8), dnf5-advisory(8),
dnf5-changes-from-dnf4(7).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from shared.adapters.package_managers.dnf_answers import (
    BEGAN,
    LOCKED,
    advisories,
    available,
    offered,
    problems,
    succeeded,
    transaction,
    twice,
)
from shared.adapters.package_managers.manager import INSTALL
from shared.adapters.package_managers.rpm import (
    LIST_INSTALLED,
    answer,
    chosen,
    newest,
    order,
    read_installed,
)
from shared.adapters.ssh.commands import Command, Condition, Output, Step
from shared.domain.updates import Classification, Update

_DNF = "/usr/bin/dnf"
_FAIL_ON_LOCK = "--setopt=exit_on_lock=True"
# From the cache that the refresh has just filled, so that all answers are of one moment.
_LOOK = (_DNF, "-q", "-C", _FAIL_ON_LOCK)
_EVERY_REPOSITORY = "--setopt=*.skip_if_unavailable=False"
# sudo sees words joined by spaces: who may run this can hide the words after an option within its value, and dnf 4
# only warns of a value that it does not understand. So the command comes first, then the packages, which are packages
# because they begin as such (rpm.py; dnf 5 takes no `--`), and last what has values: nothing is left to hide there.
_UPGRADE = "upgrade"
_SO = (_FAIL_ON_LOCK, "--setopt=install_weak_deps=False", "--setopt=best=False")
# dnf 4 ends each with a line break, dnf 5 with nothing.
_FIELDS = "%{name}-%{evr}.%{arch}|"

# needs-restarting has 1 for "reboot", which is dnf's code for every failure too: what it says decides. 102 is needed,
# 0 is not needed, anything else is not known.
_ASK = (
    "{ /usr/bin/dnf -q -C needs-restarting -r 2>&1; echo; } | /usr/bin/sed "
    "-e '/Reboot is required/q102' -e '/Reboot should not be necessary/q0' -e '$q1'"
)
_REBOOT_NEEDED, _NO_REBOOT = 102, 0

_REFRESH, _NEWEST, _AVAILABLE, _ADVISORIES = "refresh", "newest", "available", "advisories"
_DUPLICATES, _REBOOT = "duplicates", "reboot-needed"


class Dnf:
    """See `PackageManager`."""

    name = "dnf"
    locked = LOCKED
    began = BEGAN
    reboot_needed = Condition(step=_REBOOT, codes=(_REBOOT_NEEDED,))

    def assess(self) -> tuple[Step, ...]:
        """Refresh; what is newest, what is newer than installed, and which of it security advisories list."""
        refresh = (_DNF, "-q", _FAIL_ON_LOCK, _EVERY_REPOSITORY, "makecache", "--refresh")
        every = (*_LOOK, "repoquery", "--upgrades", "--queryformat", _FIELDS)
        listed = (*_LOOK, "updateinfo", "list", "--updates", "--security")
        return (
            Step(name=_REFRESH, command=Command(words=refresh, as_root=True)),
            Step(name=_NEWEST, command=Command(words=(*_LOOK, "check-update"), as_root=True)),
            Step(name=_AVAILABLE, command=Command(words=every, as_root=True)),
            Step(name=_ADVISORIES, command=Command(words=listed, as_root=True)),
        )

    def updates(self, outputs: Mapping[str, Output]) -> tuple[Update, ...]:
        """What the server lacks, by name, the newest version of each first; raises `UnreadableError`."""
        refresh, latest, every, listed = (
            answer(outputs, step, of="dnf") for step in (_REFRESH, _NEWEST, _AVAILABLE, _ADVISORIES)
        )
        succeeded(refresh, of="dnf makecache")
        newer = offered(succeeded(latest, of="dnf check-update", codes=(0, 100)))
        there = available(succeeded(every, of="dnf repoquery"))
        fixes: dict[str, dict[str, Classification]] = defaultdict(dict)
        for name, version, kind in advisories(succeeded(listed, of="dnf updateinfo")):
            if (
                version in there.get(name, ())
                and fixes[name].get(version) != Classification.CRITICAL
            ):
                fixes[name][version] = kind
        found: list[Update] = []
        for name, version in sorted(newer.items()):
            found += _offers(name, version, fixes.get(name, {}))
        return tuple(found)

    def simulate(self, updates: Sequence[Update], *, name: str) -> Step:
        """See `PackageManager`; it needs root only for root's copy of the lists."""
        words = (_DNF, "-C", "--assumeno", _UPGRADE, *_words(updates), *_SO)
        return Step(name=name, command=Command(words=words, as_root=True))

    def brings(self, output: Output) -> tuple[str, ...]:
        """The names of what the simulated install would install, upgraded and new; raises `UnreadableError`."""
        return transaction(output)

    def install(self, updates: Sequence[Update]) -> tuple[Step, ...]:
        """Install, inspect; what an interruption left is reported only: `dnf remove --duplicates` removes packages."""
        if not updates:
            return self.inspect()
        words = (_DNF, "-y", _UPGRADE, *_words(updates), *_SO)
        doubled = (*_LOOK, "check", "--duplicates")
        return (
            Step(name=INSTALL, command=Command(words=words, as_root=True)),
            Step(name=_DUPLICATES, command=Command(words=doubled, as_root=True)),
            *self.inspect(),
        )

    def inspect(self) -> tuple[Step, ...]:
        """See `PackageManager`."""
        ask = Command(words=("/bin/sh", "-c", _ASK), as_root=True)
        return (LIST_INSTALLED, Step(name=_REBOOT, command=ask))

    def installed(self, outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
        """The versions of each package that rpm has; raises `UnreadableError`."""
        return read_installed(outputs)

    def problem(self, outputs: Mapping[str, Output]) -> str:
        """See `PackageManager`; also what an interruption left, and that nobody knows whether a reboot is needed."""
        install, duplicates = outputs.get(INSTALL), outputs.get(_DUPLICATES)
        reboot = outputs.get(_REBOOT)
        said: list[str] = []
        if install and (found := problems(install)):
            said.append(f"dnf did not do everything: {'; '.join(found)}.")
        if duplicates and (pairs := twice(duplicates)):
            said.append(
                f"An interrupted install has left packages twice: {', '.join(pairs)}; "
                "'dnf remove --duplicates' mends that."
            )
        if reboot and reboot.code not in (_REBOOT_NEEDED, _NO_REBOOT):
            said.append(
                "It is not known whether a reboot is needed, because 'dnf needs-restarting' does "
                "not work: install dnf-plugins-core."
            )
        return " ".join(said)


def _offers(name: str, version: str, fixes: Mapping[str, Classification]) -> list[Update]:
    """The newest version of a package, and the newest security fix below it if the newest is none.

    As severe as the worst advisory that it answers: every advisory listed here is for a version up to the newest fix.
    """
    # dnf 5 lists advisories also for what a lock keeps away; the newest is what the lock lets through.
    latest = order(version)
    known = {one: kind for one, kind in fixes.items() if one == version or order(one) < latest}
    if not known:
        return [Update(name=name, version=version, classification=Classification.OTHER)]
    worst = (
        Classification.CRITICAL
        if Classification.CRITICAL in known.values()
        else Classification.SECURITY
    )
    fix = Update(name=name, version=newest(known), classification=worst)
    if fix.version == version:
        return [fix]
    return [Update(name=name, version=version, classification=Classification.OTHER), fix]


def _words(updates: Sequence[Update]) -> list[str]:
    return [f"{name}-{version}.{architecture}" for name, architecture, version in chosen(updates)]
