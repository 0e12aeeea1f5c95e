"""Python processes of a benchmark: started, asked for their memory, ended."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localhost.stage import ROOT

_PATIENCE_SECONDS = 20
_MEMORY = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a process holds of the machine's memory, in MiB: its highest so far, and now."""

    peak: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process that has said its address."""

    pid: int
    url: str

    def memory(self) -> Memory:
        """As the kernel tells it; Linux only."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        held = {name: int(kib) / 1024 for name, kib in _MEMORY.findall(text)}
        return Memory(peak=held["VmHWM"], now=held["VmRSS"])


@contextmanager
def started(module: str, *arguments: str, log: Path) -> Iterator[Started]:
    """Run `python -m module`, whose first line is its address, until leaving; what it complains of goes to *log*."""
    with log.open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
    with process:
        try:
            yield Started(pid=process.pid, url=_first_line(process, log))
        finally:
            _end(process)


def _first_line(process: subprocess.Popen[bytes], log: Path) -> str:
    line = process.stdout.readline().decode().strip() if process.stdout else ""
    if not line.startswith("http"):
        raise RuntimeError(f"no address but {line!r}: {log.read_text(encoding='utf-8')[-2000:]}")
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
