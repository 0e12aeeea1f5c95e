"""What the sudoers files for dnf and zypper let Muster's user do as root, asked of the real sudo."""

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.package_managers.dnf import Dnf
from shared.adapters.package_managers.manager import PackageManager
from shared.adapters.package_managers.zypper import Zypper
from shared.adapters.ssh.commands import Step
from shared.domain.updates import Update
from tests.servers.os_releases import Family
from tests.servers.repositories.rpm_servers import carry_out, fill, packages, wanted
from tests.servers.server import ThrowAwayServer

MANAGERS: tuple[PackageManager, ...] = (Dnf(), Zypper())
SUDOERS = Path(__file__).parents[3] / "infra" / "sudoers"
SUDO, USER = "/usr/bin/sudo", ThrowAwayServer.user

_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,12}", fullmatch=True)
_PIECES = st.from_regex(r"[A-Za-z0-9_.+~^]{1,8}", fullmatch=True)
_ARCHITECTURES = st.sampled_from(["noarch", "x86_64", "i686", "aarch64", "s390x", "ppc64le"])
UPDATES = st.builds(
    lambda name, architecture, epoch, version, release: Update(
        name=f"{name}.{architecture}",
        version=f"{epoch}{version}-{release}",
        classification="Other",
    ),
    _NAMES,
    _ARCHITECTURES,
    st.sampled_from(["", "1:", "12:"]),
    _PIECES,
    _PIECES,
)
REAL = [
    ("gcc-c++.x86_64", "11.4.1-3.el9"),
    ("bind-utils.x86_64", "32:9.16.23-18.el9_4.6"),
    ("java-1.8.0-openjdk-headless.x86_64", "1:1.8.0.432.b06-2.el9"),
    ("kernel-default.x86_64", "5.14.21-150500.55.83.1"),
    ("patterns-base-minimal_base.x86_64", "20241218+leap-lp160.1.1"),
    ("python3-zipp.noarch", "0.6.0~rc1^git5-150100.3.5.1"),
    ("_x.noarch", "1-1"),
]
# Words in the place of a package, or after one.
ATTACKS = [
    "-y",
    "--setopt=pluginpath=/tmp/x",
    "--installroot=/tmp/x",
    "--root=/tmp/x",
    "-c/tmp/x",
    "--repofrompath=x,/tmp/x",
    "--plus-repo=/tmp/x",
    "/srv/x-1-1.noarch.rpm",
    "./x-1-1.noarch.rpm",
    "x-1-1.noarch.rpm",
    "x.rpm",
    "https://example.org/x.noarch.rpm",
    "file:x-1-1.noarch.rpm",
    "ftp:x",
    "@core",
    "@*",
    "*",
    "a*",
    "a?",
    "[a-z]",
    "!victim",
    "~victim",
    "-victim",
    "+victim",
    "pattern:x",
    "product:x",
    "patch:x",
    "srcpackage:x",
    "a;id",
    "$(id)",
    "a>b",
    "a,b",
    "a#b",
    "a\\b",
    "a'b",
    'a"b',
    "a\tb",
    "a\nb",
    "bäsh",
    "",
]
UPDATE = (
    "/usr/bin/zypper --non-interactive --xmlout update --no-recommends --no-force-resolution "
    "--auto-agree-with-licenses --download in-advance"
)
SO = "--setopt=exit_on_lock=True --setopt=install_weak_deps=False --setopt=best=False"
# Whole commands that are like those that are allowed.
OTHERS = [
    "/usr/bin/dnf -y install bash-5-1.x86_64",
    "/usr/bin/dnf -y remove bash-5-1.x86_64",
    "/usr/bin/dnf -y upgrade bash-5-1.x86_64 --setopt=best=False",
    f"/usr/bin/dnf -y upgrade {SO}",
    f"/usr/bin/dnf -y upgrade '' {SO}",
    f"/usr/bin/dnf -y upgrade bash-5-1.x86_64 {SO} {SO}",
    f"/usr/bin/dnf -y upgrade bash-5-1.x86_64 {SO} shell",
    f"/usr/bin/dnf -y upgrade bash-5-1.x86_64 --setopt=pluginpath=/x {SO}",
    f"/usr/bin/dnf -y downgrade bash-5-1.x86_64 {SO}",
    f"/usr/bin/dnf -y {SO} upgrade bash-5-1.x86_64",
    f"/usr/bin/dnf -y --setopt=pluginpath=/x upgrade bash-5-1.x86_64 {SO}",
    "/usr/bin/dnf shell /tmp/x",
    "/usr/bin/dnf",
    "/usr/bin/dnf -q -C --setopt=exit_on_lock=True check-update --setopt=pluginpath=/tmp/x",
    "/usr/bin/dnf -q --setopt=exit_on_lock=True --setopt=x.skip_if_unavailable=False makecache --refresh",
    "/bin/sh -c id",
    "/bin/sh",
    "/usr/bin/rpm -U x.rpm",
    "/usr/bin/zypper --non-interactive --xmlout install -- a.noarch=1-1",
    "/usr/bin/zypper --non-interactive --xmlout remove -- a.noarch=1-1",
    "/usr/bin/zypper --non-interactive --xmlout --root /tmp/x update --no-recommends -- a.noarch=1-1",
    UPDATE,
    f"{UPDATE} --",
    "/usr/bin/zypper --non-interactive --xmlout refresh --force",
    "/usr/bin/zypper addrepo /tmp/x x",
    "/usr/bin/zypper",
    "/usr/bin/systemctl reboot --force",
    "/usr/bin/systemctl stop sshd",
    "/usr/bin/systemctl",
]


