"""How rpm packages are named and ordered, and which words may go back to a server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.rpm import (
    chosen,
    newest,
    order,
    read_installed,
    read_name,
    read_nevra,
    read_version,
    several,
)
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update

RECORDED = Path(__file__).parents[3] / "data" / "package_managers" / "rpm"


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(one, id=one["name"])
        for one in json.loads((RECORDED / "packages.json").read_text(encoding="utf-8"))
    ],
)
def test_installed_packages_are_read_with_all_their_versions(recording: Mapping[str, Any]) -> None:
    found = read_installed({"packages": Output(**recording["output"])})
    assert {name: sorted(versions) for name, versions in found.items()} == recording["fact"]


def test_a_key_among_the_packages_is_no_package() -> None:
    listed = "gpg-pubkey.(none)\t5a6340b3-6229229e\nbash.x86_64\t5.1-1\n"
    found = read_installed({"packages": Output(code=0, stdout=listed)})
    assert found == {"bash.x86_64": frozenset(("5.1-1",))}


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param({}, id="not asked"),
        pytest.param({"packages": Output(code=1, stderr="rpmdb: damaged")}, id="it failed"),
        pytest.param({"packages": Output(code=0, stdout="bash\n")}, id="no version"),
        pytest.param({"packages": Output(code=0, stdout="bash.x86_64\t5.1\n")}, id="no release"),
        pytest.param({"packages": Output(code=0, stdout="[cut after 4 MiB]")}, id="cut"),
    ],
)
def test_a_list_of_packages_that_is_not_understood_is_unreadable(
    outputs: Mapping[str, Output],
) -> None:
    with pytest.raises(UnreadableError):
        read_installed(outputs)


@pytest.mark.parametrize(
    ("nevra", "name", "version"),
    [
        pytest.param("bash-5.1.8-9.el9.x86_64", "bash.x86_64", "5.1.8-9.el9", id="plain"),
        pytest.param("a-b-c-1-2.noarch", "a-b-c.noarch", "1-2", id="hyphens in the name"),
        pytest.param("vim-2:9.0-1.i686", "vim.i686", "2:9.0-1", id="an epoch"),
        pytest.param("vim-0:9.0-1.i686", "vim.i686", "9.0-1", id="an epoch of zero"),
        pytest.param("x-1.0~rc1^git5-1.noarch", "x.noarch", "1.0~rc1^git5-1", id="tilde, caret"),
        pytest.param("libstdc++-12-1.s390x", "libstdc++.s390x", "12-1", id="pluses"),
    ],
)
def test_a_package_has_a_name_with_an_architecture_and_a_version(
    nevra: str, name: str, version: str
) -> None:
    assert read_nevra(nevra) == (name, version)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("-y", id="an option"),
        pytest.param("--setopt=pluginpath=/tmp", id="a long option"),
        pytest.param("/srv/evil-1-1.noarch.rpm", id="a path"),
        pytest.param("evil.noarch.rpm", id="a file"),
        pytest.param("https://example.org/x-1-1.noarch", id="an address"),
        pytest.param("@core", id="a group"),
        pytest.param("*.x86_64", id="a pattern"),
        pytest.param("bash;id.x86_64", id="a semicolon"),
        pytest.param("bash .x86_64", id="a space"),
        pytest.param("bash\n.x86_64", id="a line break"),
        pytest.param("bash$(id).x86_64", id="a substitution"),
        pytest.param("bäsh.x86_64", id="a letter that is not ASCII"),
        pytest.param("bash", id="no architecture"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_word_outside_of_rpms_alphabet_is_no_name(word: str) -> None:
    with pytest.raises(UnreadableError):
        read_name(word)
    with pytest.raises(UnreadableError):
        list(chosen([Update(name=word, version="1-1", classification="Other")]))


@pytest.mark.parametrize("word", ["", "1", "1-1 -y", "1-1/x", "1-1*", "a:1-1", "-1-1x-", "1-1\n"])
def test_a_word_outside_of_rpms_alphabet_is_no_version(word: str) -> None:
    with pytest.raises(UnreadableError):
        read_version(word)
    with pytest.raises(UnreadableError):
        list(chosen([Update(name="bash.x86_64", version=word, classification="Other")]))


def test_of_several_versions_of_a_package_the_first_is_chosen() -> None:
    updates = [
        Update(name="a.noarch", version="2-1", classification="Other"),
        Update(name="a.noarch", version="1-1", classification="Security"),
        Update(name="a.i686", version="1-1", classification="Security"),
    ]
    assert list(chosen(updates)) == [("a", "noarch", "2-1"), ("a", "i686", "1-1")]


# The table of rpm's own tests (tests/rpmvercmp.at) has these relations; another test asks rpm itself.
@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param("1.9-1", "1.10-1", id="numbers by value"),
        pytest.param("9:1-1", "10:1-1", id="the epoch first"),
        pytest.param("2-1", "1:1-1", id="no epoch is zero"),
        pytest.param("1.0~rc1-1", "1.0-1", id="a tilde is before the end"),
        pytest.param("1.0-1", "1.0^git1-1", id="a caret is after the end"),
        pytest.param("1.0^git1-1", "1.0.1-1", id="a caret is before more"),
        pytest.param("1.0^x-1", "1.0A-1", id="a caret is before letters"),
        pytest.param("1.0a-1", "1.0.1-1", id="letters are before numbers"),
        pytest.param("1.0-1.el9", "1.0-2.el9", id="the release last"),
        pytest.param("1.0-1.el9", "1.0-1.el9_2", id="a longer release"),
    ],
)
def test_versions_are_ordered_as_rpm_orders_them(older: str, newer: str) -> None:
    assert order(older) < order(newer)
    assert newest((newer, older)) == newest((older, newer)) == newer


def test_many_clauses_are_counted_and_not_all_said() -> None:
    assert several(("a.", "b", "a.", "c", "d", "e")) == ("a", "b", "c", "and 2 more")
