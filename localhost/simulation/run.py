"""`python -m localhost evidence`: many seeds on all cores, a table of what came of them, and a page that states it."""

import gc
import logging
import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from localhost.calendar_evidence.run import run_calendar
from localhost.simulation.planted_faults import planted
from localhost.simulation.report import broken, line, table
from localhost.simulation.trial import Verdict, trace_seed, try_seed

_LONGEST_SHOWN = 20
"""Broken seeds, and differences of calendars, that are shown one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOptions:
    """Which seeds: so many from the *first* on, or *seed* alone, with a trace if it is wanted.

    *calendar* compares all zones' calendars too, which takes minutes; *write* says where all is written.
    """

    first: int = 1
    seeds: int = 20
    seed: int | None = None
    trace: bool = False
    planted: str = ""
    calendar: bool = False
    write: Path | None = None


def run_evidence(options: EvidenceOptions) -> bool:
    """Try the seeds, and say what came of them; whether all rules held."""
    # What the app logs under fire is no news here.
    logging.getLogger("shared").addHandler(logging.NullHandler())
    with ExitStack() as stack:
        if options.planted:
            stack.enter_context(planted(options.planted))
        if options.seed is not None:
            return _replay(options.seed, options)
        began = time.monotonic()
        verdicts = list(_tried(options))
        calendar = run_calendar() if options.calendar else None
    shown = [text for verdict in _first_broken(verdicts) for text in broken(verdict)]
    lines = [*shown, *table(verdicts)]
    if calendar:
        lines += [*calendar.differences[:_LONGEST_SHOWN], f"calendar: {calendar}"]
    lines.append(f"took {time.monotonic() - began:.0f} s")
    for text in lines:
        print(text)
    if options.write:
        options.write.write_text(_page(options, lines), encoding="utf-8")
    is_broken = any(verdict.problems for verdict in verdicts)
    return not is_broken and (calendar is None or calendar.holds)


def _replay(seed: int, options: EvidenceOptions) -> bool:
    verdict = trace_seed(seed) if options.trace else try_seed(seed)
    if options.trace:
        print("\n".join(verdict.trace))
    print(line(verdict))
    for problem in verdict.problems:
        print(f"  broken: {problem}")
    return not verdict.problems


def _tried(options: EvidenceOptions) -> Iterator[Verdict]:
    """The verdicts in the order of their seeds; a trace is made anew when somebody asks for it."""
    seeds = range(options.first, options.first + options.seeds)
    with multiprocessing.get_context("fork").Pool(initializer=_be_quick) as pool:
        for done, verdict in enumerate(pool.imap(_try, seeds), start=1):
            if verdict.problems:
                print(line(verdict), flush=True)
            if done % 50 == 0:
                print(f"{done} of {len(seeds)} seeds", flush=True)
            yield verdict


def _be_quick() -> None:
    """Nothing is logged, and what was there before the seeds is no garbage."""
    gc.freeze()
    logging.getLogger("shared").setLevel(logging.CRITICAL + 1)


def _try(seed: int) -> Verdict:
    return replace(try_seed(seed), trace=())


def _first_broken(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.problems][:_LONGEST_SHOWN]


def _page(options: EvidenceOptions, lines: list[str]) -> str:
    """The page: what was printed, when, of which commit, and where; nothing else."""
    command = f"make evidence SEEDS={options.seeds}"
    printed = "\n".join(lines)
    where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return (
        "# Evidence\n\n"
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, of {_commit()}, on {where}.\n"
        "What is simulated, and what is looked for, is said in `localhost/simulation`; the faults that it has to find\n"
        "are in `localhost/simulation/planted_faults.py`, and the test suite plants them.\n\n"
        f"```\n{printed}\n```\n"
    )


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changes = " with changes that were not committed" if git("status", "--porcelain") else ""
    return f"commit {git('rev-parse', '--short=12', 'HEAD') or 'unknown'}{changes}"