@pytest.fixture(scope="module", params=MANAGERS, ids=lambda one: one.name)
def manager(request: pytest.FixtureRequest) -> PackageManager:
    found: PackageManager = request.param
    return found


@pytest.fixture(scope="module")
def server(manager: PackageManager) -> Iterator[ThrowAwayServer]:
    sudoers = (SUDOERS / f"muster-{manager.name}").read_text(encoding="utf-8")
    with ThrowAwayServer.start(sudoers=sudoers) as started:
        yield started


def is_allowed(server: ThrowAwayServer, words: Sequence[str]) -> bool:
    """Whether the user may run it as root without a password; sudo itself decides."""
    return server.run([SUDO, "-n", "-l", "-U", USER, "--", *words]).code == 0


def changes(manager: PackageManager, updates: Sequence[Update]) -> list[tuple[str, ...]]:
    """Every command with names that Muster runs as root for these."""
    steps = (manager.simulate(updates, name="simulate"), *manager.install(updates))
    return [step.command.words for step in steps if step.command.as_root]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The words of a command before and after the names of packages, and one such name."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    name: str

    def naming(self, *names: str) -> tuple[str, ...]:
        return (*self.before, *names, *self.after)


def around(manager: PackageManager) -> list[Around]:
    """The two commands that take names, what only looks first."""
    found = []
    for words, others in zip(
        *(changes(manager, wanted(f"{one}.noarch=1-1")) for one in "ab"), strict=True
    ):
        differing = [
            at for at, pair in enumerate(zip(words, others, strict=True)) if len({*pair}) > 1
        ]
        found += [
            Around(before=words[:at], after=words[at + 1 :], name=words[at]) for at in differing
        ]
    assert len(found) == 2
    return found


def names_of(manager: PackageManager, update: str) -> list[str]:
    """The word by which each of the two commands is told of this update, `name.architecture=version`."""
    found = zip(around(manager), changes(manager, wanted(update)), strict=False)
    return [words[len(command.before)] for command, words in found]


