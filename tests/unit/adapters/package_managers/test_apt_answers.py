"""What apt and dpkg said, here and on servers of others, and what it means."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.package_managers.apt import Apt
from shared.adapters.package_managers.apt_answers import offers, priorities, reason
from shared.adapters.ssh.commands import Output

APT = Apt()
RECORDED = Path(__file__).parents[3] / "data" / "package_managers" / "apt"
NATIVE = Output(code=0, stdout="amd64\n")


def recorded(file: str) -> list[Any]:
    found = json.loads((RECORDED / file).read_text(encoding="utf-8"))
    return [pytest.param(one, id=one["name"]) for one in found]


def output_of(recording: Mapping[str, Any]) -> Output:
    return Output(**recording["output"])


@pytest.mark.parametrize("recording", recorded("offers.json"))
def test_a_simulated_run_says_what_it_would_install(recording: Mapping[str, Any]) -> None:
    found = offers(output_of(recording), of="It")
    assert [[one.name, one.installed, one.version, one.is_security] for one in found] == (
        recording["fact"]
    )


@pytest.mark.parametrize("recording", recorded("sources.json"))
def test_each_source_has_a_priority(recording: Mapping[str, Any]) -> None:
    assert priorities(output_of(recording)) == recording["fact"]


def test_of_sources_with_one_name_the_highest_priority_counts() -> None:
    release = "     release v=12,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64\n"
    listed = "".join(
        f" {priority} http://deb.debian.org stable/main\n{release}" for priority in (1, 900, 500)
    )
    assert priorities(Output(code=0, stdout=listed)) == {"Debian:12/stable": 900}


@pytest.mark.parametrize("recording", recorded("packages.json"))
def test_only_what_is_installed_and_configured_counts(recording: Mapping[str, Any]) -> None:
    found = APT.installed({"architecture": NATIVE, "packages": output_of(recording)})
    assert {name: sorted(versions) for name, versions in found.items()} == recording["fact"]


@pytest.mark.parametrize("recording", recorded("reasons.json"))
def test_a_failure_is_told_in_a_sentence(recording: Mapping[str, Any]) -> None:
    assert reason(output_of(recording)) == recording["fact"]


# dpkg 1.18, 1.19, 1.20 and later (lib/dpkg/dbmodify.c, file.c); apt 1, 2 and 3 (apt-pkg/contrib/fileutl.cc).
LOCKS = {
    "apt 1": "E: Could not get lock /var/lib/dpkg/lock - open (11: Resource temporarily unavailable)",
    "apt 2": "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 357 (apt-get)",
    "apt 3 with long words": "Error: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 3",
    "dpkg 1.18": "dpkg: error: dpkg status database is locked by another process",
    "dpkg 1.19": "dpkg: error: dpkg frontend is locked by another process",
    "dpkg 1.20": "dpkg: error: dpkg frontend lock was locked by another process with pid 357",
    "dpkg 1.21's database": "dpkg: error: dpkg database lock was locked by another process with pid 3",
}


@pytest.mark.parametrize("line", LOCKS.values(), ids=LOCKS.keys())
def test_a_lock_held_by_somebody_else_is_known_on_each_release(line: str) -> None:
    assert any(text in line for text in APT.locked)
    said = reason(Output(code=100, stderr=f"{line}\n"))
    assert said.startswith("another process holds the package manager's lock: ")


@pytest.mark.parametrize(
    "line",
    [
        "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)",
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock. It is held by process 3 (apt)",
    ],
    ids=["no rights", "not root", "waited for, as the administrator told apt to"],
)
def test_nobody_holds_the_lock_when_the_user_may_not_take_it(line: str) -> None:
    assert not any(text in line for text in APT.locked)


def test_many_failed_packages_make_a_short_sentence() -> None:
    lines = [f"dpkg: error processing package p{n} (--configure):\n why {n}\n" for n in range(5)]
    said = reason(Output(code=100, stdout="".join(lines).replace("\n", "\r\n")))
    assert said.count("dpkg could not configure") == 3
    assert said.endswith("why 2; and 2 more")


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recorded("reasons.json"))
def test_a_lock_is_waited_for_only_where_nothing_was_begun(recording: Mapping[str, Any]) -> None:
    output = output_of(recording)
    said = output.stdout + output.stderr
    is_lock = any(text in said for text in APT.locked)
    waits = is_lock and not any(text in said for text in APT.began)
    assert waits == ("holds the package manager's lock" in "".join(recording["fact"]))
    assert waits == ("holds the lock" in recording["name"] or "lock held" in recording["name"])
