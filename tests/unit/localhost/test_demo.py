"""What the demo shows, from records alone."""

import io
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from localhost.demo.output import INVARIANTS, DemoOutput, next_things, shortened
from localhost.demo.report import Findings, Report, read_report
from localhost.demo.run import CONFIGURATION, example
from localhost.stage import ROOT
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.application.documents import parse_configuration
from shared.application.invariants import Violation
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunKind, UpdateCounts, job_key
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from shared.domain.updates import UpdateRecord, UpdateState
from tests.builders import SUBSCRIPTION

OPENS = datetime(2026, 6, 13, 20, 0, tzinfo=UTC)
BROKEN = Violation(invariant=2, subject="vm-1", message="2 installs.")


def a_run(**changes: Any) -> Run:
    facts: dict[str, Any] = {
        "configuration_id": CONFIGURATION,
        "key": "20260613200000",
        "kind": RunKind.SCHEDULED,
        "starts_at": OPENS,
        "duration": timedelta(hours=3, minutes=55),
        "created_at": OPENS,
        "created_by": "timer",
        "status": RunStatus.COMPLETED_WITH_WARNINGS,
        "closed_at": OPENS + timedelta(minutes=14),
    }
    return Run(**(facts | changes))


def a_job(name: str, *, outcome: Outcome, reason: Reason | None = None, **changes: Any) -> Job:
    machine = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web/providers/{MachineType.AZURE_VM}/{name}"
    )
    facts: dict[str, Any] = {
        "key": job_key(machine),
        "machine_id": machine,
        "machine_type": MachineType.AZURE_VM,
        "subscription": SUBSCRIPTION,
        "matched_by": f"/subscriptions/{SUBSCRIPTION}/x/production",
        "phase": Phase.ENDED,
        "outcome": outcome,
        "reason": reason,
        "message": f"what befell {name}.",
    }
    return Job(**(facts | changes))


def a_report(*jobs: Job, run: Run | None = None, broken: tuple[Violation, ...] = ()) -> Report:
    findings = Findings(
        took=timedelta(seconds=4), installs=3, lost_replies=1, repeated=0, broken=broken
    )
    return Report(run=run or a_run(), jobs=jobs, example=None, updates=(), findings=findings)


def shown(report: Report, *, width: int = 80, **terminal: Any) -> str:
    file = io.StringIO()
    DemoOutput(Console(file=file, width=width, **terminal)).report(report)
    return file.getvalue()


@pytest.mark.parametrize(
    ("report", "holds"),
    [
        pytest.param(a_report(), True, id="closed, nothing broken"),
        pytest.param(a_report(broken=(BROKEN,)), False, id="an invariant is broken"),
        pytest.param(
            a_report(run=a_run(status=RunStatus.IN_PROGRESS)), False, id="the run is still open"
        ),
    ],
)
def test_the_demo_succeeds_only_if_the_run_closed_and_nothing_is_broken(
    report: Report, holds: bool
) -> None:
    assert report.holds is holds


def test_a_broken_invariant_is_named_in_the_place_of_its_sentence() -> None:
    text = shown(a_report(broken=(BROKEN,)))
    assert "broken  invariant 2: vm-1: 2 installs." in text
    assert INVARIANTS[1] not in text
    assert all(sentence in text for sentence in INVARIANTS if sentence != INVARIANTS[1])


def test_reasons_are_grouped_with_the_most_frequent_first_within_an_outcome() -> None:
    report = a_report(
        a_job("a", outcome=Outcome.SUCCEEDED),
        a_job("b", outcome=Outcome.SKIPPED, reason=Reason.NOT_RUNNING),
        a_job("c", outcome=Outcome.SKIPPED, reason=Reason.PREREQUISITES_NOT_MET),
        a_job("d", outcome=Outcome.SKIPPED, reason=Reason.PREREQUISITES_NOT_MET),
        a_job("e", outcome=Outcome.FAILED, reason=Reason.REFUSED),
    )
    assert [(why.reason, why.count) for why in report.reasons] == [
        (Reason.REFUSED, 1),
        (Reason.PREREQUISITES_NOT_MET, 2),
        (Reason.NOT_RUNNING, 1),
    ]
    text = shown(report)
    assert "c: what befell c." in text
    assert "d: what befell d." not in text


async def test_the_report_is_read_from_the_stores_and_shows_the_machine_with_most_to_tell() -> None:
    services = memory_services(MemoryClock(OPENS))
    run = await services.runs.insert(a_run())
    dull = a_job("dull", outcome=Outcome.SUCCEEDED, counts=UpdateCounts(installed=9))
    telling = a_job(
        "telling",
        outcome=Outcome.SUCCEEDED,
        counts=UpdateCounts(installed=1, excluded=1, not_selected=1),
    )
    await services.jobs.insert(run.id, [dull, telling])
    record = UpdateRecord(name="curl", classification="Security", state=UpdateState.EXCLUDED)
    await services.updates.put(run.id, telling.key, [record])

    report = await read_report(services, run.id, a_report().findings)

    assert report.example is not None
    assert report.example.machine_id == telling.machine_id
    assert report.updates == (record,)
    assert report.outcomes == [(Outcome.SUCCEEDED, 2)]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_the_lines_about_the_run_keep_its_width(width: int) -> None:
    job = a_job("vm-1", outcome=Outcome.SKIPPED, reason=Reason.NOT_RUNNING)
    text = shown(a_report(job), width=width, force_terminal=True, no_color=True)
    report, _, commands = text.partition("Try next")
    assert "curl" in commands
    assert max(map(len, report.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= width


def test_without_a_terminal_the_id_of_the_run_is_whole() -> None:
    assert a_run().id.text in shown(a_report())


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(200, CONFIGURATION, id="it fits as it is"),
        pytest.param(
            110,
            "/subscriptions/…0001/resourceGroups/ops/providers/Microsoft.Maintenance"
            "/maintenanceConfigurations/saturday",
            id="the GUID goes first",
        ),
        pytest.param(
            90,
            "/subscriptions/…0001/resourceGroups/ops/providers/…/maintenanceConfigurations/saturday",
            id="then segments before the name",
        ),
        pytest.param(20, "…/maintenanceConfigurations/saturday", id="the name stays"),
    ],
)
def test_a_path_is_cut_where_it_says_least(width: int, expected: str) -> None:
    assert shortened(CONFIGURATION, width) == expected


def test_what_it_proposes_to_try_is_about_things_that_exist() -> None:
    lines = [shlex.split(line) for _, *lines in next_things(CONFIGURATION) for line in lines]
    sent = [word[1:] for words in lines for word in words if word.startswith("@")]
    assert {words[0] for words in lines} == {"make", "curl", ".venv/bin/python"}
    assert len(sent) == 2
    assert all((ROOT / file).is_file() for file in sent)


def test_the_examples_are_one_schedule_and_what_is_attached_to_it() -> None:
    parse_configuration(CONFIGURATION, example("configuration.json"))
    attached: list[Mapping[str, Any]] = [
        example(name)["properties"]
        for name in ("scope-by-tag.json", "scope-by-system.json", "static-machine.json")
    ]
    assert {one["maintenanceConfigurationId"] for one in attached} == {CONFIGURATION}
    assert ["filter" in one for one in attached] == [True, True, False]
