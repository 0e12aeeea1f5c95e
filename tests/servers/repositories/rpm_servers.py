"""Servers that have the first release of the rpm packages, and what installs do to them."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

from shared.adapters.package_managers.manager import INSTALL, PackageManager
from shared.adapters.ssh.commands import Output, Step
from shared.domain.updates import Update
from tests.servers.os_releases import Family
from tests.servers.repositories.rpm import build, repositories
from tests.servers.repositories.rpm_content import GO, WAITING, Content, Package
from tests.servers.server import ThrowAwayServer
from tests.waiting import wait_until

FOLDER = Path("/srv/repositories")
_SOURCES: Mapping[Family, str] = {"dnf": "etc/yum.repos.d", "zypper": "etc/zypp/repos.d"}


def fill(server: ThrowAwayServer, family: Family) -> None:
    """Install the first release, point the server to the others, boot it, so that nothing is newer than the boot."""
    folder = server.root / FOLDER.relative_to("/")
    for name in ("first", "ordinary", "updates"):
        shutil.copytree(repositories() / name, folder / name)
    for path, text in _files(family).items():
        (server.root / path).parent.mkdir(parents=True, exist_ok=True)
        (server.root / path).write_text(text, encoding="utf-8")
    packages = sorted((folder / "first").glob("*.rpm"))
    if family == "zypper":  # libzypp holds one architecture of a package
        packages = [package for package in packages if ".i686." not in package.name]
    inside = [str(FOLDER / "first" / package.name) for package in packages]
    done = server.run(["/usr/bin/rpm", "-i", "--nosignature", "--ignorearch", *inside])
    assert done.code == 0, done.stderr
    server.reboot()


def offer(server: ThrowAwayServer, family: Family, *packages: Package) -> None:
    """Let the server have one more repository, with these packages; it has not read it yet."""
    with TemporaryDirectory(prefix="rpm-") as folder:
        build(Path(folder), Content(first=(), updates=packages))
        shutil.copytree(Path(folder, "updates"), server.root / f"{FOLDER}/more".lstrip("/"))
    file = server.root / _SOURCES[family] / "more.repo"
    file.write_text(_repository("more"), encoding="utf-8")


@contextmanager
def boot_remembered(server: ThrowAwayServer) -> Iterator[None]:
    """Keep the time of this boot as dnf knows it, and begin when an install can be later.

    `/proc/1` is as old as the first look at it, until the kernel forgets it; dnf compares whole seconds.
    """
    held = os.open(server.root / "proc/1", os.O_PATH)
    try:
        while int(time.time()) <= int(os.fstat(held).st_mtime):
            time.sleep(0.02)
        yield
    finally:
        os.close(held)


def _files(family: Family) -> Mapping[str, str]:
    """A server's configuration, as Red Hat and SUSE deliver it where they do."""
    described = {
        f"{_SOURCES[family]}/{name}.repo": _repository(name) for name in ("ordinary", "updates")
    }
    return {
        **described,
        # Debian's rpm has a database for each user.
        "etc/rpm/macros": "%_dbpath /var/lib/rpm\n",
        "etc/dnf/dnf.conf": "[main]\ngpgcheck=0\ninstallonly_limit=3\nclean_requirements_on_remove=True\n"
        "best=True\nskip_if_unavailable=False\n",
        "etc/dnf/plugins/local.conf": "[main]\nenabled=0\n",
        "etc/dnf/plugins/versionlock.list": "",
        "etc/zypp/zypp.conf": "[main]\nmultiversion = provides:multiversion(kernel)\n",
        "etc/zypp/needreboot": "kernel\nglibc\n",
    }


def _repository(name: str) -> str:
    return f"[{name}]\nname={name}\nbaseurl=file://{FOLDER}/{name}\nenabled=1\ngpgcheck=0\n"


def wanted(*updates: str) -> tuple[Update, ...]:
    """Updates by `name.architecture=version`, as an assessment lists them."""
    split = (one.split("=") for one in updates)
    return tuple(
        Update(name=name, version=version, classification="Other") for name, version in split
    )


def packages(server: ThrowAwayServer) -> dict[str, list[str]]:
    """What rpm itself says is installed: versions by name."""
    found: dict[str, list[str]] = {}
    done = server.run(["/usr/bin/rpm", "-qa", "--qf", "%{NAME}.%{ARCH} %{EVR}\\n"])
    for line in sorted(done.stdout.splitlines()):
        name, version = line.split()
        found.setdefault(name, []).append(version)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What an install answered, and what it made of the packages: versions by name of those that are not as before."""

    outputs: Mapping[str, Output]
    packages: Mapping[str, list[str]]


def install(server: ThrowAwayServer, manager: PackageManager, *updates: str) -> Changed:
    """Install these with the manager's own steps, and see what became of all packages."""
    before = packages(server)
    outputs = carry_out(server, *manager.install(wanted(*updates)))
    after = packages(server)
    names = sorted({*before, *after})
    changed = {name: after.get(name, []) for name in names if after.get(name) != before.get(name)}
    return Changed(outputs=outputs, packages=changed)


def begin(server: ThrowAwayServer, words: Sequence[str], user: str = "root") -> Popen[bytes]:
    """Begin a command that installs a slow package, and wait until the package's script waits."""
    waiting = server.root / WAITING.removeprefix("/")
    for file in (waiting, server.root / GO.removeprefix("/")):
        file.unlink(missing_ok=True)
    begun = server.open(words, user)
    wait_until(waiting.exists)
    return begun


def begin_install(server: ThrowAwayServer, manager: PackageManager, *updates: str) -> Popen[bytes]:
    """Begin an install of these as the user, and wait until the script of a slow one among them waits."""
    command = next(
        step.command for step in manager.install(wanted(*updates)) if step.name == INSTALL
    )
    return begin(server, ("/usr/bin/sudo", "-n", "--", *command.words), server.user)


def let_go(server: ThrowAwayServer) -> None:
    """Let the script of a slow package end."""
    (server.root / GO.removeprefix("/")).touch()


def carry_out(server: ThrowAwayServer, *steps: Step) -> dict[str, Output]:
    """Run steps one after the other as the user, with real sudo, as a detached task does; outputs by name."""
    outputs: dict[str, Output] = {}
    for step in steps:
        met = (one.step in outputs and outputs[one.step].code in one.codes for one in step.only_if)
        if all(met):
            words = ("/usr/bin/sudo", "-n", "--") if step.command.as_root else ()
            outputs[step.name] = server.run([*words, *step.command.words], server.user)
    return outputs
