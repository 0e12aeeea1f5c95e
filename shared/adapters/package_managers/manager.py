"""What every package manager can be asked for: commands to run, and pure functions that read what they answered.

1. Nothing here connects or runs anything; outputs are keyed by the names of the steps.
2. No value of a user ever becomes a word of a command: configurations are applied to the updates that the manager
   itself listed, and only their names and versions go back to it.
3. An output that can't be understood is an `UnreadableError`, never "nothing to do".
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.adapters.ssh.commands import Condition, Output, Step
from shared.domain.updates import Update
from shared.errors import UnavailableError

INSTALL = "install"
"""The name of the step that installs."""


class UnreadableError(UnavailableError):
    """A package manager answered what is not understood, or that it failed; the message says which and why."""


class PackageManager(Protocol):
    """One package manager of one server.

    `locked` are fixed texts, one of which stands in what a step printed when another process held the manager's lock.
    `began` are fixed texts, one of which stands in what a step printed once it had begun to change packages. A lock
    that is met after that is one that a package's script asked for: who repeats the step runs that script again.
    `reboot_needed` is the condition under which `inspect` has found that a reboot is needed.
    """

    @property
    def name(self) -> str: ...
    @property
    def locked(self) -> tuple[str, ...]: ...
    @property
    def began(self) -> tuple[str, ...]: ...
    @property
    def reboot_needed(self) -> Condition: ...

    def assess(self) -> tuple[Step, ...]:
        """Bring the package lists up to date, and list what the server lacks."""

    def updates(self, outputs: Mapping[str, Output]) -> tuple[Update, ...]:
        """What `assess` found: a package's newest version first; raises `UnreadableError`.

        Each has a classification of `domain.updates` (Critical, Security, Other), from the distribution's own data. A
        version below the newest is listed as well when it brings a security fix and the newest does not come from a
        security source itself. Held or versionlocked packages are not listed.
        """

    def simulate(self, updates: Sequence[Update], *, name: str) -> Step:
        """A step called *name* that finds out what installing these would bring along, and changes nothing."""

    def brings(self, output: Output) -> tuple[str, ...]:
        """The names of all packages that the simulated install would install, as `Update.name` has them.

        Raises `UnreadableError`, also where the manager says that it can't be done.
        """

    def install(self, updates: Sequence[Update]) -> tuple[Step, ...]:
        """Mend what an interruption left, by the manager's own documented command; install; inspect.

        Without updates it only inspects. Nothing is removed, nothing is installed but these versions and what they
        need; the step that installs is called `INSTALL`.
        """

    def inspect(self) -> tuple[Step, ...]:
        """See what is installed, and whether a reboot is needed; changes nothing."""

    def installed(self, outputs: Mapping[str, Output]) -> Mapping[str, frozenset[str]]:
        """The versions that `inspect` found of each package, by `Update.name`; raises `UnreadableError`."""

    def problem(self, outputs: Mapping[str, Output]) -> str:
        """Why `install` failed, in a sentence for a person, from what the manager said; empty if it did not.

        Of steps that did not run, `INSTALL` too, nothing is said.
        """
