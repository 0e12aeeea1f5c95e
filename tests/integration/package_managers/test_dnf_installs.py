"""What a real dnf does with Muster's installs: exact versions, failures, locks, deaths, and the need of a reboot."""

from collections.abc import Iterator

import pytest

from shared.adapters.package_managers.dnf import Dnf
from tests.servers.repositories.rpm_servers import (
    begin_install,
    boot_remembered,
    carry_out,
    fill,
    install,
    let_go,
    packages,
)
from tests.servers.server import ThrowAwayServer

DNF = Dnf()


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("dnf") as started:
        fill(started, "dnf")
        with boot_remembered(started):
            carry_out(started, DNF.assess()[0])
            yield started


def reboot_needed(server: ThrowAwayServer) -> bool:
    output = carry_out(server, *DNF.inspect())[DNF.reboot_needed.step]
    return output.code in DNF.reboot_needed.codes


# --- exactly what was chosen ----------------------------------------------------------------------


def test_exactly_the_chosen_versions_are_installed(server: ThrowAwayServer) -> None:
    done = install(
        server,
        DNF,
        "layered.noarch=1.1-1",
        "deep.noarch=1.9-1",
        "odd.noarch=1:1.0^git5-1",
        "both.i686=2.0-1",
        "both.x86_64=2.0-1",
    )
    assert done.packages == {
        "both.i686": ["2.0-1"],
        "both.x86_64": ["2.0-1"],
        "deep.noarch": ["1.9-1"],
        "layered.noarch": ["1.1-1"],
        "odd.noarch": ["1:1.0^git5-1"],
    }
    assert DNF.problem(done.outputs) == ""
    found = DNF.installed(done.outputs)
    assert {name: sorted(versions) for name, versions in found.items()} == packages(server)


def test_what_an_update_needs_comes_along_and_what_it_recommends_does_not(
    server: ThrowAwayServer,
) -> None:
    done = install(server, DNF, "app.noarch=2.0-1", "grows.noarch=2.0-1")
    assert done.packages == {
        "app.noarch": ["2.0-1"],
        "brand-new.noarch": ["1.0-1"],
        "grows.noarch": ["2.0-1"],
        "libfoo.noarch": ["2.0-1"],
    }


def test_of_two_versions_of_a_package_the_newest_is_installed(server: ThrowAwayServer) -> None:
    done = install(server, DNF, "deep.noarch=1.10-1", "deep.noarch=1.9-1")
    assert done.packages == {"deep.noarch": ["1.10-1"]}


def test_a_configuration_that_the_administrator_changed_stays(server: ThrowAwayServer) -> None:
    file = server.root / "etc/conf.conf"
    file.write_text("the administrator's\n", encoding="utf-8")
    assert install(server, DNF, "conf.noarch=2.0-1").packages == {"conf.noarch": ["2.0-1"]}
    assert file.read_text(encoding="utf-8") == "the administrator's\n"
    assert file.with_name("conf.conf.rpmnew").exists()


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        pytest.param("stuck.noarch=2.0-1", "nothing provides what-nobody-has", id="not to be had"),
        pytest.param("greedy.noarch=2.0-1", "conflicts with victim", id="needs a removal"),
        pytest.param("held.noarch=2.0-1", "held-2.0-1.noarch can't be had", id="locked meanwhile"),
        pytest.param("brand-new.noarch=1.0-1", "brand-new", id="not installed"),
    ],
)
def test_what_can_not_be_installed_is_left_out_and_said(
    server: ThrowAwayServer, update: str, reason: str
) -> None:
    (server.root / "etc/dnf/plugins/versionlock.list").write_text("held-0:1.0-*\n", "utf-8")
    done = install(server, DNF, update, "plain.noarch=1.1-1")
    assert done.packages == {"plain.noarch": ["1.1-1"]}
    assert reason in DNF.problem(done.outputs)


def test_no_package_goes_back_to_a_lower_version(server: ThrowAwayServer) -> None:
    install(server, DNF, "layered.noarch=1.2-1")
    assert install(server, DNF, "layered.noarch=1.1-1").packages == {}


# --- failures -------------------------------------------------------------------------------------


