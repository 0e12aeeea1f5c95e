"""Real installs by apt on throw-away Debians: what is there afterwards, and what is said when it fails."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.adapters.package_managers.manager import INSTALL
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update
from tests.integration.package_managers.apt_server import (
    APT,
    apt_server,
    assess,
    install,
    only,
    perform,
    run,
    versions,
)
from tests.servers.repositories import deb
from tests.servers.server import ThrowAwayServer
from tests.waiting import wait_until


def failed(outputs: dict[str, Output]) -> bool:
    return bool(APT.problem(outputs))


def test_everything_that_is_listed_can_be_installed_at_once() -> None:
    with apt_server() as server:
        wanted = tuple(one for one in assess(server) if one.name not in ("failing", "slow"))
        outputs = perform(server, APT.install(wanted))
        assert APT.problem(outputs) == ""
        found = APT.installed(outputs)
        newest = {one.name: one.version for one in reversed(wanted)}
        assert {name: "".join(found[name]) for name in newest} == newest
        assert [one.name for one in assess(server)] == ["failing", "slow"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (("webd", "2.4-2"), {"webd": "2.4-2", "tool": "1.0"}),
        (("twice", "2.0"), {"twice": "2.0"}),
        (("app", "2.0"), {"app": "2.0", "libfoo": "2.0"}),
        (("grower", "1.1"), {"grower": "1.1", "newcomer": "1.0"}),
        (("kind", "1.1"), {"kind": "1.1"}),
        (("odd", "1:1.0+dfsg-1~deb12u1+b1"), {"odd": "1:1.0+dfsg-1~deb12u1+b1"}),
        (("calc++", "1.1+"), {"calc++": "1.1+"}),
        (("libwide:i386", "1.1"), {"libwide:i386": "1.1", "libwide": "1.1"}),
    ],
    ids=[
        "nothing but the update", "the security fix below the newest", "with what it needs", "with a new dependency",
        "without what it recommends", "signs in a version", "a plus at the end", "another architecture",
    ],
)  # fmt: skip
def test_an_update_is_installed_with_what_it_needs_and_nothing_else(
    chosen: tuple[str, str], expected: dict[str, str]
) -> None:
    with apt_server() as server:
        before = APT.installed(perform(server, APT.inspect()))
        assess(server)
        update = Update(name=chosen[0], version=chosen[1], classification="Other")
        outputs = perform(server, APT.install([update]))
        assert APT.problem(outputs) == ""
        after = APT.installed(outputs)
        assert versions(outputs, *expected) == expected
        changed = {name for name in after if after[name] != before.get(name)}
        assert changed <= set(expected)


def test_an_install_that_is_repeated_changes_nothing_more() -> None:
    with apt_server("tool") as server:
        wanted = assess(server)
        once, again = (perform(server, APT.install(wanted)) for _ in range(2))
        assert (APT.problem(once), APT.problem(again)) == ("", "")
        assert APT.installed(once) == APT.installed(again)
        assert "0 upgraded" in again[INSTALL].stdout


def test_a_file_that_the_administrator_changed_stays() -> None:
    with apt_server("configured") as server:
        file = server.root / "etc/configured.conf"
        file.write_text("level = 9\n", encoding="ascii")
        outputs = install(server)
        assert (APT.problem(outputs), versions(outputs, "configured")) == (
            "",
            {"configured": "2.0"},
        )
        assert file.read_text(encoding="ascii") == "level = 9\n"


def test_scripts_of_packages_are_told_that_nobody_answers() -> None:
    with apt_server("asking") as server:
        assert not failed(install(server))
        said = (server.root / "var/lib/asking").read_text(encoding="ascii")
        assert said == "noninteractive\n"


@pytest.mark.parametrize(("name", "needed"), [("kernelish", True), ("tool", False)])
def test_a_reboot_is_needed_when_a_package_says_so(name: str, *, needed: bool) -> None:
    with apt_server(name) as server:
        outputs = install(server)
        condition = APT.reboot_needed
        assert (outputs[condition.step].code in condition.codes) is needed
        looked = perform(server, APT.install(()))
        assert (looked[condition.step].code in condition.codes) is needed
        assert INSTALL not in looked


# --- failures ------------------------------------------------------------------------------------


def test_a_package_that_fails_to_configure_is_named_and_the_others_are_installed() -> None:
    with apt_server("failing", "tool") as server:
        outputs = install(server)
        assert APT.problem(outputs) == (
            "apt-get failed: dpkg could not configure failing: installed failing package post-installation "
            "script subprocess returned error exit status 1."
        )
        assert versions(outputs, "failing", "tool") == {"tool": "1.1"}


def test_a_package_that_failed_before_does_not_keep_others_from_being_installed() -> None:
    with apt_server("failing", "tool") as server:
        assert failed(install(server, "failing"))
        outputs = install(server, "tool")
        assert versions(outputs, "failing", "tool") == {"tool": "1.1"}
        assert "dpkg could not configure failing" in APT.problem(outputs)


def test_a_full_disk_is_said_to_be_full() -> None:
    with apt_server("big") as server:
        small = ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=64k", "none", "/opt"]
        assert server.run(["/usr/bin/mkdir", "-p", "/opt"]).code == 0
        assert server.run(small).code == 0
        outputs = install(server)
        assert APT.problem(outputs).startswith("apt-get failed: the disk is full: ")
        assert versions(outputs, "big") == {"big": "1.0"}


@pytest.mark.parametrize(
    ("name", "version", "why"),
    [
        ("pushy", "2.0", "Packages need to be removed but remove is disabled."),
        ("held", "2.0", "Held packages were changed"),
        ("tool", "9", "Version '9' for 'tool' was not found."),
        ("newcomer", "1.0", ""),
        ("odd", "0.1", "Version '0.1' for 'odd' was not found."),
    ],
    ids=[
        "a removal",
        "a held package",
        "a version that is gone",
        "what is not installed",
        "a lower version",
    ],
)
def test_nothing_else_is_ever_changed(name: str, version: str, why: str) -> None:
    with apt_server() as server:
        assess(server)
        before = APT.installed(perform(server, APT.inspect()))
        update = Update(name=name, version=version, classification="Other")
        outputs = perform(server, APT.install([update]))
        assert why in APT.problem(outputs)
        assert APT.installed(outputs) == before


# --- interruptions -------------------------------------------------------------------------------


@contextmanager
def installing_slowly(server: ThrowAwayServer) -> Iterator[subprocess.Popen[bytes]]:
    """Another process's apt-get that installs `slow`, whose script waits for a file."""
    process = server.open(["/usr/bin/apt-get", "-q", "-y", "install", "slow=2.0"])
    try:
        wait_until((server.root / "var/lib/slow-began").exists)
        yield process
    finally:
        (server.root / "var/lib/slow-may-end").touch()
        process.communicate()


