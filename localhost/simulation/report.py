"""What many seeds came to, as lines of text: a table, and how to replay what broke."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from localhost.simulation.trial import Verdict

_WIDTH = 30


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each thing that was counted."""
    broken = sum(len(one.violations) for one in verdicts)
    took = sum((one.took for one in verdicts), timedelta())
    rows = [
        ("seeds", f"{len(verdicts)} ({verdicts[0].seed} to {verdicts[-1].seed})"),
        ("configurations", _range(one.configurations for one in verdicts)),
        ("machines", _range(one.machines for one in verdicts)),
        ("virtual time", f"{took.total_seconds() / 86400 / 365.25:.1f} years"),
        ("occurrences", _range(one.occurrences for one in verdicts)),
        *_counts("  run", (one.statuses for one in verdicts)),
        ("runs on demand", _range(one.runs - one.occurrences for one in verdicts)),
        ("jobs", f"{sum(sum(one.outcomes.values()) for one in verdicts):,}"),
        *_counts("  job", (one.outcomes for one in verdicts)),
        ("installs", _range(one.installs for one in verdicts)),
        ("faults injected", f"{sum(sum(one.faults.values()) for one in verdicts):,}"),
        *_counts(" ", (one.faults for one in verdicts)),
        ("from due to first install", _latency(verdicts)),
        ("violations found", f"{broken:,}"),
    ]
    return [f"{name:<{_WIDTH}} {value}" for name, value in rows]


def broken(verdict: Verdict) -> Iterator[str]:
    """What a seed broke, and how to replay it."""
    for problem in verdict.problems:
        yield f"seed {verdict.seed}: {problem}"
    if verdict.problems:
        yield f"Replay it: .venv/bin/python -m localhost evidence --seed {verdict.seed} --trace"


def line(verdict: Verdict) -> str:
    """A verdict in a line."""
    parts = (
        f"{verdict.configurations} configurations, {verdict.machines} machines",
        f"{verdict.occurrences} occurrences, {verdict.installs} installs",
        f"{sum(verdict.faults.values())} faults",
        f"digest {verdict.digest}",
        f"{len(verdict.violations)} violations",
    )
    return f"seed {verdict.seed}: {'; '.join(parts)}"


def _range(numbers: Iterable[int]) -> str:
    """The sum, and the least and the most of one seed."""
    found = list(numbers)
    return f"{sum(found):,} ({min(found)} to {max(found)} a seed)"


def _counts(prefix: str, counted: Iterable[Mapping[str, int]]) -> list[tuple[str, str]]:
    total = Counter[str]()
    for one in counted:
        total.update(one)
    return [(f"{prefix} {name}", f"{count:,}") for name, count in sorted(total.items())]


def _latency(verdicts: Iterable[Verdict]) -> str:
    waits = sorted(wait for one in verdicts for wait in one.waits)
    if not waits:
        return "none"
    p50, p99 = (waits[min(len(waits) - 1, len(waits) * share // 100)] for share in (50, 99))
    return f"p50 {_seconds(p50)}, p99 {_seconds(p99)} of virtual time"


def _seconds(wait: timedelta) -> str:
    seconds = wait.total_seconds()
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
