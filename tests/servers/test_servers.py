"""The throw-away servers are what other tests take them for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import is_running
from tests.servers.layer import layer
from tests.servers.os_releases import OS_RELEASES, Family
from tests.servers.server import ThrowAwayServer
from tests.waiting import wait_until

REBOOT = ("/usr/bin/sudo", "-n", "--", "/usr/bin/systemctl", "reboot")
HOLDING = """
import sys
from tests.servers.server import ThrowAwayServer
server = ThrowAwayServer.start()
print(server.open(["/usr/bin/sleep", "1000"]).pid, server._process.pid, server._first(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("family", ["apt", "dnf", "zypper"])
def test_a_server_is_of_the_family_that_was_asked_for(family: Family) -> None:
    with ThrowAwayServer.start(family) as server:
        assert server.run(["/usr/bin/cat", "/etc/os-release"]).stdout == OS_RELEASES[family]


def test_a_server_knows_no_package_and_has_each_package_manager(server: ThrowAwayServer) -> None:
    for words in (["/usr/bin/dpkg-query", "-W"], ["/usr/bin/rpm", "-qa"]):
        found = server.run(words)
        assert (found.code, found.stdout) == (0, "")
    for program in ("apt-get", "dnf", "zypper", "createrepo_c", "unattended-upgrade", "visudo"):
        assert server.run(["/bin/sh", "-c", f"command -v {program}"]).code == 0, program


def test_what_a_server_writes_stays_in_it(server: ThrowAwayServer) -> None:
    marked = "/usr/local/throw-away-mark"
    assert server.run(["/usr/bin/touch", marked]).code == 0
    assert (server.root / marked[1:]).exists()
    assert not Path(marked).exists()
    with ThrowAwayServer.start() as other:
        assert not (other.root / marked[1:]).exists()


def test_the_user_may_become_root_for_what_the_sudoers_file_allows(server: ThrowAwayServer) -> None:
    server.set_reboots("held")
    assert server.run(["/usr/bin/sudo", "-n", "--", "/usr/bin/id"], "muster").code == 1
    assert server.run(REBOOT, "muster").code == 0


def test_a_reboot_ends_every_process_and_gives_a_new_boot_id(server: ThrowAwayServer) -> None:
    before = server.boot_id
    sleeping = server.open(["/usr/bin/sleep", "1000"])
    (server.root / "run/reboot-required").touch()
    (server.root / "kept").touch()
    server.run(REBOOT, "muster")
    server.wait_for_boot(before)
    sleeping.communicate()
    shown = server.run(["/usr/bin/cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip()
    assert shown == server.boot_id
    assert server.run(["/usr/bin/ls", "/run/reboot-required", "/kept"]).stdout == "/kept\n"


def test_a_reboot_can_be_held_back_or_fail(server: ThrowAwayServer) -> None:
    before = server.boot_id
    server.set_reboots("fails")
    assert server.run(REBOOT, "muster").code == 1
    server.set_reboots("held")
    assert server.run(REBOOT, "muster").code == 0
    assert server.reboot_asked
    assert server.boot_id == before
    server.reboot()
    assert server.boot_id != before
    assert not server.reboot_asked


def test_a_server_that_was_switched_off_comes_back(server: ThrowAwayServer) -> None:
    server.set_reboots("off")
    first = int(server._first())
    server.run(REBOOT, "muster")
    wait_until(lambda: not is_running(first))
    server.reboot()
    assert server.run(["/usr/bin/true"]).code == 0


def test_nothing_outlives_a_test_that_was_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    left = [int(number) for number in process.stdout.readline().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not any(is_running(one) for one in left))


@pytest.mark.parametrize(
    ("ci", "raised"),
    [
        pytest.param("", pytest.skip.Exception, id="skipped by a developer"),
        pytest.param("true", pytest.fail.Exception, id="failed in CI"),
    ],
)
def test_without_root_it_is_said_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, ci: str, raised: type[BaseException]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(raised, match=r"^Throw-away servers need root, .*run the tests as root"):
        layer.__wrapped__()