def test_a_lock_of_another_process_is_known_and_gone_when_that_ends() -> None:
    with apt_server("slow", "tool") as server:
        steps = APT.install(only(assess(server), "tool"))
        with installing_slowly(server):
            outputs = perform(server, steps)
            assert "another process holds the package manager's lock" in APT.problem(outputs)
            # Each of them is repeated by the task until the lock is free.
            for name in ("check", "configure", "complete", INSTALL):
                assert any(text in outputs[name].stderr for text in APT.locked)
                said = outputs[name].stdout + outputs[name].stderr
                assert not any(text in said for text in APT.began)
            assert versions(outputs, "tool") == {"tool": "1.0"}
        outputs = perform(server, steps)
        assert (APT.problem(outputs), versions(outputs, "slow", "tool")) == (
            "",
            {"slow": "2.0", "tool": "1.1"},
        )


ASKS_APT = """#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
echo ran >> /var/lib/asked
/usr/bin/apt-get -q check
"""


def test_a_lock_that_a_script_asks_for_is_not_held_by_another_process(tmp_path: Path) -> None:
    asking = deb.Deb(name="tool", version="1.2", postinst=ASKS_APT)
    deb.publish([asking], tmp_path / "third", workshop=tmp_path / "workshop")
    with apt_server("tool") as server:
        shutil.copytree(tmp_path / "third", server.root / "srv/third")
        listed = server.root / "etc/apt/sources.list.d/third.list"
        listed.write_text("deb [trusted=yes] file:/srv/third stable main\n", encoding="ascii")
        outputs = install(server)
        said = outputs[INSTALL].stdout + outputs[INSTALL].stderr
        assert any(text in said for text in APT.locked)
        # So the step is not repeated, nor the script.
        assert any(text in said for text in APT.began)
        assert (server.root / "var/lib/asked").read_text(encoding="ascii") == "ran\n"
        assert "dpkg could not configure tool" in APT.problem(outputs)
        # So it is where dpkg mends what was interrupted.
        steps = APT.install([Update(name="tool", version="1.2", classification="Other")])
        mended = run(server, next(step for step in steps if step.name == "configure"))
        assert any(text in mended.stdout + mended.stderr for text in APT.locked)
        assert any(text in mended.stdout + mended.stderr for text in APT.began)


