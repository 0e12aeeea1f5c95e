"""What a real zypper does with Muster's installs: exact versions, failures, locks, deaths, and the need of a reboot."""

from collections.abc import Iterator

import pytest

from shared.adapters.package_managers.zypper import Zypper
from tests.servers.repositories.rpm_servers import (
    begin_install,
    carry_out,
    fill,
    install,
    let_go,
    packages,
)
from tests.servers.server import ThrowAwayServer

ZYPPER = Zypper()


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("zypper") as started:
        fill(started, "zypper")
        carry_out(started, ZYPPER.assess()[0])
        yield started


def reboot_needed(server: ThrowAwayServer) -> bool:
    output = carry_out(server, *ZYPPER.inspect())[ZYPPER.reboot_needed.step]
    return output.code in ZYPPER.reboot_needed.codes


def kill(server: ThrowAwayServer, *names: str) -> None:
    for name in names:
        server.run(["/usr/bin/pkill", "-KILL", "-x", name])


# --- exactly what was chosen ----------------------------------------------------------------------


def test_exactly_the_chosen_versions_are_installed(server: ThrowAwayServer) -> None:
    done = install(
        server,
        ZYPPER,
        "layered.noarch=1.1-1",
        "deep.noarch=1.10-1",
        "odd.noarch=1:1.0^git5-1",
        "both.x86_64=2.0-1",
    )
    assert done.packages == {
        "both.x86_64": ["2.0-1"],
        "deep.noarch": ["1.10-1"],
        "layered.noarch": ["1.1-1"],
        "odd.noarch": ["1:1.0^git5-1"],
    }
    assert ZYPPER.problem(done.outputs) == ""
    found = ZYPPER.installed(done.outputs)
    assert {name: sorted(versions) for name, versions in found.items()} == packages(server)


def test_what_an_update_needs_comes_along_and_what_it_recommends_does_not(
    server: ThrowAwayServer,
) -> None:
    done = install(server, ZYPPER, "app.noarch=2.0-1", "grows.noarch=2.0-1")
    assert done.packages == {
        "app.noarch": ["2.0-1"],
        "brand-new.noarch": ["1.0-1"],
        "grows.noarch": ["2.0-1"],
        "libfoo.noarch": ["2.0-1"],
    }


def test_of_two_versions_of_a_package_the_newest_is_installed(server: ThrowAwayServer) -> None:
    done = install(server, ZYPPER, "deep.noarch=1.10-1", "deep.noarch=1.9-1")
    assert done.packages == {"deep.noarch": ["1.10-1"]}


def test_a_configuration_that_the_administrator_changed_stays(server: ThrowAwayServer) -> None:
    file = server.root / "etc/conf.conf"
    file.write_text("the administrator's\n", encoding="utf-8")
    assert install(server, ZYPPER, "conf.noarch=2.0-1").packages == {"conf.noarch": ["2.0-1"]}
    assert file.read_text(encoding="utf-8") == "the administrator's\n"
    assert file.with_name("conf.conf.rpmnew").exists()


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        pytest.param("stuck.noarch=2.0-1", "nothing provides what-nobody-has", id="not to be had"),
        pytest.param("greedy.noarch=2.0-1", "conflicts with victim", id="needs a removal"),
        pytest.param("plain.noarch=9-1", "No provider of 'plain.noarch=9-1'", id="gone"),
        pytest.param("held.noarch=2.0-1", "conflicting requests", id="locked meanwhile"),
    ],
)
def test_what_can_not_be_installed_stops_the_rest_and_is_said(
    server: ThrowAwayServer, update: str, reason: str
) -> None:
    assert server.run(["/usr/bin/zypper", "addlock", "held"]).code == 0
    done = install(server, ZYPPER, update, "better.noarch=2.0-1")
    assert done.packages == {}
    assert reason in ZYPPER.problem(done.outputs)


@pytest.mark.parametrize(
    "update",
    [
        pytest.param("brand-new.noarch=1.0-1", id="it is not installed"),
        pytest.param("layered.noarch=1.1-1", id="a newer one is installed"),
    ],
)
def test_nothing_new_is_installed_and_nothing_goes_back(
    server: ThrowAwayServer, update: str
) -> None:
    install(server, ZYPPER, "layered.noarch=1.2-1")
    done = install(server, ZYPPER, update)
    assert done.packages == {}
    assert ZYPPER.problem(done.outputs) == ""


# --- failures -------------------------------------------------------------------------------------


def test_a_package_that_fails_is_said(server: ThrowAwayServer) -> None:
    done = install(server, ZYPPER, "fails-before.noarch=2.0-1")
    assert done.packages == {}
    assert "fails-before-2.0-1.noarch" in ZYPPER.problem(done.outputs)


def test_a_package_whose_last_script_fails_is_installed_and_said(server: ThrowAwayServer) -> None:
    done = install(server, ZYPPER, "fails-after.noarch=2.0-1", "weighty.noarch=2.0-1")
    assert done.packages == {"fails-after.noarch": ["2.0-1"], "weighty.noarch": ["2.0-1"]}
    assert "%post of fails-after-2.0-1.noarch" in ZYPPER.problem(done.outputs)


# --- deaths ---------------------------------------------------------------------------------------


def test_a_zypper_that_dies_before_a_package_leaves_it_as_it_was(server: ThrowAwayServer) -> None:
    dying = begin_install(server, ZYPPER, "slow.noarch=2.0-1", "better.noarch=2.0-1")
    kill(server, "zypper", "rpm")
    dying.communicate()
    let_go(server)
    assert packages(server)["slow.noarch"] == ["1.0-1"]
    again = install(server, ZYPPER, "slow.noarch=2.0-1", "better.noarch=2.0-1")
    assert again.packages["slow.noarch"] == ["2.0-1"]
    assert ZYPPER.problem(again.outputs) == ""


def test_packages_that_a_dying_rpm_left_twice_are_reported(server: ThrowAwayServer) -> None:
    dying = begin_install(server, ZYPPER, "slow-after.noarch=2.0-1")
    kill(server, "zypper", "rpm")
    dying.communicate()
    let_go(server)
    assert packages(server)["slow-after.noarch"] == ["1.0-1", "2.0-1"]
    again = install(server, ZYPPER, "kernel.noarch=5.1-1")
    assert again.packages == {"kernel.noarch": ["5.0-1", "5.1-1"]}
    assert ZYPPER.problem(again.outputs) == (
        "An interrupted install has left packages twice: slow-after.noarch (1.0-1, 2.0-1); "
        "'zypper verify' mends that."
    )
    # The command that is named there does mend it.
    mended = server.run(["/usr/bin/zypper", "--non-interactive", "verify"])
    assert mended.code == 0, mended.stdout
    assert packages(server)["slow-after.noarch"] == ["2.0-1"]


# --- reboot ---------------------------------------------------------------------------------------


def test_a_kernel_is_installed_beside_the_old_and_wants_a_reboot(server: ThrowAwayServer) -> None:
    assert not reboot_needed(server)
    done = install(server, ZYPPER, "kernel.noarch=5.1-1")
    assert done.packages == {"kernel.noarch": ["5.0-1", "5.1-1"]}
    assert ZYPPER.problem(done.outputs) == ""
    assert reboot_needed(server)
    server.reboot()
    assert not reboot_needed(server)


def test_an_ordinary_package_wants_no_reboot(server: ThrowAwayServer) -> None:
    install(server, ZYPPER, "weighty.noarch=2.0-1")
    assert not reboot_needed(server)
