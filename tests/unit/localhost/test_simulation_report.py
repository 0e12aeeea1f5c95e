"""What the evidence command prints and writes, and what its plans hold."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from localhost.calendar_evidence.run import CalendarReport
from localhost.command_line import parser
from localhost.simulation import chances as kinds
from localhost.simulation import run
from localhost.simulation.plan import Trouble, draw, pauses
from localhost.simulation.planted_faults import PLANTED
from localhost.simulation.report import broken, line, table
from localhost.simulation.run import EvidenceOptions, run_evidence
from localhost.simulation.switches import evidence_options
from localhost.simulation.trial import Verdict
from tests.builders import WINDOW_OPENS

HOLDS = Verdict(
    seed=1,
    configurations=3,
    machines=20,
    occurrences=205,
    runs=210,
    installs=90,
    took=timedelta(days=5),
    faults={kinds.DEATH: 2, kinds.MESSAGE_TWICE: 1},
    outcomes={"Succeeded": 80, "Unknown": 1},
    statuses={"Completed": 200, "Missed": 10},
    waits=tuple(timedelta(seconds=n) for n in range(100)),
    violations=(),
    digest="0123456789ab",
    trace=("first this", "then that"),
)
BREAKS = replace(HOLDS, seed=2, occurrences=230, violations=("invariant 2: two installs.",))


def test_the_table_counts_everything() -> None:
    rows = dict(text.split("  ", 1) for text in table([HOLDS, BREAKS]) if not text.startswith(" "))
    stripped = {name: value.strip() for name, value in rows.items()}
    assert stripped["seeds"] == "2 (1 to 2)"
    assert stripped["occurrences"] == "435 (205 to 230 a seed)"
    assert stripped["faults injected"] == "6"
    assert stripped["violations found"] == "1"
    assert stripped["from due to first install"] == "p50 50.0 s, p99 99.0 s of virtual time"


def test_a_broken_seed_says_how_it_is_replayed() -> None:
    assert list(broken(HOLDS)) == []
    finding, replay = broken(BREAKS)
    assert finding == "seed 2: invariant 2: two installs."
    assert replay.endswith("evidence --seed 2 --trace")


def test_a_verdict_is_one_line() -> None:
    assert line(HOLDS).startswith("seed 1: 3 configurations, 20 machines; 205 occurrences")


@pytest.mark.parametrize(("verdict", "holds"), [(HOLDS, True), (BREAKS, False)])
def test_a_seed_is_replayed_alone(
    verdict: Verdict,
    holds: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "trace_seed", lambda seed: verdict)
    assert run_evidence(EvidenceOptions(seed=verdict.seed, trace=True)) is holds
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["first this", "then that"]
    assert printed[2] == line(verdict)


def test_the_page_holds_exactly_what_was_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "_tried", lambda options: iter([HOLDS, BREAKS]))
    page = tmp_path / "evidence.md"
    assert not run_evidence(EvidenceOptions(seeds=2, write=page))
    printed = capsys.readouterr().out
    assert f"```\n{printed}```\n" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("difference", "holds"), [((), True), (("one hour off",), False)])
def test_the_calendar_counts_too(
    difference: tuple[str, ...],
    holds: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compared = CalendarReport(
        zones=3,
        timelines=2,
        changes=4,
        month_shapes=28,
        windows=10,
        occurrences=50,
        days_witnessed=7,
        differences=difference,
        took=timedelta(seconds=1),
    )
    monkeypatch.setattr(run, "_tried", lambda options: iter([HOLDS]))
    monkeypatch.setattr(run, "run_calendar", lambda: compared)
    assert run_evidence(EvidenceOptions(seeds=1, calendar=True)) is holds
    printed = capsys.readouterr().out
    assert f"calendar: {compared}" in printed
    assert all(text in printed for text in difference)


def test_the_command_line_says_which_seeds() -> None:
    chosen = parser().parse_args(["evidence", "--seeds", "7", "--first", "3"])
    assert evidence_options(chosen) == EvidenceOptions(seeds=7, first=3)
    chosen = parser().parse_args(["evidence", "--seed", "9", "--trace", "--planted", "no-key"])
    assert evidence_options(chosen) == EvidenceOptions(seed=9, trace=True, planted="no-key")


def test_a_planted_fault_that_is_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["evidence", "--planted", "none-such"])
    said = capsys.readouterr().err
    assert all(name in said for name in PLANTED)


@pytest.mark.parametrize("seed", range(1, 30))
def test_a_plan_is_large_and_the_same_each_time(seed: int) -> None:
    plan = draw(seed)
    assert plan == draw(seed)
    assert len(plan.states) >= 20
    assert len({step.lane for step in plan.steps} - {"machines"}) >= 3
    assert max(plan.skews) - min(plan.skews) <= timedelta(seconds=30)
    assert all(plan.start <= trouble.at < plan.end for trouble in plan.troubles)


def test_pauses_that_touch_are_one() -> None:
    def trouble(kind: str, at: int, lasts: int) -> Trouble:
        minute = timedelta(minutes=1)
        return Trouble(kind=kind, at=WINDOW_OPENS + at * minute, lasts=lasts * minute)

    found = pauses(
        [
            trouble(kinds.APP_DOWN, 30, 60),
            trouble(kinds.TIMER_SILENT, 0, 32),
            trouble(kinds.MACHINE_GONE, 0, 600),
            trouble(kinds.TIMER_SILENT, 300, 5),
        ]
    )
    lengths = [ended - began for began, ended in found]
    assert lengths == [timedelta(minutes=90), timedelta(minutes=5)]
