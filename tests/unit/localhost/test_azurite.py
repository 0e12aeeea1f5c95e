import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient

from localhost.azurite import ROOT, AzuriteError, Ports, _command, start_azurite
from tests.processes import is_running

_CHILD = """
import sys
from pathlib import Path
from localhost.azurite import Lifetime, start_azurite
running = start_azurite(Path(sys.argv[1]), lifetime=Lifetime[sys.argv[2]])
print(running.pid, flush=True)
sys.stdin.read()
"""


def _ends_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def _start_and_kill_the_parent(folder: Path, lifetime: str) -> int:
    command = [sys.executable, "-c", _CHILD, str(folder), lifetime]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    return pid


def test_tables_and_queues_outlive_a_stop(tmp_path: Path) -> None:
    with start_azurite(tmp_path) as first:
        with QueueClient.from_connection_string(first.connection_string, "kept") as queue:
            queue.create_queue()
            queue.send_message("still here")
        with TableServiceClient.from_connection_string(first.connection_string) as tables:
            tables.create_table("Kept").close()
    with start_azurite(tmp_path) as second:
        with QueueClient.from_connection_string(second.connection_string, "kept") as queue:
            message = queue.receive_message()
        with TableServiceClient.from_connection_string(second.connection_string) as tables:
            names = [table.name for table in tables.list_tables()]
    assert message is not None
    assert (message.content, names) == ("still here", ["Kept"])
    assert not is_running(second.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_stops_when_its_parent_was_killed(tmp_path: Path) -> None:
    assert _ends_within(60, _start_and_kill_the_parent(tmp_path, "WITH_PARENT"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_independent_one_outlives_its_parent(tmp_path: Path) -> None:
    pid = _start_and_kill_the_parent(tmp_path, "INDEPENDENT")
    try:
        assert not _ends_within(0.5, pid)
    finally:
        os.kill(pid, signal.SIGTERM)
        assert _ends_within(60, pid)


def test_ctrl_c_in_the_terminal_does_not_reach_it() -> None:
    with start_azurite() as running:
        assert os.getsid(running.pid) != os.getsid(0)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AzuriteError, match=f"EADDRINUSE.*{port}"):
            start_azurite(tmp_path, ports=Ports(queue=port))


def test_without_an_installation_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AzuriteError, match="run `make setup`"):
        _command(root=tmp_path)