def test_what_a_killed_dpkg_left_is_mended_before_the_install() -> None:
    with apt_server("slow", "tool", "twice") as server:
        wanted = only(assess(server), "tool")
        with installing_slowly(server) as other:
            assert server.run(["/usr/bin/pkill", "-KILL", "-x", "dpkg"]).code == 0
            assert other.wait() == 100
        steps = APT.install(wanted)
        refused = run(server, next(step for step in steps if step.name == INSTALL))
        assert "dpkg was interrupted" in refused.stderr
        assert versions(perform(server, APT.inspect()), "slow") == {}
        outputs = perform(server, steps)
        assert (outputs["check"].code, outputs["configure"].code) == (100, 0)
        assert (APT.problem(outputs), versions(outputs, "slow", "tool")) == (
            "",
            {"slow": "2.0", "tool": "1.1"},
        )


def test_dependencies_that_an_interruption_left_open_are_mended_before_the_install() -> None:
    with apt_server("app", "libfoo", "tool") as server:
        unpacked = "/srv/deb/second/pool/stable-security/app_2.0_all.deb"
        assert server.run(["/usr/bin/dpkg", "--unpack", unpacked]).code == 0
        outputs = install(server, "tool")
        assert (outputs["check"].code, outputs["complete"].code) == (100, 0)
        assert APT.problem(outputs) == ""
        assert versions(outputs, "app", "libfoo", "tool") == {
            "app": "2.0",
            "libfoo": "2.0",
            "tool": "1.1",
        }


def test_nothing_is_mended_where_nothing_is_broken() -> None:
    with apt_server("tool") as server:
        assert {"configure", "complete"}.isdisjoint(install(server))


@pytest.mark.parametrize("victim", ["apt-get", "dpkg"])
def test_an_install_killed_in_the_middle_is_finished_by_the_next(victim: str) -> None:
    with apt_server("slow", "tool", "app", "libfoo") as server:
        wanted = assess(server)
        steps = APT.install(wanted)
        step = next(step for step in steps if step.name == INSTALL)
        process = server.open(["/usr/bin/sudo", "-n", "--", *step.command.words], server.user)
        wait_until((server.root / "var/lib/slow-began").exists)
        kill = ["/usr/bin/pkill", f"-{signal.SIGKILL.value}", "-x", victim]
        assert server.run(kill).code == 0
        (server.root / "var/lib/slow-may-end").touch()
        process.communicate()
        assert process.returncode != 0
        wait_until(lambda: server.run(["/usr/bin/pgrep", "-x", "dpkg"]).code == 1)
        outputs = perform(server, steps)
        assert APT.problem(outputs) == ""
        assert versions(outputs, *(one.name for one in wanted)) == {
            one.name: one.version for one in wanted
        }
