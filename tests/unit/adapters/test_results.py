"""Azure's words about an install, from recorded replies and from broken ones."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.patching.results import read_error, read_instant, read_report, read_update
from shared.domain.records import UpdateCounts
from shared.domain.report import InstallReport
from shared.domain.updates import UpdateRecord, UpdateState

RECORDED = json.loads(
    (Path(__file__).parents[2] / "data" / "recorded_installs.json").read_text(encoding="utf-8")
)
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def read(result: Any) -> InstallReport:
    return read_report(
        result, machine_id="/m", activity_id="given", started_at=EARLY, modified_at=LATE
    )


def test_a_recorded_result_of_a_vm_is_read() -> None:
    report = read(RECORDED["windows_vm"]["ended"]["reply"]["properties"]["output"])
    assert (report.status, report.is_final, report.error) == ("Succeeded", True, "")
    assert report.activity_id == "3001414c-52ae-406b-bb30-e8f7cfb44018"
    assert report.counts == UpdateCounts(installed=2, not_selected=6)
    assert report.started_at == datetime(2021, 4, 8, 4, 37, 27, 721959, tzinfo=UTC)
    assert report.modified_at == LATE
    assert report.updates
    assert len(report.updates) == 8
    assert report.updates[1] == UpdateRecord(
        name="Security Update for Windows Server 2019 for x64-based Systems (KB4535680)",
        kb="4535680",
        classification="Security",
        state=UpdateState.INSTALLED,
    )


def test_recorded_updates_of_a_linux_vm_have_versions() -> None:
    report = read(RECORDED["linux_vm"]["ended"]["reply"]["properties"]["output"])
    assert report.error == ""
    assert report.updates
    assert report.updates[-3] == UpdateRecord(
        name="curl",
        version="7.58.0-2ubuntu3.13",
        classification="Security",
        state=UpdateState.INSTALLED,
    )


def test_a_recorded_result_of_an_arc_server_is_read() -> None:
    report = read(RECORDED["arc_server"]["ended"]["reply"])
    assert (report.status, report.started_by, report.updates) == ("Succeeded", "User", None)
    assert report.counts == UpdateCounts(not_selected=2)
    assert report.modified_at == datetime(2024, 11, 12, 0, 55, 21, 817632, tzinfo=UTC)


def test_an_install_that_names_no_starter_is_not_taken_for_a_users() -> None:
    assert read({"status": "Succeeded"}).started_by == ""


UPDATES = {
    "a row of Resource Graph": (
        {"patchName": "Fix", "kbId": "501", "classifications": ["UpdateRollUp"]},
        ("Fix", "501", None, "UpdateRollup"),
    ),
    "a row as older pages spell it": (
        {"patchName": "Fix", "kbid": "501", "version": None, "classifications": "Security"},
        ("Fix", "501", None, "Security"),
    ),
    "an unknown kind on Windows": (
        {"name": "Driver", "classifications": ["Drivers"]},
        ("Driver", None, None, "Updates"),
    ),
    "an unknown kind on Linux": (
        {"name": "curl", "version": "1", "classifications": ["Unclassified"]},
        ("curl", None, "1", "Other"),
    ),
    "no kind": ({"name": "curl", "version": "1"}, ("curl", None, "1", "Other")),
}


@pytest.mark.parametrize(("patch", "expected"), UPDATES.values(), ids=UPDATES.keys())
def test_an_update_is_read_in_every_spelling(
    patch: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    record = read_update(patch)
    assert (record.name, record.kb, record.version, record.classification) == expected


@pytest.mark.parametrize("state", UpdateState)
def test_a_known_state_is_kept(state: UpdateState) -> None:
    assert read_update({"installationState": str(state)}).state is state


@pytest.mark.parametrize("word", ["Unknown", "Available", "", None, 3])
def test_an_update_never_counts_as_installed_unless_azure_says_so(word: object) -> None:
    assert read_update({"installationState": word}).state is UpdateState.PENDING


@pytest.mark.parametrize("word", ["Running", "succeeded", "", None, ["Succeeded"]])
def test_a_status_that_azure_does_not_have_is_not_final(word: object) -> None:
    assert read({"status": word}).status == "Unknown"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, ""),
        ({"code": "Success", "message": "0 error/s reported"}, ""),
        ({"code": "0", "message": "0 error/s reported."}, ""),
        ({"code": "PackageFailure", "message": "1 error"}, "PackageFailure: 1 error"),
        ({"code": "PackageFailure", "message": None}, "PackageFailure"),
        ({"message": "1 error"}, "1 error"),
        ("it broke", "it broke"),
    ],
)
def test_an_error_is_a_code_and_a_message(error: object, text: str) -> None:
    assert read_error(error) == text


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2021-04-08T04:37:27.7219599+00:00", datetime(2021, 4, 8, 4, 37, 27, 721959, tzinfo=UTC)),
        ("2021-04-08T06:37:27+02:00", datetime(2021, 4, 8, 4, 37, 27, tzinfo=UTC)),
        ("2021-04-08T04:37:27Z", datetime(2021, 4, 8, 4, 37, 27, tzinfo=UTC)),
        ("2021-04-08T04:37:27", datetime(2021, 4, 8, 4, 37, 27, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_an_instant_is_read_in_utc(text: object, instant: datetime | None) -> None:
    assert read_instant(text) == instant


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from(
        ["status", "patches", "error", "errorDetails", "startDateTime", "failedPatchCount"]
    ),
)
def test_no_document_breaks_the_reading(value: Any, name: str) -> None:
    assert read({name: value}).machine_id == "/m"
    assert read(value).machine_id == "/m"
