"""What a look at tasks answered: a frame of lines for each task, in which files stand with their lengths.

`file NAME BYTES` is followed by just so many bytes, which are never searched: no output can pass for a frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.errors import CommandFailedError


class State(StrEnum):
    """How far a task has come; one that was interrupted never goes on."""

    ABSENT = "absent"
    PREPARED = "prepared"
    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """A reboot that the task asked for, `ago`; `is_done` when the server has booted since."""

    ago: timedelta
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A task at one moment; durations are by the server's clock.

    `outputs` are those of the steps that were run, by name, and are empty while the task runs.
    """

    state: State
    note: str = ""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    began_ago: timedelta | None = None
    ended_ago: timedelta | None = None
    reboot: Reboot | None = None


@dataclass(slots=True)
class _Facts:
    """The lines of one frame by their first words, and its files."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def parse_snapshots(said: bytes, keys: Sequence[str]) -> Mapping[str, Snapshot]:
    """The snapshot of each of *keys*; raises `CommandFailedError` for what is not whole, or was too long."""
    try:
        (now, boot), frames = _read(said)
        return {key: _snapshot(frames[key], int(now), boot) for key in keys}
    except (ValueError, KeyError, IndexError) as error:
        raise CommandFailedError("The server's answer about tasks is not understood.") from error


def _read(said: bytes) -> tuple[list[str], Mapping[str, _Facts]]:
    frames: dict[str, _Facts] = {}
    head: list[str] = []
    rest = said
    while rest:
        line, rest = _line(rest)
        word, *values = line.split(" ")
        match word:
            case "now":
                head = values
            case "task":
                facts = frames[values[0]] = _Facts()
                rest = _fill(facts, rest)
            case _:
                raise ValueError(word)
    return head, frames


def _fill(facts: _Facts, rest: bytes) -> bytes:
    """Read one frame; what comes after its `end`."""
    while True:
        line, rest = _line(rest)
        word, _, value = line.partition(" ")
        if word == "end":
            return rest
        if word == "cut":
            raise CommandFailedError(f"{value} of a task is longer than what is read of it.")
        if word == "file":
            name, size = value.split(" ")
            if len(rest) < int(size):
                raise ValueError("a file in part")
            facts.files[name], rest = rest[: int(size)], rest[int(size) :]
        else:
            facts.lines[word] = [value] if word == "note" else value.split(" ")


def _line(rest: bytes) -> tuple[str, bytes]:
    line, newline, rest = rest.partition(b"\n")
    if not newline:
        raise ValueError("a line in part")
    return line.decode(errors="replace"), rest


def _snapshot(facts: _Facts, now: int, boot: str) -> Snapshot:
    lines = facts.lines
    if not lines:
        return Snapshot(state=State.ABSENT)
    reboot = _reboot(lines.get("rebooting"), now, boot)
    ended = _ago(lines.get("ended", [None])[0], now)
    state = _state(lines, reboot)
    if state is State.ENDED and ended is None and reboot:
        ended = reboot.ago
    return Snapshot(
        state=state,
        note=lines["note"][0],
        outputs=dict(_outputs(facts.files)),
        began_ago=_ago(lines.get("began", [None])[0], now),
        ended_ago=ended,
        reboot=reboot,
    )


def _state(lines: Mapping[str, Sequence[str]], reboot: Reboot | None) -> State:
    if "running" not in lines:
        return State.PREPARED
    if "ended" in lines:
        return State.ENDED
    if lines["alive"] == ["yes"]:
        return State.RUNNING
    return State.ENDED if reboot else State.INTERRUPTED


def _reboot(words: Sequence[str] | None, now: int, boot: str) -> Reboot | None:
    if words is None:
        return None
    before, since = words
    return Reboot(ago=timedelta(seconds=max(0, now - int(since))), is_done=before != boot)


def _ago(instant: str | None, now: int) -> timedelta | None:
    """A clock that was set back makes nothing lie in the future."""
    return None if instant is None else timedelta(seconds=max(0, now - int(instant)))


def _outputs(files: Mapping[str, bytes]) -> Iterator[tuple[str, Output]]:
    for name, code in files.items():
        step, _, part = name.rpartition(".")
        if part != "code":
            continue
        stdout, stderr = (
            files[f"{step}.{other}"].decode(errors="replace") for other in ("out", "err")
        )
        yield step, Output(code=int(code), stdout=stdout, stderr=stderr)
