"""Tasks that run on a server whether or not anybody is connected: started once, looked at, moved away.

1. The task's folder `~/.muster/<key>` is lock and record. It is made whole and gets its name in one step: whoever
   comes second finds it, and a connection that breaks before that leaves no task.
2. Only one runner ever gets past its first act, and it does before it runs anything: starting again is harmless. A
   task that has not begun after two minutes is taken from its runner when it is looked at, so that it never will.
3. A task is alive while a process of its session is, on the same boot. A package manager that has outlived the killed
   runner counts; not one that began a session of its own, or that `/proc` hides (mount option `hidepid`).
4. What is kept is on the disk before anything comes of it, so that a power cut makes no task run twice.
5. Ended is what says so, or what said that it asks for a reboot and is no longer alive. The reboot is done when the
   boot id is another one.
6. It outlives the login only where logind lets it: `KillUserProcesses=no`, which distributions have, or the user among
   `KillExcludeUsers`.
7. A start that is told by when to begin asks the server first what time it is there, by its uptime. Whatever stands
   still afterwards, the app, the network or the server: neither the folder is made later than that nor a step begun.
8. No word ever stands in a command line: the plan is text, one word a line, and no shell reads words.

The scripts beside this module are POSIX sh with the usual tools (`mv -T`, `stat -c` as GNU, uutils and busybox have).
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from shared.adapters.ssh.commands import Step
from shared.adapters.ssh.errors import CommandFailedError, LostError, NotConnectedError
from shared.adapters.ssh.snapshots import (
    Moment,
    Reboot,
    Snapshot,
    State,
    parse_ages,
    parse_snapshots,
)

__all__ = [
    "Connection",
    "Reboot",
    "Snapshot",
    "Started",
    "State",
    "Task",
    "ages",
    "discard",
    "look",
    "plan_of",
    "start",
]

_KEY = re.compile(r"[a-z0-9-]{1,80}")
_END = "end\n"
_SCRIPTS = Path(__file__).with_name("scripts")
_WITHIN = timedelta(seconds=60)
_MOMENT_WITHIN = timedelta(seconds=20)
_SHORT = 1 << 16
_LONGEST_LOOK = 64 << 20


class Started(StrEnum):
    """Whether this start made the task, found it, or came too late to make it: then there is none."""

    CREATED = "created"
    FOUND = "found"
    LATE = "late"


class Connection(Protocol):
    """What runs our scripts; see `connection.SshConnection.run`."""

    async def run(
        self, script: str, data: bytes, *, within: timedelta, largest: int = ...
    ) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Steps that run one after the other.

    A step that failed and printed one of the texts *locked* is run again after *pause*, until *patience* is over since
    the task began; never one that printed one of the texts *began* as well. *note* is one line that comes back with
    each look. Only the last step may reboot. The task begins less than *not_after* from when it is started, or never.
    """

    key: str
    steps: tuple[Step, ...]
    locked: tuple[str, ...] = ()
    began: tuple[str, ...] = ()
    patience: timedelta = timedelta(0)
    note: str = ""
    pause: timedelta = timedelta(seconds=10)
    not_after: timedelta | None = None

    def __post_init__(self) -> None:
        _check_key(self.key)
        names = [step.name for step in self.steps]
        if not names or len(set(names)) < len(names):
            raise ValueError("A task has steps, each with a name of its own.")
        if any(step.reboots for step in self.steps[:-1]):
            raise ValueError("Only the last step of a task may reboot.")
        if not all(text and text.isprintable() for text in (*self.locked, *self.began)):
            raise ValueError(
                "A text by which a lock or a beginning is known is one line, and not empty."
            )
        if not self.note.isprintable() and self.note:
            raise ValueError("The note of a task is one line.")


