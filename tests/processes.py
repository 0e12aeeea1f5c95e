"""`python -m localhost` as the operating system sees it: a process with children, output, signals and an exit code."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localhost.stage import ROOT

PATIENCE = 180.0
"""Seconds, for a whole program on a machine that has much else to do."""


class Running:
    """A started command; its output, both streams in one, goes to the file *log*."""

    def __init__(self, process: subprocess.Popen[bytes], *, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        # While it is being written, it may end in the middle of a character.
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern: str) -> str:
        """What the pattern's group matches in the output, as soon as it does."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            has_ended = self.process.poll() is not None
            if found := re.search(pattern, self.output):
                return found[1]
            assert not has_ended, self.output
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in:\n{self.output}")

    def children(self) -> list[int]:
        """The processes that it has started and not waited for."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        return [int(child) for child in text.split()]

    def end_by(self, signal_number: signal.Signals) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE)


def _hear_interrupts() -> None:
    """Also where the tests run in the background, as whose children they would be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(*arguments: str, log: Path) -> Iterator[Running]:
    """Start it without a terminal; a test that has failed leaves nothing behind either."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "localhost", *arguments],
            cwd=ROOT,
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_hear_interrupts,
        )
        try:
            yield Running(process, log=log)
        finally:
            process.kill()
            process.wait()


def finished(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "localhost", *arguments],
        cwd=ROOT,
        env=plain_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def plain_environment() -> dict[str, str]:
    """This one, without what would make `rich` believe in a terminal."""
    unwanted = {"FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "NO_COLOR"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def is_running(pid: int) -> bool:
    """A zombie that nobody has waited for is gone all the same."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
