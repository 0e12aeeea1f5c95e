"""zypper, the package manager of SUSE and openSUSE.

1. A security fix is what resolves a needed patch of category security; of severity critical it is Critical. A patch
   says which packages it wants and from which version on, and every newer version resolves it, as `zypper patch` has
   it: only the newest version of a package is offered.
2. Offered is what `zypper list-updates` offers: what can be installed, without a change of vendor, and is not locked.
3. Which packages a patch holds is in no list of zypper's but the search for conflicts. It is made as the user, from
   the lists that the refresh as root has left, and cut down to needed patches on the server; a needed security patch
   that it does not show makes the answer unreadable.
4. An install is `zypper update`: it takes no file, installs no package that is not there, goes back to no lower version
   and removes nothing that is not replaced. zypper stops at the first package that fails.
5. The words that run as root are in `infra/sudoers/muster-zypper` too; tests hold the two against each other.

Source: zypper(8) of zypper 1.14, with its exit codes.
"""

from collections.abc import Mapping, Sequence

from shared.adapters.package_managers.manager import INSTALL, UnreadableError
from shared.adapters.package_managers.rpm import LIST_INSTALLED, answer, chosen, read_installed
from shared.adapters.package_managers.zypper_answers import (
    BEGAN,
    LOCKED,
    Patch,
    contents,
    offered,
    patches,
    problems,
    read,
    transaction,
    twice,
)
from shared.adapters.ssh.commands import Command, Condition, Output, Step
from shared.domain.updates import Classification, Update

_ZYPPER = "/usr/bin/zypper"
_ASK = (_ZYPPER, "--non-interactive", "--xmlout")
_LOOK = (*_ASK, "--no-refresh")
_CHANGE = ("update", "--no-recommends", "--no-force-resolution", "--auto-agree-with-licenses")
# Everything is there before anything is changed.
_DOWNLOAD_FIRST = ("--download", "in-advance")
# All patches of a distribution's life are megabytes; those that are needed are marked with an exclamation mark.
_CONTENTS = (
    "/usr/bin/zypper --non-interactive --no-refresh --no-abbrev search --type patch --conflicts --verbose "
    "--not-installed-only '<' | "
    "/usr/bin/awk '/^ +conflicts: / { if (needed) print; next } { needed = /^!/ } needed'"
)
# Of these a server keeps several versions.
_SIDE_BY_SIDE = (
    *("/usr/bin/rpm", "-q", "--qf", "%{NAME}.%{ARCH}\\n"),
    *("--whatprovides", "multiversion(kernel)"),
)
_NEEDS_REBOOT = 102

_REFRESH, _UPDATES, _PATCHES, _CONTENT = "refresh", "updates", "patches", "contents"
_BESIDE, _REBOOT = "beside", "reboot-needed"


class Zypper:
    """See `PackageManager`."""

    name = "zypper"
    locked = LOCKED
    began = BEGAN
    reboot_needed = Condition(step=_REBOOT, codes=(_NEEDS_REBOOT,))

    def assess(self) -> tuple[Step, ...]:
        """Refresh; what can be updated, which patches are needed, and what these patches want."""
        listed = (*_LOOK, "list-updates")
        needed = (*_LOOK, "list-patches")
        held = Command(words=("/bin/sh", "-c", _CONTENTS))
        return (
            Step(name=_REFRESH, command=Command(words=(*_ASK, "refresh"), as_root=True)),
            Step(name=_UPDATES, command=Command(words=listed, as_root=True)),
            Step(name=_PATCHES, command=Command(words=needed, as_root=True)),
            Step(name=_CONTENT, command=held),
        )

    def updates(self, outputs: Mapping[str, Output]) -> tuple[Update, ...]:
        """What the server lacks, by name; raises `UnreadableError`."""
        refresh, listed, needed, held = (
            answer(outputs, step, of="zypper") for step in (_REFRESH, _UPDATES, _PATCHES, _CONTENT)
        )
        read(refresh, of="zypper refresh")
        kinds = _kinds(patches(needed), contents(held))
        return tuple(
            Update(name=name, version=version, classification=_kind_of(name, kinds))
            for name, version in sorted(offered(listed).items())
        )

    def simulate(self, updates: Sequence[Update], *, name: str) -> Step:
        """See `PackageManager`; it needs root only because the lists may need it."""
        words = (*_LOOK, *_CHANGE, "--dry-run", "--", *_words(updates))
        return Step(name=name, command=Command(words=words, as_root=True))

    def brings(self, output: Output) -> tuple[str, ...]:
        """The names of what the simulated install would install, upgraded and new; raises `UnreadableError`."""
        return transaction(output)

    def install(self, updates: Sequence[Update]) -> tuple[Step, ...]:
        """Install, inspect; what an interruption left is only reported, for `zypper verify` removes packages."""
        if not updates:
            return self.inspect()
        words = (*_ASK, *_CHANGE, *_DOWNLOAD_FIRST, "--", *_words(updates))
        return (
            Step(name=INSTALL, command=Command(words=words, as_root=True)),
            Step(name=_BESIDE, command=Command(words=_SIDE_BY_SIDE)),
            *self.inspect(),
        )

    def inspect(self) -> tuple[Step, ...]:
        """See `PackageManager`; zypper asks for its lock, and so for root, also when it only looks."""
        reboot = Command(words=(*_ASK, "needs-rebooting"), as_root=True)
        return (LIST_INSTALLED, Step(name=_REBOOT, command=reboot))

    def installed(self, outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
        """The versions of each package that rpm has; raises `UnreadableError`."""
        return read_installed(outputs)

    def problem(self, outputs: Mapping[str, Output]) -> str:
        """See `PackageManager`; also what an interruption left, and that nobody knows whether a reboot is needed."""
        install, beside, reboot = (outputs.get(step) for step in (INSTALL, _BESIDE, _REBOOT))
        said: list[str] = []
        if install and (found := problems(install)):
            said.append(f"zypper did not do everything: {'; '.join(found)}.")
        known = _known(outputs)
        if beside and (doubled := twice(known, beside)):
            said.append(
                f"An interrupted install has left packages twice: {', '.join(doubled)}; "
                "'zypper verify' mends that."
            )
        if reboot and reboot.code not in (0, _NEEDS_REBOOT):
            said.append(
                f"It is not known whether a reboot is needed: {'; '.join(problems(reboot))}."
            )
        return " ".join(said)


def _kinds(
    needed: Sequence[Patch], held: Mapping[str, frozenset[str]]
) -> Mapping[str, Classification]:
    """The kind of each package that a needed security patch wants, with its architecture where the patch says one."""
    kinds: dict[str, Classification] = {}
    for patch in dict.fromkeys(needed):
        if patch.name not in held:
            raise UnreadableError(f"zypper does not show what the needed patch {patch.name} holds.")
        for name in held[patch.name]:
            if kinds.get(name) is not Classification.CRITICAL:
                kinds[name] = patch.kind
    return kinds


def _kind_of(name: str, kinds: Mapping[str, Classification]) -> Classification:
    found = {kinds.get(name), kinds.get(name.rpartition(".")[0])}
    worst_first = (Classification.CRITICAL, Classification.SECURITY)
    return next((kind for kind in worst_first if kind in found), Classification.OTHER)


def _known(outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
    """What is installed, as far as that is known."""
    try:
        return read_installed(outputs)
    except UnreadableError:
        return {}


def _words(updates: Sequence[Update]) -> list[str]:
    return [f"{name}.{architecture}={version}" for name, architecture, version in chosen(updates)]