def test_a_package_that_fails_is_said_and_the_others_are_installed(server: ThrowAwayServer) -> None:
    done = install(server, DNF, "fails-before.noarch=2.0-1", "weighty.noarch=2.0-1")
    assert done.packages == {"weighty.noarch": ["2.0-1"]}
    assert "fails-before-2.0-1.noarch" in DNF.problem(done.outputs)


def test_a_package_whose_last_script_fails_is_installed_and_said(server: ThrowAwayServer) -> None:
    done = install(server, DNF, "fails-after.noarch=2.0-1")
    assert done.packages == {"fails-after.noarch": ["2.0-1"]}
    assert "%post of fails-after-2.0-1.noarch" in DNF.problem(done.outputs)


def test_a_full_disk_is_said(server: ThrowAwayServer) -> None:
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=4k", "full", "/usr/share/muster"]
    assert server.run(mount).code == 0
    server.run(["/usr/bin/dd", "if=/dev/zero", "of=/usr/share/muster/x", "bs=4k", "count=1"])
    done = install(server, DNF, "weighty.noarch=2.0-1")
    assert done.packages == {}
    assert "the disk is full" in DNF.problem(done.outputs)


# --- deaths ---------------------------------------------------------------------------------------


def test_a_dnf_that_dies_before_a_package_leaves_it_as_it_was(server: ThrowAwayServer) -> None:
    dying = begin_install(server, DNF, "slow.noarch=2.0-1")
    server.run(["/usr/bin/pkill", "-KILL", "dnf"])
    dying.communicate()
    let_go(server)
    assert packages(server)["slow.noarch"] == ["1.0-1"]
    again = install(server, DNF, "slow.noarch=2.0-1")
    assert again.packages == {"slow.noarch": ["2.0-1"]}
    assert DNF.problem(again.outputs) == ""


def test_packages_that_a_dying_dnf_left_twice_are_reported(server: ThrowAwayServer) -> None:
    dying = begin_install(server, DNF, "slow-after.noarch=2.0-1", "better.noarch=2.0-1")
    server.run(["/usr/bin/pkill", "-KILL", "dnf"])
    dying.communicate()
    let_go(server)
    assert packages(server)["slow-after.noarch"] == ["1.0-1", "2.0-1"]
    again = install(server, DNF, "slow-after.noarch=2.0-1", "plain.noarch=1.1-1")
    assert again.packages == {"plain.noarch": ["1.1-1"]}
    assert DNF.installed(again.outputs)["slow-after.noarch"] == {"1.0-1", "2.0-1"}
    said = DNF.problem(again.outputs)
    assert "slow-after-1.0-1.noarch beside slow-after-2.0-1.noarch" in said
    # The command that is named there does mend it.
    mended = server.run(["/usr/bin/dnf", "-y", "remove", "--duplicates"])
    assert mended.code == 0, mended.stderr
    assert packages(server)["slow-after.noarch"] == ["2.0-1"]


# --- reboot ---------------------------------------------------------------------------------------


def test_a_kernel_is_installed_beside_the_old_and_wants_a_reboot(server: ThrowAwayServer) -> None:
    assert not reboot_needed(server)
    done = install(server, DNF, "kernel.noarch=5.1-1")
    assert done.packages == {"kernel.noarch": ["5.0-1", "5.1-1"]}
    assert DNF.problem(done.outputs) == ""
    assert reboot_needed(server)
    server.reboot()
    assert not reboot_needed(server)


def test_an_ordinary_package_wants_no_reboot(server: ThrowAwayServer) -> None:
    install(server, DNF, "weighty.noarch=2.0-1")
    assert not reboot_needed(server)


def test_a_server_that_can_not_tell_is_not_rebooted_and_says_so(server: ThrowAwayServer) -> None:
    plugin = "/usr/lib/python3/dist-packages/dnf-plugins/needs_restarting.py"
    assert server.run(["/usr/bin/rm", plugin]).code == 0
    done = install(server, DNF, "kernel.noarch=5.1-1")
    assert not reboot_needed(server)
    assert "dnf-plugins-core" in DNF.problem(done.outputs)
