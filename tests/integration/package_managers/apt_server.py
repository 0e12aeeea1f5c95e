"""A throw-away Debian with small packages installed, and Muster's steps for apt run on it as its user."""

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from shared.adapters.package_managers.apt import Apt
from shared.adapters.ssh.commands import Output, Step
from shared.domain.updates import Update
from tests.servers.repositories import deb
from tests.servers.server import ThrowAwayServer

APT = Apt()
ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
SUDO = ("/usr/bin/sudo", "-n", "--")


@cache
def repositories() -> deb.Repositories:
    """Both releases, built once in a run of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="deb-"))
    atexit.register(shutil.rmtree, folder)
    return deb.build(folder / "deb")


@contextmanager
def apt_server(
    *names: str, suites: Sequence[str] = (deb.STABLE, deb.SECURITY)
) -> Iterator[ThrowAwayServer]:
    """A server that has these packages of the first release, all without names; its sources have the second."""
    with ThrowAwayServer.start("apt") as server:
        repositories().fill(server, *names, suites=suites)
        yield server


def perform(server: ThrowAwayServer, steps: Iterable[Step]) -> dict[str, Output]:
    """Run the steps as the task of a job does: one after the other, each under its conditions."""
    outputs: dict[str, Output] = {}
    for step in steps:
        if all(one.step in outputs and outputs[one.step].code in one.codes for one in step.only_if):
            outputs[step.name] = run(server, step)
    return outputs


def run(server: ThrowAwayServer, step: Step) -> Output:
    """One step, as the server's user."""
    words = (*SUDO, *step.command.words) if step.command.as_root else step.command.words
    return server.run(words, server.user, environment=ENVIRONMENT)


def assess(server: ThrowAwayServer) -> tuple[Update, ...]:
    return APT.updates(perform(server, APT.assess()))


def install(server: ThrowAwayServer, *names: str) -> dict[str, Output]:
    """Install what the assessment lists of these packages, everything without names."""
    return perform(server, APT.install(only(assess(server), *names)))


def only(updates: Iterable[Update], *names: str) -> tuple[Update, ...]:
    return tuple(one for one in updates if not names or one.name in names)


def versions(outputs: Mapping[str, Output], *names: str) -> dict[str, str]:
    """What is installed of these packages."""
    found = APT.installed(outputs)
    return {name: "".join(found[name]) for name in names if name in found}
