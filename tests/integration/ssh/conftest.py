"""A throw-away server whose user may run a few harmless programs as root, and reboot."""

from collections.abc import Iterator

import pytest

from tests.servers.server import ThrowAwayServer

SUDOERS = """\
Defaults use_pty
muster ALL=(root) NOPASSWD: /usr/bin/id -u, /usr/bin/sleep 1000, /usr/bin/systemctl reboot
"""


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("apt", sudoers=SUDOERS) as started:
        yield started
