"""What the demo says while it goes on: in colour and redrawn on a terminal, in plain lines where there is none.

`rich` adapts to the terminal, to NO_COLOR and to COLUMNS. Without a terminal no sentence is folded and no id shortened,
so that the output can be searched.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table

from localhost.demo import tables
from localhost.demo.report import Report
from localhost.demo.tables import instant
from shared.domain.records import Run

INVARIANTS = (
    "Each due occurrence has exactly one run.",
    "At most one install was started for each machine of a run.",
    "No install was asked for outside its window less the cut-off.",
    "Every machine ended in exactly one outcome, with a reason, in time.",
    "No outcome changed, but from Unknown and with a trace.",
    "The counts shown equal the rows that they count.",
    "What the HTTP interface acknowledged is there.",
    "The same rows at the same instant give the same plan.",
)
_INDENT = 3
_BAR_WIDTH = 40
_PLAIN_STEP = timedelta(minutes=5)
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class Progress(Protocol):
    """Whoever is told how a run stands."""

    def show(self, run: Run, *, now: datetime) -> None: ...


@dataclass(slots=True)
class DemoOutput:
    """Writes to *console*; the steps are numbered as they come."""

    console: Console
    _steps: int = field(default=0)

    def opening(self, *, machines: int, seed: int, lost_replies: float) -> None:
        self._say(f"[bold]Muster: scheduled patching, on {machines} simulated machines[/bold]")
        self._say("Real are Azurite, the HTTP interface, and every function of function_app.py.")
        self._say(
            f"Simulated are the machines (seed {seed}), the Azure in front of them, and the time. "
            f"To make it hard, that Azure loses its reply to {lost_replies:.0%} of the installs "
            "it accepts, and shows results 90 seconds late."
        )

    def step(self, title: str) -> None:
        self._steps += 1
        self.console.print()
        self._say(f"[bold]{self._steps}  {escape(title)}[/bold]")

    def request(self, method: str, path: str, *, status: int) -> None:
        colour = "green" if status < 400 else "red"
        path = self._fitted(path, beside=f"{status} {method} ")
        self._tell(f"[{colour}]{status}[/{colour}] {method} {escape(path)}")

    def explain(self, configuration: Mapping[str, Any]) -> None:
        window = configuration["properties"]["maintenanceWindow"]
        self._tell(
            f'It recurs as "{window["recurEvery"]}" at {window["startDateTime"][-5:]} '
            f"({window['timeZone']}), for {window['duration']} hours. "
            "What was sent is in localhost/demo/example/."
        )

    def jump(self, now: datetime, occurrence: datetime) -> None:
        self.step("The clock jumps to the next occurrence")
        self._tell(f"{instant(now)} -> [bold]{instant(occurrence)}[/bold]")
        self._tell("No tick came in between: the timer is past due, fires once, and starts a run.")

    @contextmanager
    def progress(self, opened_at: datetime) -> Iterator[Progress]:
        """For as long as a run goes on: a bar that is redrawn, or a line every few minutes."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield _Lines(self.console, next_at=opened_at)
            return
        waiting = _indented(f"{opened_at:%H:%M} UTC  resolving the scopes")
        with Live(waiting, console=self.console, auto_refresh=False) as live:
            yield _Bar(live)

    def report(self, report: Report) -> None:
        """Everything that is left to say once the run is over."""
        self.step("What Table Storage holds now")
        path = self._fitted(report.run.id.text, beside="Window  ")
        for name, fact in tables.run_facts(report.run, path=path):
            self._tell(f"{name:<6}  {fact}")
        self._show(tables.outcomes(report))
        if report.reasons:
            self._show(tables.reasons(report))
        self._updates(report)
        self._verdict(report)
        self._numbers(report)
        self._what_next(report)

    def _updates(self, report: Report) -> None:
        if report.example is None:
            self._tell("No machine got as far as its updates.")
            return
        machine = report.example.machine_id.rpartition("/")[2]
        by = report.example.matched_by.rpartition("/")[2]
        self.console.print()
        self._tell(f'The updates of [bold]{escape(machine)}[/bold], matched by "{escape(by)}":')
        self._show(tables.updates(report.updates))

    def _verdict(self, report: Report) -> None:
        self.step("The invariants, checked against the tables and the simulated Azure's own log")
        broken = report.findings.broken
        for violation in broken:
            self._tell(f"[red]broken[/red]  {escape(str(violation))}")
        numbers = {violation.invariant for violation in broken}
        for number, sentence in enumerate(INVARIANTS, start=1):
            if number not in numbers:
                self._tell(f"[green]holds[/green]  {number}  {sentence}")
        if report.run.status.is_open:
            self._tell("[red]The run did not close.[/red]")

    def _numbers(self, report: Report) -> None:
        found, machines = report.findings, len(report.jobs)
        seconds = found.took.total_seconds()
        adopted = sum(job.adopted for job in report.jobs)
        self.console.print()
        self._tell(
            f"Installs accepted: {found.installs}. Replies lost: {found.lost_replies}; found again "
            f"by their reports: {adopted}; asked for twice: {found.repeated}."
        )
        self._tell(
            f"{machines} machines in {seconds:.1f} s of real time: "
            f"[bold]{machines / seconds:.1f} machines per second[/bold]."
        )

    def _what_next(self, report: Report) -> None:
        self.step("Try next")
        for purpose, *commands in next_things(report.run.configuration_id):
            self._tell(purpose)
            for command in commands:
                # Whole, so that it can be copied.
                self.console.print(f"     {command}", markup=False, soft_wrap=True)

    def _fitted(self, path: str, *, beside: str) -> str:
        if not self.console.is_terminal:
            return path
        return shortened(path, self.console.width - _INDENT - len(beside))

    def _show(self, table: Table) -> None:
        self.console.print()
        self.console.print(_indented(table))

    def _tell(self, sentence: str) -> None:
        self._say(sentence, indent=_INDENT)

    def _say(self, sentence: str, *, indent: int = 0) -> None:
        if self.console.is_terminal:
            self.console.print(Padding(sentence, (0, 0, 0, indent)))
        else:
            self.console.print(" " * indent + sentence, soft_wrap=True)


