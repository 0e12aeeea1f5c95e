"""What zypper's recorded answers mean, and what can't be understood."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.package_managers.manager import INSTALL, PackageManager, UnreadableError
from shared.adapters.package_managers.zypper import Zypper
from shared.adapters.package_managers.zypper_answers import (
    contents,
    offered,
    patches,
    problems,
    read,
    transaction,
)
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update

ZYPPER = Zypper()
RECORDED = Path(__file__).parents[3] / "data" / "package_managers" / "zypper"


def recorded(file: str) -> list[Any]:
    found = json.loads((RECORDED / file).read_text(encoding="utf-8"))
    return [pytest.param(one, id=one["name"]) for one in found]


def output_of(recording: Mapping[str, Any]) -> Output:
    return Output(**recording["output"])


def stream(inner: str, *, code: int = 0) -> Output:
    return Output(code=code, stdout=f"<?xml version='1.0'?>\n<stream>\n{inner}\n</stream>\n")


def updates_of(*rows: str) -> Output:
    """What list-updates or list-patches answers, with these rows."""
    return stream(f"<update-status><update-list>{''.join(rows)}</update-list></update-status>")


def package(name: str, version: str, *, arch: str = "x86_64") -> str:
    return f'<update kind="package" name="{name}" edition="{version}" arch="{arch}"/>'


def patch(name: str, *, category: str = "security", severity: str = "important") -> str:
    return (
        f'<update kind="patch" name="{name}" edition="1" arch="noarch" status="needed" '
        f'category="{category}" severity="{severity}"/>'
    )


def held(**patches: str) -> Output:
    """What the search for conflicts answers: the packages of each patch, in a string."""
    lines = []
    for name, wanted in patches.items():
        lines += [f"! | {name} | patch | 1 | noarch | updates"]
        lines += [f"    conflicts: {one} < 2-1" for one in wanted.split()]
    return Output(code=0, stdout="".join(f"{line}\n" for line in lines))


def assessed(updates: Output, *, patches: Output, contents: Output) -> list[tuple[str, str]]:
    found = ZYPPER.updates(
        {"refresh": stream(""), "updates": updates, "patches": patches, "contents": contents}
    )
    return [(one.name, one.classification) for one in found]


def test_zypper_is_a_package_manager() -> None:
    manager: PackageManager = ZYPPER
    assert manager.name == "zypper"


# --- recorded answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recording", "understand"),
    [
        pytest.param(*one.values, understand, id=f"{file}, {one.id}")
        for file, understand in (
            ("offered.json", offered),
            ("transactions.json", transaction),
            ("refreshes.json", lambda output: read(output, of="zypper refresh")),
        )
        for one in recorded(file)
    ],
)
def test_an_answer_is_understood_or_said_to_be_unreadable(
    recording: Mapping[str, Any], understand: Any
) -> None:
    fact = recording["fact"]
    if isinstance(fact, dict) and "unreadable" in fact:
        with pytest.raises(UnreadableError) as raised:
            understand(output_of(recording))
        assert raised.value.message == fact["unreadable"]
    else:
        found = understand(output_of(recording))
        assert found == (tuple(fact) if isinstance(fact, list) else fact)


@pytest.mark.parametrize("recording", recorded("patches.json"))
def test_needed_security_patches_are_listed(recording: Mapping[str, Any]) -> None:
    found = patches(output_of(recording))
    assert [[one.name, one.kind] for one in found] == recording["fact"]


@pytest.mark.parametrize("recording", recorded("contents.json"))
def test_packages_of_needed_patches_are_listed(recording: Mapping[str, Any]) -> None:
    found = contents(output_of(recording))
    assert {name: sorted(names) for name, names in found.items()} == recording["fact"]


@pytest.mark.parametrize("recording", recorded("problems.json"))
def test_a_failed_update_is_explained(recording: Mapping[str, Any]) -> None:
    assert list(problems(output_of(recording))) == recording["fact"]


# --- rules ---------------------------------------------------------------------------------------


def test_an_update_is_as_severe_as_the_worst_needed_patch_that_wants_it() -> None:
    for order in ("one two", "two one"):
        severities = {"one": "critical", "two": "low"}
        found = assessed(
            updates_of(package("a", "3-1"), package("b", "3-1"), package("c", "3-1")),
            patches=updates_of(*(patch(name, severity=severities[name]) for name in order.split())),
            contents=held(one="a", two="a b"),
        )
        assert found == [("a.x86_64", "Critical"), ("b.x86_64", "Security"), ("c.x86_64", "Other")]


def test_a_patch_of_another_category_makes_no_security_fix() -> None:
    found = assessed(
        updates_of(package("a", "2-1")),
        patches=updates_of(patch("one", category="recommended", severity="critical")),
        contents=held(one="a"),
    )
    assert found == [("a.x86_64", "Other")]


def test_a_patch_may_name_an_architecture() -> None:
    found = assessed(
        updates_of(package("a", "2-1"), package("a", "2-1", arch="noarch"), package("b", "2-1")),
        patches=updates_of(patch("one")),
        contents=held(one="a.x86_64 srcpackage:b"),
    )
    assert found == [("a.noarch", "Other"), ("a.x86_64", "Security"), ("b.x86_64", "Other")]


def test_a_needed_security_patch_whose_packages_are_not_shown_makes_the_answer_unreadable() -> None:
    with pytest.raises(UnreadableError, match="two"):
        assessed(
            updates_of(package("a", "2-1")),
            patches=updates_of(patch("one"), patch("two")),
            contents=held(one="a"),
        )


def test_a_server_without_updates_has_none() -> None:
    nothing = updates_of()
    assert assessed(nothing, patches=nothing, contents=Output(code=0)) == []


@pytest.mark.parametrize("step", ["refresh", "updates", "patches"])
@pytest.mark.parametrize(
    "output",
    [
        pytest.param(None, id="not asked"),
        pytest.param(Output(code=127, stderr="sh: /usr/bin/zypper: not found"), id="no zypper"),
        pytest.param(Output(code=1, stderr="sudo: a password is required"), id="sudo refuses"),
        pytest.param(stream('<message type="error">No</message>'), id="an error and success"),
        pytest.param(stream("", code=106), id="a repository is left out"),
        pytest.param(Output(code=0, stdout="<stream>\n<update"), id="cut"),
        pytest.param(Output(code=0), id="nothing"),
    ],
)
def test_an_assessment_that_failed_anywhere_is_unreadable(step: str, output: Output | None) -> None:
    nothing = updates_of()
    answered = {
        "refresh": nothing,
        "updates": nothing,
        "patches": nothing,
        "contents": Output(code=0),
    }
    del answered[step]
    with pytest.raises(UnreadableError):
        ZYPPER.updates(answered if output is None else {**answered, step: output})


@pytest.mark.parametrize(
    ("understand", "output"),
    [
        pytest.param(offered, stream(""), id="no list"),
        pytest.param(offered, updates_of(package("a;b", "1-1")), id="a strange name"),
        pytest.param(offered, updates_of(package("a", "1-1 -y")), id="a strange version"),
        pytest.param(transaction, stream('<message type="info">Hm</message>'), id="no summary"),
        pytest.param(contents, Output(code=0, stdout="Something else\n"), id="another table"),
        pytest.param(contents, Output(code=0, stdout="    conflicts: a < 1\n"), id="no patch"),
    ],
)
def test_an_answer_in_another_form_is_unreadable(understand: Any, output: Output) -> None:
    with pytest.raises(UnreadableError):
        understand(output)


def test_informational_exit_codes_are_no_failures() -> None:
    for code in (100, 101, 102, 103):
        assert offered(Output(code=code, stdout=updates_of(package("a", "1-1")).stdout))


def test_the_description_of_a_package_explains_nothing() -> None:
    described = (
        "<install-summary><to-upgrade><solvable><description>Problem: disk space</description>"
    )
    answer = stream(f"{described}</solvable></to-upgrade></install-summary>")
    assert problems(answer) == ()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(6, "no repository is defined", id="no repository"),
        pytest.param(7, "lock", id="locked"),
        pytest.param(105, "a signal ended it", id="a signal"),
        pytest.param(107, "a script of an installed package failed", id="a script"),
        pytest.param(137, "it ended with code 137", id="killed"),
    ],
)
def test_an_exit_code_alone_is_explained(code: int, words: str) -> None:
    assert words in ZYPPER.problem({INSTALL: stream("", code=code)})


def test_what_sudo_refuses_is_said() -> None:
    said = ZYPPER.problem({INSTALL: Output(code=1, stderr="sudo: a password is required\n")})
    assert "infra/sudoers/muster-zypper" in said


def test_an_interrupted_install_that_left_a_package_twice_is_reported() -> None:
    listed = (
        "a.noarch\t10-1\na.noarch\t9-1\nkernel.x86_64\t1-1\nkernel.x86_64\t2-1\nb.noarch\t1-1\n"
    )
    outputs = {
        INSTALL: stream(""),
        "packages": Output(code=0, stdout=listed),
        "beside": Output(code=0, stdout="kernel.x86_64\n"),
    }
    said = "An interrupted install has left packages twice: a.noarch (9-1, 10-1); 'zypper verify' mends that."
    assert ZYPPER.problem(outputs) == said


def test_a_problem_is_told_also_when_nothing_could_be_looked_at_afterwards() -> None:
    outputs = {INSTALL: stream("", code=8), "beside": Output(code=0)}
    assert ZYPPER.problem(outputs) == "zypper did not do everything: the install failed."


def test_that_a_reboot_may_be_needed_and_nobody_knows_is_said() -> None:
    locked = stream('<message type="error">System management is locked</message>', code=7)
    assert "whether a reboot is needed" in ZYPPER.problem(
        {INSTALL: stream(""), "reboot-needed": locked}
    )
    assert ZYPPER.problem({INSTALL: stream(""), "reboot-needed": stream("", code=102)}) == ""


# --- commands -------------------------------------------------------------------------------------


def test_without_updates_an_install_only_inspects() -> None:
    assert ZYPPER.install([]) == ZYPPER.inspect()


def test_packages_are_named_exactly_and_after_the_end_of_options() -> None:
    updates = [Update(name="vim.x86_64", version="2:9-1", classification="Other")]
    for step in (ZYPPER.simulate(updates, name="x"), ZYPPER.install(updates)[0]):
        assert step.command.words[-2:] == ("--", "vim.x86_64=2:9-1")
        assert step.command.as_root


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recorded("problems.json"))
def test_a_lock_is_waited_for_only_where_nothing_was_begun(recording: Mapping[str, Any]) -> None:
    output = output_of(recording)
    said = output.stdout + output.stderr
    is_lock = any(text in said for text in ZYPPER.locked)
    waits = is_lock and not any(text in said for text in ZYPPER.began)
    assert waits == ("holds the package manager's lock" in "".join(recording["fact"]))
    assert waits == ("holds the lock" in recording["name"] or "lock held" in recording["name"])
