"""What a final report means for the job: never more than was reported."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.machine import MachineType
from shared.domain.records import Job, UpdateCounts
from shared.domain.report import Conclusion, InstallReport, conclude, counts_of, may_be_of
from shared.domain.run import Outcome, Reason
from shared.domain.updates import UpdateRecord, UpdateState

ENDS_AT = datetime(2026, 6, 2, 5, 0, tzinfo=UTC)
IN_TIME = ENDS_AT - timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

WARNINGS = Outcome.COMPLETED_WITH_WARNINGS


def a_report(**fields: Any) -> InstallReport:
    given: dict[str, Any] = {
        "status": "Succeeded",
        "counts": UpdateCounts(installed=3),
        "started_at": IN_TIME,
        "modified_at": IN_TIME,
    }
    return InstallReport(machine_id="/m", activity_id="a", **(given | fields))


def updates(counts: UpdateCounts) -> list[UpdateRecord]:
    """As many updates in each state as *counts* says."""
    states = {
        UpdateState.INSTALLED: counts.installed,
        UpdateState.FAILED: counts.failed,
        UpdateState.PENDING: counts.pending,
        UpdateState.EXCLUDED: counts.excluded,
        UpdateState.NOT_SELECTED: counts.not_selected,
    }
    return [
        UpdateRecord(name="u", kb=None, version="1", classification="Other", state=state)
        for state, count in states.items()
        for _ in range(count)
    ]


def concluded(report: InstallReport, **given: Any) -> Conclusion:
    """What a report means that shows the updates which it counts."""
    return conclude(report, updates(report.counts), **given)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Succeeded", True),
        ("CompletedWithWarnings", True),
        ("Failed", True),
        ("InProgress", False),
        ("Unknown", False),
        ("", False),
        ("succeeded?", False),
    ],
)
def test_only_three_words_are_final(status: str, expected: bool) -> None:
    assert a_report(status=status).is_final is expected


@pytest.mark.parametrize(
    ("report", "outcome", "reason"),
    [
        pytest.param(a_report(), Outcome.SUCCEEDED, None, id="installed"),
        pytest.param(a_report(counts=UpdateCounts()), Outcome.SUCCEEDED, None, id="nothing to do"),
        pytest.param(
            a_report(counts=UpdateCounts(pending=2, excluded=1, not_selected=4)),
            Outcome.SUCCEEDED,
            None,
            id="what was not chosen is no failure",
        ),
        pytest.param(
            a_report(modified_at=ENDS_AT), Outcome.SUCCEEDED, None, id="at the last instant"
        ),
        pytest.param(
            a_report(status="Failed", error="dpkg"),
            Outcome.FAILED,
            Reason.INSTALL_FAILED,
            id="failed",
        ),
        pytest.param(
            a_report(status="Failed", reboot_status="Failed", window_exceeded=True),
            Outcome.FAILED,
            Reason.INSTALL_FAILED,
            id="failed, whatever else is said",
        ),
        pytest.param(
            a_report(counts=UpdateCounts(installed=3, failed=1)),
            WARNINGS,
            Reason.INSTALL_FAILED,
            id="one of several failed",
        ),
        pytest.param(
            a_report(reboot_status="Required"),
            WARNINGS,
            Reason.REBOOT_PENDING,
            id="a reboot is due",
        ),
        pytest.param(
            a_report(reboot_status="Started"),
            WARNINGS,
            Reason.REBOOT_PENDING,
            id="it reboots still",
        ),
        pytest.param(
            a_report(reboot_status="Failed"), WARNINGS, Reason.REBOOT_FAILED, id="no reboot"
        ),
        pytest.param(
            a_report(reboot_status="NotNeeded"), Outcome.SUCCEEDED, None, id="none needed"
        ),
        pytest.param(a_report(reboot_status="Completed"), Outcome.SUCCEEDED, None, id="rebooted"),
        pytest.param(
            a_report(window_exceeded=True), WARNINGS, Reason.WINDOW_EXCEEDED, id="out of time"
        ),
        pytest.param(
            a_report(modified_at=ENDS_AT + timedelta.resolution),
            WARNINGS,
            Reason.WINDOW_EXCEEDED,
            id="overran its window",
        ),
        pytest.param(
            a_report(status="CompletedWithWarnings"),
            WARNINGS,
            Reason.INSTALL_FAILED,
            id="a warning of nothing",
        ),
    ],
)
def test_conclusion(report: InstallReport, outcome: Outcome, reason: Reason | None) -> None:
    found = concluded(report, duration_was_capped=False, ends_at=ENDS_AT)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("capped", "reason"), [(True, Reason.DURATION_CAPPED), (False, Reason.WINDOW_EXCEEDED)]
)
def test_machine_that_ran_out_of_time_says_whose_limit_it_was(capped: bool, reason: Reason) -> None:
    report = a_report(window_exceeded=True)
    assert concluded(report, duration_was_capped=capped, ends_at=ENDS_AT).reason is reason


def test_cap_that_was_not_used_up_is_not_mentioned() -> None:
    assert concluded(a_report(), duration_was_capped=True, ends_at=ENDS_AT).reason is None


def test_message_counts_what_was_installed_and_repeats_the_error() -> None:
    failed = a_report(status="Failed", error="dpkg was interrupted")
    found = concluded(failed, duration_was_capped=False, ends_at=ENDS_AT)
    assert found.message == "The install failed after 3 updates installed: dpkg was interrupted."
    silent = concluded(replace(failed, error=""), duration_was_capped=False, ends_at=ENDS_AT)
    assert "no reason was given" in silent.message


FAILURES = UpdateCounts(installed=3, failed=2)
MANY = [
    pytest.param(
        a_report(counts=FAILURES, reboot_status="Required", window_exceeded=True),
        True,
        Reason.INSTALL_FAILED,
        ("3 updates installed, but 2 failed:", "; a reboot is pending:", "; the longest duration"),
        id="failures, a reboot that is due and a cap",
    ),
    pytest.param(
        a_report(reboot_status="Failed", window_exceeded=True),
        False,
        Reason.REBOOT_FAILED,
        ("but the reboot failed:", "; the window was too short:"),
        id="no reboot and no time",
    ),
    pytest.param(
        a_report(status="Failed", error="dpkg.", reboot_status="Started", window_exceeded=True),
        True,
        Reason.INSTALL_FAILED,
        ("3 updates installed: dpkg; a reboot is pending:", "; the longest duration"),
        id="a failed install too",
    ),
    pytest.param(
        a_report(
            status="CompletedWithWarnings", reboot_status="Required", error="a source is away"
        ),
        False,
        Reason.REBOOT_PENDING,
        ("but a reboot is pending:", "; the machine warns: a source is away."),
        id="the machine's own warning",
    ),
]


@pytest.mark.parametrize(("report", "capped", "reason", "said"), MANY)
def test_reason_is_the_gravest_warning_and_the_message_says_them_all(
    report: InstallReport, capped: bool, reason: Reason, said: tuple[str, ...]
) -> None:
    found = concluded(report, duration_was_capped=capped, ends_at=ENDS_AT)
    assert found.reason is reason
    assert [clause for clause in said if clause not in found.message] == []


def test_warning_without_a_text_is_not_added_to_one_that_says_what_is_wrong() -> None:
    report = a_report(status="CompletedWithWarnings", reboot_status="Required")
    found = concluded(report, duration_was_capped=False, ends_at=ENDS_AT)
    assert found.message == "3 updates installed, but a reboot is pending: restart the machine."


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(a_report(), True, id="just then"),
        pytest.param(
            a_report(started_at=IN_TIME - 30 * SECOND), True, id="by a clock that is behind"
        ),
        pytest.param(
            a_report(started_at=IN_TIME - 31 * SECOND), False, id="before it was asked for"
        ),
        pytest.param(a_report(started_at=IN_TIME + 10 * MINUTE), True, id="started a little later"),
        pytest.param(
            a_report(started_at=IN_TIME + 10 * MINUTE + SECOND), False, id="somebody's later one"
        ),
        pytest.param(a_report(started_by="Platform"), False, id="Azure's own"),
    ],
)
def test_install_that_was_never_answered_is_known_by_starter_and_time(
    report: InstallReport, expected: bool
) -> None:
    job = Job(
        key="k",
        machine_id="/m",
        machine_type=MachineType.AZURE_VM,
        subscription="s",
        starting_at=IN_TIME,
    )
    assert may_be_of(report, job) is expected
    assert not may_be_of(report, replace(job, starting_at=None))
    assert not may_be_of(report, replace(job, preceded_by=report.activity_id.upper()))


FIVE = UpdateCounts(installed=2, failed=1, pending=1, not_selected=1)


def test_updates_are_counted_by_state() -> None:
    assert counts_of(updates(FIVE)) == FIVE
    assert (
        concluded(a_report(counts=FIVE), duration_was_capped=False, ends_at=ENDS_AT).counts == FIVE
    )


@pytest.mark.parametrize(
    ("told", "shown", "outcome", "begins"),
    [
        pytest.param(
            UpdateCounts(installed=3), FIVE, WARNINGS, "2 updates installed", id="shows a failure"
        ),
        pytest.param(
            FIVE,
            UpdateCounts(installed=3),
            Outcome.SUCCEEDED,
            "3 updates installed",
            id="counts a failure that it does not show",
        ),
        pytest.param(FIVE, UpdateCounts(), WARNINGS, "2 updates installed", id="shows nothing"),
    ],
)
def test_report_that_counts_others_than_it_shows_says_so(
    told: UpdateCounts, shown: UpdateCounts, outcome: Outcome, begins: str
) -> None:
    found = conclude(
        a_report(counts=told), updates(shown), duration_was_capped=False, ends_at=ENDS_AT
    )
    assert (found.outcome, found.counts) == (outcome, shown)
    assert found.message.startswith(begins)
    assert f"counted {told.installed} installed" in found.message
    assert f"of {told.total}, and showed {shown.total}." in found.message
