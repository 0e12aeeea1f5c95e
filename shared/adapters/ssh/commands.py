"""Commands for a server, as words that no shell ever reads, and what they answered.

A step is a command of a detached task: it runs there whether or not anybody is connected. All steps of a task run, one
after the other, whatever became of those before; `only_if` and `within` say otherwise.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program by its absolute path, and its arguments; `as_root` runs it with sudo, which must not ask.

    Raises `ValueError` for a word that the notation of tasks could not carry: they come from a package manager's own
    lists, so that this is no user's mistake.
    """

    words: tuple[str, ...]
    as_root: bool = False

    def __post_init__(self) -> None:
        if not self.words or not self.words[0].startswith("/"):
            raise ValueError("A command begins with an absolute path.")
        if any(not word.isprintable() for word in self.words):
            raise ValueError("A word of a command holds a control character.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a command answered: its exit code, and its texts under the locale C.

    `is_cut` says that a text was too long and its middle is missing: what it lists is not all that there is.
    """

    code: int
    stdout: str = ""
    stderr: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The step *step* has ended with one of *codes*."""

    step: str
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of a detached task.

    It is skipped unless every condition of `only_if` holds, and when the task began longer than `within` ago. One that
    `reboots` notes the boot id before it runs, so that a new one proves the reboot.
    """

    name: str
    command: Command
    only_if: tuple[Condition, ...] = ()
    within: timedelta | None = None
    reboots: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"'{self.name}' is no name of a step.")
