"""Whether sudo refused to run a command, as its own words tell.

1. sudo that refuses runs nothing and ends with 1 (sudo(8), "Exit value"), as a package manager may that failed: only a
   line of sudo's that is known to be a refusal is one. Warnings, such as of a host's name that it can't resolve, stand
   in the errors of commands that went well, too.
2. What a package's script says of its own sudo comes after other output, and is no refusal of this command.

Sources: the original sudo's `logging.c`, `check.c`, `sudoers.c` and `tgetpass.c`, 1.8 to 1.9; sudo-rs' `error.rs`.
"""

import re

from shared.adapters.ssh.commands import Output

_REFUSED = 1
_LONGEST = 300
_REFUSALS = (
    "a password is required",
    "a terminal is required to ",
    "no tty present",
    "sorry, you must have a tty",
    "you are not allowed to ",
    "command not found",
    "account validation failure",
    "Account or password is expired",
    "Account expired",
    "Password expired",
    "no valid sudoers sources found",
    "unable to initialize policy plugin",
    'The "no new privileges" flag is set',
    "must be owned by uid 0",
    "effective uid is not 0",
    "interactive authentication is required",
    "I'm afraid I can't do that",
)
_OWN = re.compile(r"sudo(?:-rs)?: ")
_TO_A_USER = re.compile(
    r"(?:sudo(?:-rs)?: )?Sorry, user \S+ (?:is not allowed to execute|may not run) "
    r"|\S+ is not in the sudoers file"
    r"|\S+ is not allowed to run sudo on "
)


def refusal(output: Output) -> str:
    """The line in which sudo says that it does not run the command, cut to 300 characters; empty if it did run it."""
    if output.code != _REFUSED or output.stdout.strip():
        return ""
    lines = (line.strip() for line in output.stderr.splitlines())
    return next((line[:_LONGEST] for line in lines if _refuses(line)), "")


def _refuses(line: str) -> bool:
    own = _OWN.match(line) is not None and any(text in line for text in _REFUSALS)
    return own or _TO_A_USER.match(line) is not None
