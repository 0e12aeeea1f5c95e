"""What dnf's recorded answers mean, and what can't be understood."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.package_managers.dnf import Dnf
from shared.adapters.package_managers.dnf_answers import (
    advisories,
    available,
    offered,
    problems,
    succeeded,
    transaction,
)
from shared.adapters.package_managers.manager import INSTALL, PackageManager, UnreadableError
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update

DNF = Dnf()
RECORDED = Path(__file__).parents[3] / "data" / "package_managers" / "dnf"
DONE = Output(code=0)


def recorded(file: str) -> list[Any]:
    found = json.loads((RECORDED / file).read_text(encoding="utf-8"))
    return [pytest.param(one, id=one["name"]) for one in found]


def output_of(recording: Mapping[str, Any]) -> Output:
    return Output(**recording["output"])


def assessed(newest: str, *, available: str, advisories: str = "") -> list[tuple[str, ...]]:
    """What an assessment lists."""
    updates = DNF.updates(
        {
            "refresh": DONE,
            "newest": Output(code=100, stdout=newest),
            "available": Output(code=0, stdout=available),
            "advisories": Output(code=0, stdout=advisories),
        }
    )
    return [(one.name, one.version or "", one.classification) for one in updates]


def test_dnf_is_a_package_manager() -> None:
    manager: PackageManager = DNF
    assert manager.name == "dnf"


# --- recorded answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recorded("offered.json"))
def test_check_update_says_the_newest_of_each_package(recording: Mapping[str, Any]) -> None:
    assert offered(output_of(recording)) == recording["fact"]


@pytest.mark.parametrize("recording", recorded("available.json"))
def test_repoquery_says_every_newer_version(recording: Mapping[str, Any]) -> None:
    found = available(output_of(recording))
    assert {name: sorted(versions) for name, versions in found.items()} == recording["fact"]


@pytest.mark.parametrize("recording", recorded("advisories.json"))
def test_updateinfo_says_what_is_a_security_fix(recording: Mapping[str, Any]) -> None:
    assert [list(one) for one in advisories(output_of(recording))] == recording["fact"]


@pytest.mark.parametrize("recording", recorded("transactions.json"))
def test_a_simulated_upgrade_says_what_it_would_install(recording: Mapping[str, Any]) -> None:
    if isinstance(recording["fact"], dict):
        with pytest.raises(UnreadableError) as raised:
            transaction(output_of(recording))
        assert raised.value.message == recording["fact"]["unreadable"]
    else:
        assert list(transaction(output_of(recording))) == recording["fact"]


@pytest.mark.parametrize("recording", recorded("problems.json"))
def test_a_failed_upgrade_is_explained(recording: Mapping[str, Any]) -> None:
    assert list(problems(output_of(recording))) == recording["fact"]


@pytest.mark.parametrize("recording", recorded("reboots.json"))
def test_the_need_of_a_reboot_is_known_or_said_to_be_unknown(recording: Mapping[str, Any]) -> None:
    output = output_of(recording)
    assert (output.code in DNF.reboot_needed.codes) == recording["fact"]["reboot"]
    assert DNF.problem({INSTALL: DONE, "reboot-needed": output}) == recording["fact"]["problem"]


@pytest.mark.parametrize("recording", recorded("refreshes.json"))
def test_a_repository_that_is_not_refreshed_makes_the_answer_unreadable(
    recording: Mapping[str, Any],
) -> None:
    answered = dict.fromkeys(("newest", "available", "advisories"), DONE)
    with pytest.raises(UnreadableError) as raised:
        DNF.updates({**answered, "refresh": output_of(recording)})
    assert raised.value.message == recording["fact"]["unreadable"]


# --- rules ---------------------------------------------------------------------------------------


def test_a_newest_version_with_a_security_advisory_is_listed_alone() -> None:
    found = assessed(
        "a.noarch 2-1 repo\n",
        available="a-2-1.noarch|a-1.5-1.noarch|",
        advisories="X-1 Important/Sec. a-2-1.noarch\nX-2 Low/Sec. a-1.5-1.noarch\n",
    )
    assert found == [("a.noarch", "2-1", "Security")]


def test_an_ordinary_newest_version_is_listed_before_the_newest_security_fix() -> None:
    found = assessed(
        "a.noarch 2-1 repo\n",
        available="a-1.9-1.noarch|a-1.10-1.noarch|a-2-1.noarch|",
        advisories="X-1 Low/Sec. a-1.9-1.noarch\nX-2 Low/Sec. a-1.10-1.noarch\n",
    )
    assert found == [("a.noarch", "2-1", "Other"), ("a.noarch", "1.10-1", "Security")]


def test_a_fix_is_critical_when_it_answers_a_critical_advisory_for_an_older_version() -> None:
    found = assessed(
        "a.noarch 2-1 repo\n",
        available="a-1-1.noarch|a-2-1.noarch|",
        advisories="X-1 Critical/Sec. a-1-1.noarch\nX-2 Low/Sec. a-2-1.noarch\n",
    )
    assert found == [("a.noarch", "2-1", "Critical")]


def test_the_worst_of_two_advisories_for_one_version_counts() -> None:
    one, other = "X-1 Critical/Sec. a-1-1.noarch\n", "X-2 Low/Sec. a-1-1.noarch\n"
    for listed in (one + other, other + one):
        found = assessed("a.noarch 1-1 repo\n", available="a-1-1.noarch|", advisories=listed)
        assert found == [("a.noarch", "1-1", "Critical")]


def test_an_advisory_for_a_version_that_a_lock_keeps_away_counts_for_nothing() -> None:
    found = assessed(
        "a.noarch 1-1 repo\n",
        available="a-1-1.noarch|a-2-1.noarch|",
        advisories="X-1 Critical/Sec. a-2-1.noarch\n",
    )
    assert found == [("a.noarch", "1-1", "Other")]


def test_an_advisory_for_a_version_that_no_repository_has_counts_for_nothing() -> None:
    found = assessed(
        "a.noarch 2-1 repo\n",
        available="a-2-1.noarch|",
        advisories="X-1 Critical/Sec. a-1.5-1.noarch\n",
    )
    assert found == [("a.noarch", "2-1", "Other")]


def test_architectures_of_one_package_are_two_updates() -> None:
    found = assessed(
        "a.i686 2-1 repo\na.x86_64 2-1 repo\n",
        available="a-2-1.i686|a-2-1.x86_64|",
        advisories="X-1 Low/Sec. a-2-1.x86_64\n",
    )
    assert found == [("a.i686", "2-1", "Other"), ("a.x86_64", "2-1", "Security")]


def test_a_server_without_updates_has_none() -> None:
    answered = dict.fromkeys(("refresh", "newest", "available", "advisories"), DONE)
    assert DNF.updates(answered) == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param("X-1 security Critical a-2-1.x86_64 2024-01-01 00:00:00", "Critical", id="5"),
        pytest.param("X-1 secu Crit a-2-1.x86_64 2024-01-01 00:00:00", "Critical", id="5, cut"),
        pytest.param("X-1 security None a-2-1.x86_64 2024-01-01 00:00:00", "Security", id="none"),
        pytest.param("X-1 Unknown/Sec. a-2-1.x86_64", "Security", id="4, unknown"),
    ],
)
def test_the_severity_of_a_security_advisory_is_read(line: str, kind: str) -> None:
    header = "Name Type Severity Package Issued\n"
    found = list(advisories(Output(code=0, stdout=f"{header}{line}\n")))
    assert found == [("a.x86_64", "2-1", kind)]


def test_sources_in_an_advisory_are_passed_over() -> None:
    listed = "X-1 security Low a-2-1.src 2024-01-01 00:00:00\n"
    assert list(advisories(Output(code=0, stdout=listed))) == []


# --- what can't be understood ---------------------------------------------------------------------


@pytest.mark.parametrize("step", ["refresh", "newest", "available", "advisories"])
@pytest.mark.parametrize(
    "output",
    [
        pytest.param(None, id="not asked"),
        pytest.param(Output(code=1, stderr="Error: no"), id="it failed"),
        pytest.param(Output(code=127, stderr="sh: /usr/bin/dnf: not found"), id="no dnf"),
        pytest.param(Output(code=200, stderr="RPMDB already locked by 7"), id="locked"),
    ],
)
def test_an_assessment_that_failed_anywhere_is_unreadable(step: str, output: Output | None) -> None:
    answered = dict.fromkeys(("refresh", "newest", "available", "advisories"), DONE)
    del answered[step]
    with pytest.raises(UnreadableError):
        DNF.updates(answered if output is None else {**answered, step: output})


@pytest.mark.parametrize(
    ("read", "output"),
    [
        pytest.param(offered, Output(code=100), id="updates, and none listed"),
        pytest.param(offered, Output(code=100, stdout="a.b.c -y repo\n"), id="no version"),
        pytest.param(available, Output(code=0, stdout="a-1-1.noarch|b-1|"), id="no architecture"),
        pytest.param(available, Output(code=0, stdout="[cut after 4 MiB]"), id="cut"),
        pytest.param(
            lambda output: list(advisories(output)),
            Output(code=0, stdout="X-1 Critical/Sec. a-2-1.x86_6\n"),
            id="an architecture that is cut off",
        ),
        pytest.param(
            lambda output: list(advisories(output)),
            Output(code=0, stdout="Something else\n"),
            id="an advisory in another form",
        ),
        pytest.param(transaction, Output(code=1, stderr="Error: no\n"), id="no transaction"),
        pytest.param(transaction, Output(code=0), id="a transaction that says nothing"),
        pytest.param(
            transaction,
            Output(code=1, stdout="Upgrading:\n a noarch 1… repo 1 k\nTransaction Summary\n"),
            id="a version that is cut off",
        ),
    ],
)
def test_an_answer_in_another_form_is_unreadable(read: Any, output: Output) -> None:
    with pytest.raises(UnreadableError):
        read(output)


def test_what_sudo_refuses_is_said() -> None:
    with pytest.raises(UnreadableError, match="infra/sudoers/muster-dnf"):
        succeeded(Output(code=1, stderr="sudo: a password is required\n"), of="dnf makecache")


def test_rows_that_are_broken_at_the_width_of_a_terminal_are_read() -> None:
    table = (
        "Upgrading:\n"
        " a-long-name-of-a-package\n"
        "          noarch   2.0-1\n"
        "                      updates    6.5 k\n"
        " short    x86_64   1:2.0-1\n"
        "                      updates    1.2 M\n"
        "     replacing  old.noarch 1.0-1\n"
        "Removing unused dependencies:\n"
        " gone     noarch   1.0-1  @System  0\n"
        "Skipping packages with conflicts:\n"
        "(add '--best --allowerasing' to command line to force their upgrade):\n"
        " left     noarch   1.0-1  updates  6.0 k\n"
        "\nTransaction Summary\n"
    )
    found = transaction(Output(code=1, stdout=table, stderr="Operation aborted.\n"))
    assert found == ("a-long-name-of-a-package.noarch", "short.x86_64")


# --- commands -------------------------------------------------------------------------------------


def test_without_updates_an_install_only_inspects() -> None:
    assert DNF.install([]) == DNF.inspect()


def test_packages_are_named_exactly_before_every_option_that_has_a_value() -> None:
    updates = [Update(name="vim.x86_64", version="2:9-1", classification="Other")]
    for step in (DNF.simulate(updates, name="x"), DNF.install(updates)[0]):
        words = step.command.words
        named = words.index("vim-2:9-1.x86_64")
        assert words[named - 1] == "upgrade"
        assert not any("=" in word for word in words[:named])
        assert all(word.startswith("--setopt=") for word in words[named + 1 :])
        assert step.command.as_root


def test_an_interrupted_install_that_left_a_package_twice_is_reported() -> None:
    twice = Output(code=1, stdout="a-2-1.noarch is a duplicate with a-1-1.noarch\n")
    said = DNF.problem({INSTALL: DONE, "duplicates": twice})
    assert said == (
        "An interrupted install has left packages twice: a-2-1.noarch beside a-1-1.noarch; "
        "'dnf remove --duplicates' mends that."
    )


def test_a_full_disk_is_said_before_everything_else() -> None:
    stdout = (
        "Error: Transaction test error:\n"
        "  installing package a-2-1.noarch needs 3MB more space needed on the / filesystem\n"
    )
    said = DNF.problem({INSTALL: Output(code=1, stdout=stdout)})
    assert "the disk is full" in said


def test_an_error_is_said_with_its_details() -> None:
    stderr = (
        "Error: Transaction test error:\n  file /a from install of b conflicts with a file of c\n\n"
    )
    said = DNF.problem({INSTALL: Output(code=1, stderr=stderr)})
    assert said == (
        "dnf did not do everything: Transaction test error: file /a from install of b conflicts "
        "with a file of c."
    )


def test_an_exit_code_alone_is_said_too() -> None:
    said = DNF.problem({INSTALL: Output(code=137, stderr="Killed\n")})
    assert said == "dnf did not do everything: it ended with code 137: Killed."


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recorded("problems.json"))
def test_a_lock_is_waited_for_only_where_nothing_was_begun(recording: Mapping[str, Any]) -> None:
    output = output_of(recording)
    said = output.stdout + output.stderr
    is_lock = any(text in said for text in DNF.locked)
    waits = is_lock and not any(text in said for text in DNF.began)
    assert waits == ("holds the package manager's lock" in "".join(recording["fact"]))
    assert waits == ("holds the lock" in recording["name"] or "lock held" in recording["name"])
