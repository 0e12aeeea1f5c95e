"""What the real sudo says when it refuses a command, and when it only warns."""

from collections.abc import Iterator

import pytest

from shared.adapters.package_managers.detection import MANAGERS
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.ssh.commands import Output
from tests.integration.package_managers.apt_server import APT, apt_server, assess, perform
from tests.servers.os_releases import Family
from tests.servers.repositories.rpm_servers import carry_out, fill, install
from tests.servers.server import ThrowAwayServer

COMMAND = ("/usr/bin/sudo", "-n", "--", "/usr/bin/false")
ALLOWED = "muster ALL=(root) NOPASSWD: /usr/bin/false, /usr/bin/not-there\n"
NAMELESS = "unable to resolve host db-1-nowhere"


def rename(server: ThrowAwayServer) -> None:
    """Give the server a name that neither its files nor any name server knows."""
    assert server.run(["/bin/hostname", "db-1-nowhere"]).code == 0
    for name, text in (
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ):
        file = server.root / "etc" / name
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="ascii")


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("apt") as started:
        rename(started)
        yield started


def ask(server: ThrowAwayServer, sudoers: str, *words: str) -> Output:
    """What sudo answers the user under this file."""
    file = server.root / "etc/sudoers.d/muster"
    file.unlink()
    file.write_text(sudoers, encoding="utf-8")
    file.chmod(0o440)
    return server.run(words or COMMAND, server.user)


REFUSED = {
    "a password is wanted": ("", COMMAND, "a password is required"),
    "another command is allowed": (
        "Defaults:muster !authenticate\nmuster ALL=(root) /usr/bin/true\n", COMMAND, "is not allowed to execute",
    ),
    "no command is allowed": ("Defaults:muster !authenticate\n", COMMAND, "is not in the sudoers file"),
    "another host": (
        "Defaults:muster !authenticate\nmuster elsewhere=(root) ALL\n", COMMAND, "is not allowed to run sudo on",
    ),
    "a terminal is wanted": (f"Defaults:muster requiretty\n{ALLOWED}", COMMAND, "must have a tty"),
    "no such command": (ALLOWED, (*COMMAND[:3], "/usr/bin/not-there"), "command not found"),
}  # fmt: skip


@pytest.mark.parametrize(("sudoers", "words", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_what_sudo_refuses_is_known(
    server: ThrowAwayServer, sudoers: str, words: tuple[str, ...], line: str
) -> None:
    output = ask(server, sudoers, *words)
    assert NAMELESS in output.stderr
    assert line in refusal(output)


def test_a_command_that_fails_below_a_warning_of_sudo_is_not_refused(
    server: ThrowAwayServer,
) -> None:
    output = ask(server, ALLOWED)
    assert output.code == 1
    assert NAMELESS in output.stderr
    assert refusal(output) == ""


@pytest.mark.parametrize("family", ["dnf", "zypper"])
def test_an_install_is_good_where_sudo_can_not_resolve_the_name_of_the_host(family: Family) -> None:
    manager = MANAGERS[family]
    with ThrowAwayServer.start(family) as started:
        fill(started, family)
        rename(started)
        outputs = carry_out(started, *manager.assess())
        assert NAMELESS in outputs["refresh"].stderr
        assert "plain.noarch" in {one.name for one in manager.updates(outputs)}
        done = install(started, manager, "plain.noarch=1.1-1")
        assert (manager.problem(done.outputs), done.packages) == ("", {"plain.noarch": ["1.1-1"]})


def test_a_failure_of_apt_is_explained_where_sudo_can_not_resolve_the_name_of_the_host() -> None:
    with apt_server("failing") as started:
        rename(started)
        outputs = perform(started, APT.install(assess(started)))
        assert NAMELESS in outputs["install"].stderr
        assert "dpkg could not configure failing" in APT.problem(outputs)
