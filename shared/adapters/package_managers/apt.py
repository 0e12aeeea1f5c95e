"""apt, the package manager of Debian and Ubuntu, and dpkg below it.

1. A security fix is what comes from a suite called `*-security` (Debian, Ubuntu, Ubuntu's ESM) or labelled
   `Debian-Security` (Debian 10 and before). apt's data knows no severity: nothing is ever Critical.
2. Offered is what `apt-get upgrade --with-new-pkgs` would do. What is held or pinned, is phased out to others first, or
   can't be had without a removal, is not listed. An update brings its new dependencies, and no recommendations.
3. The newest version is apt's candidate. A security fix below it is looked for by letting security suites win. They
   then win over the administrator's pins too, so such a version counts only where its source has, without that, no
   lower priority than the candidate's.
4. apt is asked as root: it takes lists and sources that a user can't read for none at all, and says nothing.
5. The words that change something are in `infra/sudoers/muster-apt` too; tests hold the two against each other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from shared.adapters.package_managers.apt_answers import (
    BEGAN,
    DOWNGRADED,
    KEPT_BACK,
    LOCKED,
    NOT_THERE,
    Offer,
    names_under,
    offers,
    priorities,
    reason,
    refuse_stale,
)
from shared.adapters.package_managers.manager import INSTALL, UnreadableError
from shared.adapters.ssh.commands import Command, Condition, Output, Step
from shared.domain.updates import Classification, Update

# Debian Policy, 5.6.7 and 5.6.12; a version never ends in a hyphen, which apt-get would take for "remove this".
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?")
_VERSION = re.compile(r"[0-9](?:[A-Za-z0-9.+:~-]*[A-Za-z0-9.+:~])?")

_APT_GET = "/usr/bin/apt-get"
_DPKG = "/usr/bin/dpkg"
_LOOK = (
    *(_APT_GET, "-q", "-s", "-o", "Debug::NoLocking=1", "-o", "APT::Get::Show-Versions=0"),
    "--no-install-recommends",
)
# With `--fix-broken` it also answers when an interrupted install has left dependencies open.
_UPGRADE = ("--fix-broken", "--with-new-pkgs", "upgrade")
_CHANGE = (_APT_GET, "-q", "-y", "--no-remove", "--no-install-recommends")
# A file that the administrator has changed stays, without a question. sudo sees words joined by spaces, so whoever may
# run this could hide the words after an option within its value: there is no other option that takes one.
_KEEP_FILES = "-oDpkg::Options::=--force-confold"
# Only what is installed is upgraded; its new dependencies are installed all the same.
_NAMED = ("--only-upgrade", "install")
_FIELDS = "${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Status}\\n"

_REFRESH, _UPDATES, _SECURITY, _SOURCES = "refresh", "updates", "security", "sources"
_CHECK, _ARCHITECTURE, _PACKAGES, _REBOOT = "check", "architecture", "packages", "reboot-needed"


class Apt:
    """See `PackageManager`."""

    name = "apt"
    locked = LOCKED
    began = BEGAN
    # Debian and Ubuntu say so by this file; Debian's kernels write it where unattended-upgrades is installed.
    reboot_needed = Condition(step=_REBOOT)

    def assess(self) -> tuple[Step, ...]:
        """Bring the lists up to date; what apt would do, what it would do if security suites won, and its sources."""
        winning = ("-o", "APT::Default-Release=*-security")
        return (
            _as_root(_REFRESH, _APT_GET, "-q", "-o", "APT::Update::Error-Mode=any", "update"),
            _as_root(_UPDATES, *_LOOK, *_UPGRADE),
            _as_root(_SECURITY, *_LOOK, *winning, *_UPGRADE),
            _as_root(_SOURCES, "/usr/bin/apt-cache", "policy"),
        )

    def updates(self, outputs: Mapping[str, Output]) -> tuple[Update, ...]:
        """What the server lacks, by name, the newest version of each first; raises `UnreadableError`."""
        refuse_stale(_answer(outputs, _REFRESH))
        plain = _answer(outputs, _UPDATES)
        newest = _upgrades(plain)
        fixes = _fixes(_answer(outputs, _SECURITY))
        ranks = priorities(_answer(outputs, _SOURCES))
        highest = max(ranks.values(), default=0)
        kept_back = names_under(KEPT_BACK, plain)
        found: list[Offer] = []
        for name in sorted({*newest, *fixes}):
            candidate, fix = newest.get(name), fixes.get(name)
            if candidate:
                found.append(candidate)
            if fix and candidate and _counts_beside(candidate, fix, ranks):
                found.append(fix)
            if fix and not candidate and name in kept_back and _rank(fix, ranks, 0) >= highest:
                found.append(fix)
        return tuple(_update(offer) for offer in found)

    def simulate(self, updates: Sequence[Update], *, name: str) -> Step:
        """See `PackageManager`."""
        return _as_root(name, *_LOOK, "-y", "--no-remove", *_NAMED, "--", *_words(updates))

    def brings(self, output: Output) -> tuple[str, ...]:
        """The names of what the simulated install would install, upgraded and new; raises `UnreadableError`."""
        return tuple(offer.name for offer in offers(output, of="The simulated install"))

    def install(self, updates: Sequence[Update]) -> tuple[Step, ...]:
        """Mend, install, inspect.

        Mended is what `apt-get check` objects to, by the two commands that apt itself then asks for: `dpkg --configure
        -a`, and `apt-get --fix-broken install` where an interruption left dependencies open.
        """
        if not updates:
            return self.inspect()
        broken = (Condition(step=_CHECK, codes=(100,)),)
        configure = (_DPKG, "--force-confold", "--configure", "-a")
        complete = (*_CHANGE, "--fix-broken", "install", _KEEP_FILES)
        chosen = (*_CHANGE, *_NAMED, _KEEP_FILES, "--", *_words(updates))
        return (
            _as_root(_CHECK, _APT_GET, "-q", "check"),
            _as_root("configure", *configure, only_if=broken),
            _as_root("complete", *complete, only_if=broken),
            _as_root(INSTALL, *chosen),
            *self.inspect(),
        )

    def inspect(self) -> tuple[Step, ...]:
        """See `PackageManager`; it needs no rights."""
        native = (_DPKG, "--print-architecture")
        packages = ("/usr/bin/dpkg-query", "-W", "-f", _FIELDS)
        wants_reboot = ("/usr/bin/test", "-e", "/run/reboot-required")
        return (
            Step(name=_ARCHITECTURE, command=Command(words=native)),
            Step(name=_PACKAGES, command=Command(words=packages)),
            Step(name=_REBOOT, command=Command(words=wants_reboot)),
        )

    def installed(self, outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
        """The version of each package that dpkg has installed and configured; raises `UnreadableError`."""
        native = _answer(outputs, _ARCHITECTURE)
        packages = _answer(outputs, _PACKAGES)
        if native.code or packages.code or not native.stdout.strip():
            raise UnreadableError(f"dpkg-query failed: {reason(packages)}")
        own = ("all", native.stdout.strip())
        found: dict[str, frozenset[str]] = {}
        for line in packages.stdout.splitlines():
            fields = line.split("\t")
            if len(fields) != 4:
                raise UnreadableError(
                    f"dpkg-query wrote a line that is not understood: {line[:200]}"
                )
            name, architecture, version, state = fields
            if state == "installed":
                qualified = name if architecture in own else f"{name}:{architecture}"
                found[qualified] = frozenset((version,))
        return found

    def problem(self, outputs: Mapping[str, Output]) -> str:
        """See `PackageManager`."""
        output = outputs.get(INSTALL)
        return f"apt-get failed: {reason(output).rstrip(' .')}." if output and output.code else ""


def _as_root(name: str, *words: str, only_if: tuple[Condition, ...] = ()) -> Step:
    return Step(name=name, command=Command(words=words, as_root=True), only_if=only_if)


def _answer(outputs: Mapping[str, Output], step: str) -> Output:
    if step not in outputs:
        raise UnreadableError(
            f"apt was not asked, or did not answer: there is no output of '{step}'."
        )
    return outputs[step]


def _upgrades(output: Output) -> dict[str, Offer]:
    """What would be upgraded, by name: what is new comes along by itself, and nothing goes back to a lower version."""
    downgraded = names_under(DOWNGRADED, output)
    listed = offers(output, of="apt-get upgrade, simulated,")
    return {
        one.name: one for one in listed if one.installed is not None and one.name not in downgraded
    }


def _fixes(output: Output) -> dict[str, Offer]:
    """The security fixes among what would be upgraded if security suites won; a server without such suites has none."""
    if output.code and NOT_THERE in output.stderr:
        return {}
    return {name: offer for name, offer in _upgrades(output).items() if offer.is_security}


def _counts_beside(candidate: Offer, fix: Offer, ranks: Mapping[str, int]) -> bool:
    """Whether a security fix is listed beside the candidate (rule 3)."""
    own = _rank(fix, ranks, 0)
    others = _rank(candidate, ranks, own)
    return fix.version != candidate.version and not candidate.is_security and own >= others


def _rank(offer: Offer, ranks: Mapping[str, int], default: int) -> int:
    """The highest priority of its sources, *default* where none of them is known."""
    return max((ranks[source] for source in offer.sources if source in ranks), default=default)


def _update(offer: Offer) -> Update:
    _check(offer.name, offer.version)
    kind = Classification.SECURITY if offer.is_security else Classification.OTHER
    return Update(name=offer.name, version=offer.version, classification=kind)


def _words(updates: Sequence[Update]) -> Iterator[str]:
    """`name=version` of each package; of two versions of one the first, which is the newest."""
    versions: dict[str, str] = {}
    for update in updates:
        versions.setdefault(update.name, update.version or "")
    for name, version in versions.items():
        _check(name, version)
        # apt-get takes one plus at the end for "install this", so that a version's own needs another.
        yield f"{name}={version}{'+' * version.endswith('+')}"


def _check(name: str, version: str) -> None:
    if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
        raise UnreadableError(
            f"'{name[:100]}' of version '{version[:100]}' is no package that Debian's policy allows."
        )