async def start(connection: Connection, task: Task) -> Started:
    """Make the task and start it, or find it; raises what `Connection.run` does. Repeating it is harmless."""
    plan = plan_of(task)
    if task.not_after is not None:
        last = await _last_moment(connection, task.not_after)
        if last is None:
            return Started.LATE
        plan = plan.removesuffix(_END) + f"begin-by {last.boot} {last.uptime}\n{_END}"
    data = f"{task.key}\n{plan}".encode()
    said = await connection.run(_START, data, within=_WITHIN, largest=_SHORT)
    try:
        return Started(said.decode("ascii").strip())
    except ValueError as error:
        raise CommandFailedError("The server's answer to a start is not understood.") from error


async def _last_moment(connection: Connection, not_after: timedelta) -> Moment | None:
    """The server's moment *not_after* from now, or a little sooner; None if that has passed.

    Nothing was sent that starts anything: a connection that is lost here is one that was never made.
    """
    clock = asyncio.get_running_loop()
    asked_at = clock.time()
    try:
        said = await connection.run(_NOW, b"", within=_MOMENT_WITHIN, largest=_SHORT)
    except LostError as error:
        raise NotConnectedError(error.message) from error
    now = Moment.parse(said.decode(errors="replace").strip())
    if now is None:
        raise CommandFailedError("The server does not say what time it is.")
    left = int(not_after.total_seconds() - (clock.time() - asked_at))
    return replace(now, uptime=now.uptime + left) if left > 0 else None


async def look(
    connection: Connection,
    keys: Sequence[str],
    *,
    abandoned_after: timedelta = timedelta(minutes=2),
) -> Mapping[str, Snapshot]:
    """What became of the tasks, all in one command; raises what `Connection.run` does, and `CommandFailedError`."""
    for key in keys:
        _check_key(key)
    lines = [_seconds(abandoned_after), *keys]
    asked = ("\n".join(lines) + "\n").encode()
    said = await connection.run(_LOOK, asked, within=_WITHIN, largest=_LONGEST_LOOK)
    return parse_snapshots(said, keys)


async def ages(connection: Connection) -> Mapping[str, timedelta | None]:
    """All tasks that are kept there, and how long ago each began, or was made if it never did; changes nothing.

    None where nobody knows. Raises what `Connection.run` does, and `CommandFailedError`.
    """
    said = await connection.run(_TASKS, b"", within=_WITHIN, largest=_LONGEST_LOOK)
    return parse_ages(said)


async def discard(connection: Connection, key: str) -> bool:
    """Move a task away that has ended or was interrupted, so that it can be started anew; whether there is none now."""
    _check_key(key)
    said = await connection.run(_DISCARD, f"{key}\n".encode(), within=_WITHIN, largest=_SHORT)
    return said.strip() == b"gone"


def plan_of(task: Task) -> str:
    """The plan as the runner reads it; the last line is `end`."""
    return "\n".join(_plan(task)) + "\n" + _END


def _plan(task: Task) -> Iterator[str]:
    yield f"note {task.note}"
    yield f"patience {_seconds(task.patience)}"
    yield f"pause {_seconds(task.pause)}"
    yield from (f"locked {text}" for text in task.locked)
    yield from (f"began {text}" for text in task.began)
    for step in task.steps:
        yield f"step {step.name}"
        if step.command.as_root:
            yield "root"
        for condition in step.only_if:
            yield f"only-if {condition.step} {' '.join(map(str, condition.codes))}"
        if step.within is not None:
            yield f"within {_seconds(step.within)}"
        if step.reboots:
            yield "reboots"
        yield from (f"word {word}" for word in step.command.words)
        yield "run"


def _seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError("The key of a task has 1 to 80 small letters, digits and '-'.")


def _script(*names: str) -> str:
    return "\n".join((_SCRIPTS / f"{name}.sh").read_text(encoding="utf-8") for name in names)


# The runner reaches the server as a text that the shell does not read.
_RUNNER = f"runner() {{ cat <<'MUSTER_RUNNER'\n{_script('clock', 'detached')}MUSTER_RUNNER\n}}\n"
_NOW = _script("clock", "now")
_START = _RUNNER + _script("clock", "sessions", "start")
_LOOK = _script("clock", "sessions", "look")
_TASKS = _script("clock", "tasks")
_DISCARD = _script("clock", "sessions", "discard")
