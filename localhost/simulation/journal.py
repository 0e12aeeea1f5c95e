"""Everything that happened, in order: what people asked, how jobs changed, what machines were asked, what went wrong.

It is the witness of the findings, it is what `--trace` prints, and its digest says whether two runs of a seed were the
same. So nothing is in it that is random by nature: no claim, no lease, no stamp. The calls of ports are in the trace
alone: there are too many to keep when nobody reads them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_LONGEST_WHY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A job in another state: `run` is its partition, `key` its row, `state` its phase, or at the end its outcome."""

    at: datetime
    run: str
    key: str
    machine: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An install was asked for: `reply` says what became of it, `activity` is the accepted install's."""

    at: datetime
    machine: str
    client_request_id: str
    reply: str
    activity: str = ""


class Journal:
    """What is written down: `lines` to be read, `events` to be judged, `mishaps` and what `broken` a rule at once."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.events: list[Changed | Asked] = []
        self.lines: list[str] = []
        self.mishaps: list[datetime] = []
        self.broken: list[str] = []

    def call(self, process: str, name: str) -> None:
        """A call of a port has arrived; only a trace keeps it."""

    def note(self, text: str) -> None:
        """Something that is not a change of a job."""
        self._add(f"* {text}")

    def mishap(self) -> None:
        """A process died, or storage said that it failed: what a job was at may be lost."""
        self.mishaps.append(self._now())

    def had_mishap(self, since: datetime, until: datetime) -> bool:
        """Whether something was lost in that time."""
        return any(since <= at <= until for at in self.mishaps)

    def breaks(self, finding: str) -> None:
        """Something happened that must not."""
        self.broken.append(finding)
        self._add(f"! {finding}")

    def changed(self, change: Changed, *, why: str) -> None:
        """A job has another state."""
        self.events.append(change)
        because = f" ({why[:_LONGEST_WHY]})" if why else ""
        self._add(f"    {_name(change.machine)} in {_run(change.run)}: {change.state}{because}")

    def asked(self, asked: Asked) -> None:
        """A machine was asked for an install."""
        self.events.append(asked)
        self._add(f"    {_name(asked.machine)} is asked to install: {asked.reply} {asked.activity}")

    def _add(self, text: str) -> None:
        self.lines.append(self._line(text))

    def _line(self, text: str) -> str:
        return f"{self._now():%m-%d %H:%M:%S.%f} {text}"


class Trace(Journal):
    """A journal that keeps every call too: `steps` are the lines with the calls between them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.steps: list[str] = []

    def call(self, process: str, name: str) -> None:
        self.steps.append(self._line(f"      {process}: {name}"))

    def _add(self, text: str) -> None:
        super()._add(text)
        self.steps.append(self.lines[-1])


def _name(machine: str) -> str:
    return machine.rpartition("/")[2]


def _run(partition: str) -> str:
    parts = partition.split("|")
    return f"{parts[-5]} {parts[-1]}"


MOMENT = timedelta(minutes=5)
"""How long after a mishap its consequences may show."""
