"""The checker as a command: what it reads, what it says, and that a look at moving rows is taken twice."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localhost.azure.calls import Call, Calls
from localhost.check.machine_log import MachineLog, of_calls, of_file, of_reports
from localhost.check.run import at_its_time, lines, settled
from localhost.command_line import main
from localhost.serve.state_folder import StateFolder
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.runs import RUNS
from shared.application.evidence import LoggedInstall, read_stored
from shared.application.invariants import examine
from shared.application.verdict import Kind, Verdict
from shared.domain.machine import MachineType
from shared.domain.records import Job
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill

NO_PAUSE = timedelta(0)
INSTALL = Call(
    at=WINDOW_OPENS,
    method="POST",
    path="/p/installPatches",
    status=202,
    machine="/m",
    client_request_id="r",
    operation="install",
    activity="a",
)


def a_job(**changes: object) -> Job:
    job = Job(
        key="k",
        machine_id="/m",
        machine_type=MachineType.AZURE_VM,
        subscription="s",
        activity_id="a",
        starting_at=WINDOW_OPENS,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


async def finished() -> Drill:
    """Two machines patched."""
    drill = Drill([a_state(), a_state(a_machine("vm-2"))])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    return drill


def log_of(drill: Drill) -> MachineLog:
    return MachineLog(source="the fleet", installs=drill.evidence().installs, covers=lambda _: True)


# --- what it says --------------------------------------------------------------------------------


async def test_table_shows_what_matched_and_that_all_holds() -> None:
    drill = await finished()
    verdict = await examine(drill.services, drill.evidence())
    told = list(lines(verdict, source="the fleet, 2 installs"))
    assert told[0] == "The machines' own log: the fleet, 2 installs."
    assert told[1].split() == ["matched", "missed", "extra", "incomplete", "wrong"]
    assert " ".join(told[2].split()) == "1 due occurrences and their runs 1 0 0 0 0"
    assert " ".join(told[3].split()) == "2 installs and their jobs 2 0 0 0 0"
    assert told[-1] == "All invariants hold."
    assert not any(line.startswith("7 ") for line in told)


async def test_table_shows_what_is_missed_and_names_it() -> None:
    drill = await finished()
    drill.rows.tables[RUNS].clear()
    verdict = await examine(drill.services, drill.evidence())
    told = list(lines(verdict, source=""))
    assert told[2].split()[-5:] == ["0", "1", "0", "0", "0"]
    assert told[3].split()[-5:] == ["0", "0", "2", "0", "0"]
    assert f"missed: invariant 1: {CONFIGURATION}: {WINDOW_OPENS} has no run row." in told
    assert told[-1] == "Broken: 3 times."


def test_many_violations_are_cut() -> None:
    verdict = Verdict()
    for number in range(150):
        verdict.judge(6, f"run {number}", [(Kind.WRONG, "it miscounts.")])
    told = list(lines(verdict, source=""))
    assert told[-2:] == ["... and 50 more.", "Broken: 150 times."]


# --- looked at twice -----------------------------------------------------------------------------


async def test_what_only_the_first_look_finds_is_not_told() -> None:
    drill = await finished()
    logs = iter([replace(log_of(drill), installs=()), log_of(drill)])

    async def late() -> MachineLog:
        return next(logs)

    _, verdict = await settled(drill.services, late, settle=NO_PAUSE)
    assert verdict.violations == []
    assert next(logs, None) is None


async def test_what_only_the_second_look_finds_is_not_told() -> None:
    drill = await finished()
    stranger = LoggedInstall(machine_id="/x", at=WINDOW_OPENS, client_request_id="nobody's")
    other = replace(stranger, machine_id="/y")
    logs = iter([[stranger], [stranger, other]])

    async def growing() -> MachineLog:
        log = log_of(drill)
        return replace(log, installs=[*log.installs, *next(logs)])

    _, verdict = await settled(drill.services, growing, settle=NO_PAUSE)
    assert [one.subject for one in verdict.violations] == ["/x"]


# --- the machines' own log -----------------------------------------------------------------------


def test_log_on_disk_is_read_but_for_a_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls.jsonl")
    calls.record(INSTALL)
    calls.record(replace(INSTALL, activity=None, status=429, at=WINDOW_OPENS + MINUTE))
    with (tmp_path / "calls.jsonl").open("a") as file:
        file.write(json.dumps(INSTALL.document())[:40])
    log = of_file(tmp_path / "calls.jsonl")
    assert log.installs == [LoggedInstall(machine_id="/m", at=WINDOW_OPENS, client_request_id="r")]
    assert "1 installs since 2026-06-02 02:00 UTC" in log.source


def test_without_a_log_nothing_is_covered(tmp_path: Path) -> None:
    log = of_file(tmp_path / "calls.jsonl")
    assert not log.covers(a_job())
    assert "installs are not checked" in log.source


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(a_job(), True, id="asked for as the log begins"),
        pytest.param(a_job(starting_at=WINDOW_OPENS - MINUTE), False, id="before"),
        pytest.param(a_job(starting_at=None), False, id="never asked for"),
        pytest.param(a_job(machine_type=MachineType.SERVER), False, id="a server on premises"),
    ],
)
def test_local_log_covers(job: Job, expected: bool) -> None:
    assert of_calls([INSTALL], source="").covers(job) is expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(a_job(), True, id="of two days ago"),
        pytest.param(a_job(starting_at=WINDOW_OPENS + timedelta(days=2)), False, id="of just now"),
        pytest.param(
            a_job(starting_at=WINDOW_OPENS - timedelta(days=28)), False, id="of last month"
        ),
        pytest.param(a_job(activity_id=""), False, id="without an activity id"),
        pytest.param(a_job(machine_type=MachineType.SERVER), False, id="a server on premises"),
    ],
)
async def test_reports_cover(job: Job, expected: bool) -> None:
    services = memory_services(MemoryClock(WINDOW_OPENS + timedelta(days=2, minutes=5)))
    assert (await of_reports(services, await read_stored(services))).covers(job) is expected


async def test_reports_are_matched_by_activity_id() -> None:
    drill = await finished()
    log = await of_reports(drill.services, await read_stored(drill.services))
    assert {one.client_request_id for one in log.installs} == {
        one.client_request_id for one in drill.evidence().installs
    }
    assert "2 of jobs and 0 of others" in log.source
    verdict = await examine(drill.services, log.evidence())
    assert (verdict.violations, verdict.matched[3]) == ([], 2)


async def test_install_that_somebody_else_asked_for_is_counted_and_held_against_nobody() -> None:
    drill = await finished()
    drill.fleet.installs.append(replace(drill.fleet.installs[0], activity_id="somebody's"))
    log = await of_reports(drill.services, await read_stored(drill.services))
    assert "2 of jobs and 1 of others" in log.source
    assert (await examine(drill.services, log.evidence())).violations == []


# --- the time ------------------------------------------------------------------------------------

REAL = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("showed", "ticked", "expected"),
    [
        pytest.param(None, None, REAL, id="the computer's clock"),
        pytest.param(REAL - MINUTE, None, REAL, id="a clock that is not ahead"),
        pytest.param(REAL + 9 * MINUTE, None, REAL + 9 * MINUTE, id="ahead, before any tick"),
        pytest.param(
            REAL + 9 * MINUTE, REAL + 2 * MINUTE, REAL + 2 * MINUTE, id="ahead, as late as its tick"
        ),
        pytest.param(REAL + 9 * MINUTE, REAL - MINUTE, REAL, id="a tick of before"),
    ],
)
async def test_time_is_that_of_the_host(
    tmp_path: Path, showed: datetime | None, ticked: datetime | None, expected: datetime
) -> None:
    folder, services = StateFolder(tmp_path), memory_services(MemoryClock(REAL))
    if showed:
        folder.record_clock(showed)
    if ticked:
        await services.agenda.set_watermark(ticked)
    assert (await at_its_time(services, folder)).clock.now() == expected


# --- the command ---------------------------------------------------------------------------------


def test_without_settings_it_says_which_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    assert "Set AzureWebJobsStorage" in capsys.readouterr().err


def test_folder_on_which_nothing_runs_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--state", str(tmp_path)]) == 1
    said = f"Nothing runs on the state in {tmp_path}: start `make serve` first.\n"
    assert capsys.readouterr().err == said
