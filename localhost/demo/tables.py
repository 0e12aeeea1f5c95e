"""The demo's tables: a run, outcomes, reasons and updates as `rich` renders them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich import box
from rich.markup import escape
from rich.table import Table

from localhost.demo.report import Report
from shared.domain.records import Run
from shared.domain.run import Outcome, RunStatus
from shared.domain.updates import UpdateRecord, UpdateState

_COLOURS: Mapping[str, str] = {
    RunStatus.COMPLETED: "green",
    Outcome.SUCCEEDED: "green",
    UpdateState.INSTALLED: "green",
    Outcome.COMPLETED_WITH_WARNINGS: "yellow",
    UpdateState.PENDING: "yellow",
    Outcome.FAILED: "red",
    Outcome.SKIPPED: "cyan",
    UpdateState.EXCLUDED: "cyan",
    Outcome.UNKNOWN: "magenta",
    UpdateState.NOT_SELECTED: "bright_black",
}
_WHAT_FOLLOWS: Mapping[RunStatus, str] = {
    RunStatus.FAILED: "some machines failed; that stopped no other",
    RunStatus.COMPLETED_WITH_WARNINGS: "not every machine succeeded",
}
_LONGEST_BAR = 24


def instant(at: datetime) -> str:
    """An instant as the demo writes it: in UTC, to the minute."""
    return f"{at:%a %Y-%m-%d %H:%M} UTC"


def coloured(word: str) -> str:
    """An outcome, a status or a state in its colour, as markup."""
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/{colour}]" if colour else word


def counts(by_outcome: Mapping[Outcome, int]) -> str:
    """`61 Succeeded, 9 Skipped`, as markup; empty when nothing has ended."""
    return ", ".join(f"{by_outcome[o]} {coloured(o)}" for o in Outcome if by_outcome.get(o))


def run_facts(run: Run, *, path: str) -> list[tuple[str, str]]:
    """The run itself, name by name, as markup; *path* is its id, cut to fit."""
    why = _WHAT_FOLLOWS.get(run.status)
    return [
        ("Run", escape(path)),
        ("Status", coloured(run.status) + (f" ({why})" if why else "")),
        ("Window", f"{instant(run.starts_at)} to {instant(run.ends_at)}"),
        ("Closed", instant(run.closed_at) if run.closed_at else "not yet"),
        ("Counts", counts(run.counts)),
    ]


def outcomes(report: Report) -> Table:
    """Jobs by outcome, counted from their rows."""
    table = _table("Outcome", "Machines", "")
    table.columns[1].justify = "right"
    most = max((count for _, count in report.outcomes), default=1)
    for outcome, count in report.outcomes:
        colour = _COLOURS.get(outcome, "white")
        bar = "█" * max(1, round(_LONGEST_BAR * count / most))
        table.add_row(coloured(outcome), str(count), f"[{colour}]{bar}[/{colour}]")
    return table


def reasons(report: Report) -> Table:
    """Why jobs ended other than as a plain success, with one machine each."""
    table = _table("Machines", "Outcome and reason", "For example")
    table.columns[0].justify = "right"
    for why in report.reasons:
        machine = why.example.machine_id.rpartition("/")[2]
        table.add_row(
            str(why.count),
            f"{coloured(why.outcome)}\n{why.reason}",
            f"[bold]{escape(machine)}[/bold]: {escape(why.example.message)}",
        )
    return table


def updates(records: Iterable[UpdateRecord]) -> Table:
    """What became of each update of a machine, in the order of the states."""
    table = _table("Update", "Classification", "State")
    order = list(UpdateState)
    for record in sorted(records, key=lambda one: (order.index(one.state), one.name)):
        name = f"{record.name} {record.version}" if record.version else record.name
        table.add_row(escape(name), record.classification, coloured(record.state))
    return table


def _table(*headers: str) -> Table:
    table = Table(*headers, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    return table
