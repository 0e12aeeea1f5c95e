"""A throw-away server for each test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.servers.server import ThrowAwayServer


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    """One of Debian's kind, whose user may reboot it."""
    allowed = "muster ALL=(root) NOPASSWD: /usr/bin/systemctl reboot\n"
    with ThrowAwayServer.start("apt", sudoers=allowed) as started:
        yield started