@dataclass(slots=True)
class _Bar:
    """A bar, and the outcomes below it, in one place of the terminal."""

    live: Live

    def show(self, run: Run, *, now: datetime) -> None:
        ended = sum(run.counts.values())
        total = ended + run.open_jobs
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total or 1, completed=ended, width=_BAR_WIDTH)
        line.add_row(f"{now:%H:%M} UTC", bar, f"{ended} of {total}")
        both = Group(line, tables.counts(run.counts))
        self.live.update(_indented(both), refresh=True)


@dataclass(slots=True)
class _Lines:
    """A line every few minutes, and the last one."""

    console: Console
    next_at: datetime

    def show(self, run: Run, *, now: datetime) -> None:
        if now < self.next_at and run.status.is_open:
            return
        self.next_at = now + _PLAIN_STEP
        ended = sum(run.counts.values())
        done = f"{ended} of {ended + run.open_jobs} machines"
        line = f"{now:%H:%M} UTC  {done}  {tables.counts(run.counts)}".rstrip()
        self.console.print(" " * _INDENT + line, soft_wrap=True)


def _indented(content: RenderableType) -> Padding:
    # No wider than it has to be: a `^C` that the terminal echoes behind it must not begin a line of its own.
    return Padding(content, (0, 0, 0, _INDENT), expand=False)


def shortened(path: str, width: int) -> str:
    """An ARM id that fits: GUIDs lose all but their last digits, then segments before the name go."""
    if len(path) <= width:
        return path
    segments = _GUID.sub(lambda guid: f"…{guid[0][-4:]}", path).split("/")
    end = len(segments) - 2
    for start in range(end, 2, -1):
        dropped = segments[:start] + (["…"] if start < end else []) + segments[end:]
        if len(fitting := "/".join(dropped)) <= width:
            return fitting
    return "…/" + "/".join(segments[end:])


def next_things(configuration: str) -> list[tuple[str, ...]]:
    """Three things to try: each a purpose, and lines for a shell in the repository."""
    subscription = configuration.partition("/resourceGroups/")[0]
    scope = f"{subscription}/providers/Microsoft.Maintenance/configurationAssignments/production"
    message = json.dumps({"v": 1, "configuration": configuration, "requestId": "first"})
    return [
        ("Keep it running, with the real clock; then, in another terminal:", "make serve"),
        (
            "Create the schedule and a scope:",
            _curl(configuration, file="configuration.json"),
            _curl(scope, file="scope-by-tag.json"),
        ),
        (
            "Start it now, with a message put into its queue by hand:",
            f".venv/bin/python -m localhost send runs '{message}'",
        ),
    ]


def _curl(resource_id: str, *, file: str) -> str:
    url = f"http://127.0.0.1:7071{resource_id}?api-version=2023-04-01"
    return f"curl -X PUT '{url}' -d @localhost/demo/example/{file}"