@pytest.mark.parametrize("manager", MANAGERS, ids=lambda one: one.name)
def test_the_file_is_one_that_sudo_takes(manager: PackageManager) -> None:
    file = SUDOERS / f"muster-{manager.name}"
    words = ["visudo", "--check", "--strict", "--file", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("manager", MANAGERS, ids=lambda one: one.name)
def test_the_file_has_no_regular_expressions_that_old_sudo_lacks(manager: PackageManager) -> None:
    text = (SUDOERS / f"muster-{manager.name}").read_text(encoding="utf-8")
    assert not re.search(r"(?:^|\s)\^|\$(?:,|\s*$)", text, re.MULTILINE)


def test_every_command_of_muster_is_allowed(
    server: ThrowAwayServer, manager: PackageManager
) -> None:
    updates = [Update(name=name, version=version, classification="Other") for name, version in REAL]
    steps: list[Step] = [*manager.assess(), *manager.inspect(), *manager.install(updates)]
    commands = [step.command.words for step in steps if step.command.as_root]
    assert len(commands) >= 6
    for words in [*commands, *changes(manager, updates), ("/usr/bin/systemctl", "reboot")]:
        assert is_allowed(server, words), shlex.join(words)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(updates=st.lists(UPDATES, min_size=1, max_size=5, unique_by=lambda one: one.name))
def test_every_package_that_rpm_could_name_is_allowed(
    server: ThrowAwayServer, manager: PackageManager, updates: list[Update]
) -> None:
    for words in changes(manager, updates):
        assert is_allowed(server, words), shlex.join(words)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_packages_stands_for_packages(
    server: ThrowAwayServer, manager: PackageManager, attack: str
) -> None:
    for command in around(manager):
        good = command.name
        assert is_allowed(server, command.naming(good))
        assert not is_allowed(server, command.naming(attack))
        assert not is_allowed(server, command.naming(good, attack))
        assert not is_allowed(server, command.naming(good, attack, good))
        assert not is_allowed(server, command.naming(attack, good))


@pytest.mark.parametrize("command", OTHERS)
def test_no_other_command_is_allowed(server: ThrowAwayServer, command: str) -> None:
    assert not is_allowed(server, shlex.split(command))


def test_options_of_an_allowed_command_keep_their_order(
    server: ThrowAwayServer, manager: PackageManager
) -> None:
    for step in (*manager.assess(), *manager.inspect()):
        words = step.command.words
        if step.command.as_root and len(words) > 2 and words[1] != words[2]:
            swapped = (words[0], words[2], words[1], *words[3:])
            assert not is_allowed(server, swapped), shlex.join(swapped)
            assert not is_allowed(server, (*words, "--setopt=pluginpath=/tmp/x"))


def test_the_user_may_do_it_and_nobody_else(server: ThrowAwayServer) -> None:
    words = [SUDO, "-n", "-l", "-U", "nobody", "--", "/usr/bin/systemctl", "reboot"]
    assert server.run(words).code != 0


# --- words that hide in others --------------------------------------------------------------------

# sudo compares words joined by spaces: what it allows may be cut into words in another way. A name of a package may be
# the name of a command, too, which would take the place of a command that got lost: `shell` is asked for all the rest.
TYPED = b"install brand-new\nremove victim\nts run\nrun\ncommit\n"


def merged(words: Sequence[str], *, runs: int) -> Iterator[tuple[str, ...]]:
    """Every way to hand up to so many runs of the words over as one word each."""
    for cuts in product((False, True), repeat=len(words) - 1):
        found = [[words[0]]]
        for is_cut, word in zip(cuts, words[1:], strict=True):
            found = [*found, [word]] if is_cut else [*found[:-1], [*found[-1], word]]
        if 0 < sum(len(one) > 1 for one in found) <= runs:
            yield tuple(" ".join(one) for one in found)


@pytest.fixture(scope="module")
def filled(manager: PackageManager) -> Iterator[ThrowAwayServer]:
    family: Family = "dnf" if manager.name == "dnf" else "zypper"
    with ThrowAwayServer.start(family) as started:
        fill(started, family)
        carry_out(started, manager.assess()[0])
        yield started


@pytest.mark.parametrize(
    ("hidden", "runs"),
    [
        # What is typed into it installs and removes; where it is swallowed, everything is upgraded.
        pytest.param("shell", 2, id="shell"),
        pytest.param("remove {}", 1, id="remove"),
    ],
)
def test_only_named_packages_are_upgraded_however_the_words_are_cut(
    filled: ThrowAwayServer, manager: PackageManager, hidden: str, runs: int
) -> None:
    before = packages(filled)
    for command, name in zip(around(manager), names_of(manager, "plain.noarch=1.1-1"), strict=True):
        program, *fixed = command.naming(*hidden.format(name).split())
        for words in merged(fixed, runs=runs):
            assert is_allowed(filled, (program, *words)), shlex.join(words)
            filled.run([SUDO, "-n", "--", program, *words], USER, data=TYPED)
            after = packages(filled)
            upgraded = {"plain.noarch": ["1.1-1"]} if "{}" in hidden else {}
            assert after in (before, {**before, **upgraded}), shlex.join(words)


def test_fixed_commands_change_nothing_however_their_words_are_cut(
    filled: ThrowAwayServer, manager: PackageManager
) -> None:
    before = packages(filled)
    tried = 0
    for step in (*manager.assess(), *manager.inspect()):
        program, *fixed = step.command.words
        for words in merged(fixed, runs=1) if step.command.as_root else ():
            assert is_allowed(filled, (program, *words)), shlex.join(words)
            filled.run([SUDO, "-n", "--", program, *words], USER, data=TYPED)
            tried += 1
    assert tried > 10
    assert packages(filled) == before


def test_the_question_for_a_reboot_runs_nothing_else_however_it_is_cut(
    filled: ThrowAwayServer, manager: PackageManager
) -> None:
    before = packages(filled)
    for step in manager.inspect():
        if step.command.as_root and step.command.words[0] == "/bin/sh":
            parts = step.command.words[-1].split(" ")
            for at in range(1, len(parts)):
                words = ("/bin/sh", "-c", " ".join(parts[:at]), *parts[at:])
                filled.run([SUDO, "-n", "--", *words], USER, data=b"touch /root/taken-over\n")
    assert packages(filled) == before
    assert not (filled.root / "root/taken-over").exists()
