"""What a look at tasks answered: a frame of lines for each task, in which files stand with their lengths.

1. `file NAME BYTES` is followed by just so many bytes, which are never searched: no output can pass for a frame.
2. The frame is ours, and one that is not whole is no answer. What its lines hold was kept in files on the server: where
   that can't be read, as after a power cut, it counts as if it had never been written.
3. How long ago something was is told by the uptime where it was on the same boot, and by the date where not. A date
   that is still to come tells nothing: nobody knows how old that is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Self

from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.errors import CommandFailedError

# As many seconds as no duration and no date has trouble with.
_MOMENT = re.compile(r"([0-9]{1,10}) ([0-9A-Za-z-]{1,64}) ([0-9]{1,10})")
_SIZE = re.compile(r"[0-9]{1,10}")
_CODE = re.compile(rb"([0-9]{1,3})\n?")
_MOST_LINES = 100_000
_DRIFT = 60
"""Seconds that date and uptime may differ by."""


class State(StrEnum):
    """How far a task has come; one that was interrupted never goes on."""

    ABSENT = "absent"
    PREPARED = "prepared"
    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """A reboot that the task asked for, `ago`; `is_done` when the server has booted since.

    One that is done may have been longer ago: where the clock was set back since, `ago` is zero.
    """

    ago: timedelta
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A task at one moment; durations are by the server's clock, and None where nobody knows them.

    `outputs` are those of the steps that were run, by name, and are empty while the task runs.
    """

    state: State
    note: str = ""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    began_ago: timedelta | None = None
    ended_ago: timedelta | None = None
    reboot: Reboot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something was: `date` in seconds since 1970, `uptime` in seconds since the boot."""

    date: int
    boot: str
    uptime: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What the scripts write as `DATE BOOT UPTIME`; None for all else."""
        found = _MOMENT.fullmatch(text)
        if found is None:
            return None
        return cls(date=int(found[1]), boot=found[2], uptime=int(found[3]))

    def before(self, now: Self) -> timedelta | None:
        """How long before *now* it was; None if nobody knows."""
        if self.boot == now.boot and self.uptime <= now.uptime:
            return timedelta(seconds=now.uptime - self.uptime)
        return timedelta(seconds=now.date - self.date) if self.date <= now.date else None


@dataclass(slots=True)
class _Facts:
    """The lines of one frame by their first words, its files, and the steps whose files were cut."""

    lines: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def moment(self, word: str) -> Moment | None:
        return Moment.parse(self.lines.get(word, ""))


class _Reader:
    """Goes once through what was said."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._at = 0
        self._lines = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._said)

    def line(self) -> tuple[str, str]:
        """The first word of the next line, and what follows it."""
        end = self._said.find(b"\n", self._at)
        self._lines += 1
        if end < 0 or self._lines > _MOST_LINES:
            raise ValueError("a line in part, or too many of them")
        word, _, value = self._said[self._at : end].decode(errors="replace").partition(" ")
        self._at = end + 1
        return word, value

    def take(self, size: int) -> bytes:
        """The next bytes, whatever they are."""
        taken = self._said[self._at : self._at + size]
        if len(taken) < size:
            raise ValueError("a file in part")
        self._at += size
        return taken


def parse_snapshots(said: bytes, keys: Sequence[str]) -> Mapping[str, Snapshot]:
    """The snapshot of each of *keys*; raises `CommandFailedError` for whatever is no answer about them."""
    try:
        now, frames = _read(_Reader(said))
        return {key: _snapshot(frames[key], now) for key in keys}
    except (ValueError, KeyError) as error:
        raise CommandFailedError("The server's answer about tasks is not understood.") from error


def parse_ages(said: bytes) -> Mapping[str, timedelta | None]:
    """How long ago each task of an answer began, or was made if it never did; None if nobody knows for certain.

    Raises `CommandFailedError` for whatever is no answer about tasks.
    """
    try:
        now, frames = _read(_Reader(said))
        return {key: _age(facts, now) for key, facts in frames.items()}
    except ValueError as error:
        raise CommandFailedError("The server's answer about tasks is not understood.") from error


def _age(facts: _Facts, now: Moment) -> timedelta | None:
    began = facts.moment("began") or Moment.parse(f"{facts.lines.get('made', '')} - 0")
    if began is None:
        return None
    age = began.before(now)
    is_same_boot = began.boot == now.boot
    if age and is_same_boot and abs(now.date - began.date - age.total_seconds()) > _DRIFT:
        # The clock was set, or the machine stood still.
        return None
    return age


def _read(reader: _Reader) -> tuple[Moment, Mapping[str, _Facts]]:
    word, value = reader.line()
    now = Moment.parse(value)
    if word != "now" or now is None:
        raise ValueError(word)
    frames: dict[str, _Facts] = {}
    while not reader.is_done:
        word, key = reader.line()
        if word != "task":
            raise ValueError(word)
        frames[key] = _frame(reader)
    return now, frames


def _frame(reader: _Reader) -> _Facts:
    """The next frame, up to its `end`."""
    facts = _Facts()
    while True:
        word, value = reader.line()
        match word:
            case "end":
                return facts
            case "cut":
                facts.cut.add(value)
            case "file":
                name, size = value.split(" ")
                if not _SIZE.fullmatch(size):
                    raise ValueError(size)
                facts.files[name] = reader.take(int(size))
            case _:
                facts.lines[word] = value


def _snapshot(facts: _Facts, now: Moment) -> Snapshot:
    if not facts.lines:
        return Snapshot(state=State.ABSENT)
    began, rebooting = facts.moment("began"), facts.moment("rebooting")
    # Who goes down with the server has ended by asking for that.
    ended = facts.moment("ended") if "ended" in facts.lines else rebooting
    state = _state(facts.lines, rebooting)
    return Snapshot(
        state=state,
        note=facts.lines.get("note", ""),
        outputs=dict(_outputs(facts)),
        began_ago=began.before(now) if began else None,
        ended_ago=ended.before(now) if ended and state is State.ENDED else None,
        reboot=_reboot(rebooting, now) if rebooting else None,
    )


def _state(lines: Mapping[str, str], rebooting: Moment | None) -> State:
    if "running" not in lines:
        return State.PREPARED
    if "ended" in lines:
        return State.ENDED
    if lines.get("alive") == "yes":
        return State.RUNNING
    return State.ENDED if rebooting else State.INTERRUPTED


def _reboot(asked: Moment, now: Moment) -> Reboot:
    return Reboot(ago=asked.before(now) or timedelta(0), is_done=asked.boot != now.boot)


def _outputs(facts: _Facts) -> Iterator[tuple[str, Output]]:
    """Of a step that can't be read whole, nothing: it counts as not run."""
    for name, said in facts.files.items():
        step, _, part = name.rpartition(".")
        code = _CODE.fullmatch(said)
        out, err = facts.files.get(f"{step}.out"), facts.files.get(f"{step}.err")
        if part != "code" or code is None or out is None or err is None:
            continue
        yield (
            step,
            Output(
                code=int(code[1]),
                stdout=out.decode(errors="replace"),
                stderr=err.decode(errors="replace"),
                is_cut=step in facts.cut,
            ),
        )
