"""A server of each family, with the first release of small packages installed and the second one offered."""

from collections.abc import Iterator

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


@pytest.fixture
def server(request: pytest.FixtureRequest, debs: deb.Repositories) -> Iterator[ThrowAwayServer]:
    """One of the family that the test is parametrized with, apt unless it says so."""
    family: Family = getattr(request, "param", "apt")
    with ThrowAwayServer.start(family) as started:
        if family == "apt":
            debs.fill(started)
        else:
            rpm_servers.fill(started, family)
        yield started
