"""`infra/sudoers/muster-apt` allows each command that Muster runs as root, and nothing that is like one."""

import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.package_managers.manager import INSTALL
from shared.domain.updates import Update
from tests.integration.package_managers.apt_server import (
    APT,
    ENVIRONMENT,
    SUDO,
    apt_server,
    assess,
    versions,
)
from tests.servers.server import ThrowAwayServer

FILE = Path(__file__).parents[3] / "infra" / "sudoers" / "muster-apt"
ANY = (Update(name="web", version="1", classification="Other"),)
INSTALLING = next(step for step in APT.install(ANY) if step.name == INSTALL).command.words[:-1]
SIMULATING = APT.simulate(ANY, name="simulated").command.words[:-1]

NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}(:[a-z0-9]{2,8})?", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][A-Za-z0-9.+~-]{0,20}[A-Za-z0-9.+~]", fullmatch=True)
UPDATES = st.lists(
    st.builds(Update, name=NAMES, version=VERSIONS, classification=st.just("Other")),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("apt") as started:
        yield started


def allows(server: ThrowAwayServer, *words: str) -> bool:
    """Whether sudo says that the user may run this as root."""
    listed = ("/usr/bin/sudo", "-n", "-l", "--", *words)
    return server.run(listed, server.user).code == 0


def test_the_file_is_one_of_sudoers() -> None:
    checked = subprocess.run(
        ["/usr/sbin/visudo", "-cf", str(FILE)], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_each_command_that_needs_root_is_allowed(server: ThrowAwayServer) -> None:
    steps = (*APT.assess(), APT.simulate(ANY, name="simulated"), *APT.install(ANY))
    commands = [step.command.words for step in steps if step.command.as_root]
    assert len(commands) == 9
    assert [words for words in commands if not allows(server, *words)] == []
    assert allows(server, "/usr/bin/systemctl", "reboot")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(updates=UPDATES)
def test_whatever_packages_are_called_they_may_be_installed(
    server: ThrowAwayServer, updates: Sequence[Update]
) -> None:
    steps = (APT.simulate(updates, name="simulated"), *APT.install(updates))
    for step in steps:
        assert not step.command.as_root or allows(server, *step.command.words)


ATTACKS = {
    "an option": ("tool=1", "-oDPkg::Pre-Invoke::=reboot"),
    "an option first": ("-oDPkg::Pre-Invoke::=reboot", "tool=1"),
    "a long option": ("--allow-downgrades", "tool=1"),
    "an option within a word": ("tool=1 -oDPkg::Pre-Invoke::=reboot",),
    "a removal": ("tool-",),
    "a removal among others": ("web=1", "tool-", "app=2"),
    "a version that is a removal": ("tool=1-",),
    "a file beside": ("./evil.deb",),
    "a file": ("/home/muster/evil.deb",),
    "a file after a package": ("tool=1", "home/evil.deb"),
    "a suite": ("tool/unstable",),
    "a task": ("server^",),
    "a star": ("*",),
    "a pattern": ("to?l",),
    "a set": ("[a-z]ool",),
    "apt's pattern": ("~U",),
    "apt's long pattern": ("?upgradable",),
    "a line break": ("tool=1\n/usr/bin/reboot",),
    "a tab": ("tool=1\t-o",),
    "a semicolon": ("tool=1;reboot",),
    "a substitution": ("$(reboot)",),
    "an empty word among others": ("tool=1", "", "app=2"),
    "a letter that is none of ours": ("töol",),
    "a backslash": ("tool\\",),
    "a comma": ("tool,app",),
}


@pytest.mark.parametrize("prefix", [INSTALLING, SIMULATING], ids=["install", "simulate"])
@pytest.mark.parametrize("words", ATTACKS.values(), ids=ATTACKS.keys())
def test_nothing_else_may_stand_where_packages_do(
    server: ThrowAwayServer, prefix: Sequence[str], words: Sequence[str]
) -> None:
    assert allows(server, *prefix, "tool=1")
    assert not allows(server, *prefix, *words)


APT_GET = "/usr/bin/apt-get"
OTHERS = {
    "no command": (APT_GET,),
    "another command": (APT_GET, "remove", "tool"),
    "an install of another form": (APT_GET, "-y", "install", "tool=1"),
    "words in another order": (APT_GET, *INSTALLING[2:3], *INSTALLING[1:2], *INSTALLING[3:], "tool=1"),
    "a word less": (*INSTALLING[:3], *INSTALLING[4:], "tool=1"),
    "removals not forbidden": (*(word for word in INSTALLING if word != "--no-remove"), "tool=1"),
    "no end of options": (*INSTALLING[:-1], "tool=1"),
    "a removal in its place": (*("remove" if word == "install" else word for word in INSTALLING), "tool=1"),
    "a simulation that is none": (*(word for word in SIMULATING if word != "-s"), "tool=1"),
    "more after a fixed command": (APT_GET, "-q", "check", "-oDPkg::Pre-Invoke::=reboot"),
    "another release": tuple(word.replace("*-", "x -") for word in APT.assess()[2].command.words),
    "an option in the release": tuple(
        word.replace("*-", "x -oDPkg::Pre-Invoke::=reboot -") for word in APT.assess()[2].command.words
    ),
    "a changelog, which is shown by a pager": (APT_GET, "changelog", "tool"),
    "dpkg's install": ("/usr/bin/dpkg", "-i", "/home/muster/evil.deb"),
    "dpkg's configure of one": ("/usr/bin/dpkg", "--force-confold", "--configure", "tool"),
    "another apt": ("/usr/bin/apt", *INSTALLING[1:], "tool=1"),
    "another order to systemd": ("/usr/bin/systemctl", "poweroff"),
    "a shell": ("/bin/sh",),
}  # fmt: skip


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS.keys())
def test_no_other_command_is_allowed(server: ThrowAwayServer, words: Sequence[str]) -> None:
    assert not allows(server, *words)


def merged(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every way to hand several words over as one: sudo, which sees them joined by spaces, can't tell."""
    for cuts in product((False, True), repeat=len(words) - 1):
        found = [words[0]]
        for cut, word in zip(cuts, words[1:], strict=True):
            found = [*found, word] if cut else [*found[:-1], f"{found[-1]} {word}"]
        if len(found) < len(words):
            yield tuple(found)


def test_words_that_hide_in_others_do_not_change_what_an_install_does() -> None:
    with apt_server("tool", "configured") as server:
        assess(server)
        tried = 0
        for words in merged((*INSTALLING[1:], "configured=2.0")):
            assert allows(server, APT_GET, *words)
            server.run([APT_GET, *words])
            tried += 1
        assert tried == 2 ** (len(INSTALLING) - 1) - 1
        packages = {step.name: server.run(step.command.words) for step in APT.inspect()}
        assert versions(packages, "configured", "tool") == {"configured": "1.0", "tool": "1.0"}


def test_of_the_environment_only_two_settings_are_kept_and_only_with_their_values() -> None:
    shown = FILE.read_text(encoding="utf-8") + "muster ALL=(root) NOPASSWD: /usr/bin/env\n"
    hostile = {"DEBIAN_FRONTEND": "editor", "APT_CONFIG": "/home/muster/evil", "EDITOR": "/bin/sh"}
    with ThrowAwayServer.start("apt", sudoers=shown) as server:
        words = (*SUDO, "/usr/bin/env")
        kept = server.run(words, server.user, environment=ENVIRONMENT).stdout.splitlines()
        assert {"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"} <= set(kept)
        refused = server.run(words, server.user, environment=hostile).stdout
        assert not any(name in refused for name in hostile)
