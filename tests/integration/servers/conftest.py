"""A server of each family, with the first release of small packages installed and the second one offered."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.os_releases import Family
from tests.servers.repositories import deb, rpm_servers
from tests.servers.server import ThrowAwayServer


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> deb.Repositories:
    """Both releases of the Debian packages."""
    folder = tmp_path_factory.mktemp("debs")
    folder.chmod(0o755)  # the user of the server reads it too
    return deb.build(folder)


@contextmanager
def filled(family: Family, debs: deb.Repositories, *names: str) -> Iterator[ThrowAwayServer]:
    """A server of that family that can be patched; *names* are the packages of one with apt, all of them without."""
    with ThrowAwayServer.start(family) as started:
        if family == "apt":
            debs.fill(started, *names)
            yield started
            return
        rpm_servers.fill(started, family)
        with rpm_servers.boot_remembered(started):
            yield started


@pytest.fixture
def server(request: pytest.FixtureRequest, debs: deb.Repositories) -> Iterator[ThrowAwayServer]:
    """One of the family that the test is parametrized with, apt unless it says so."""
    with filled(getattr(request, "param", "apt"), debs) as started:
        yield started
