"""The folder in which a host on one machine keeps its state from one start to the next.

1. One process at a time uses it. The lock is the operating system's, so a process that was killed leaves none behind.
2. The clock that was shown is kept too: time that was moved ahead never goes back, or what is stored would lie in the
   future.
3. The local Azure keeps nothing here but its log of calls: what it was doing is forgotten when it stops.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from localhost.errors import LocalhostError

_LOCK = "lock"


class StateFolder:
    """The files in *path*, which exists."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.azurite = path / "azurite"
        self.host = path / "host"
        self.tls = path / "tls"
        self.calls = path / "azure-calls.jsonl"
        self.was_used = self.azurite.exists()
        self._clock = path / "clock"
        self._connection = path / "connection"

    def clock_showed(self) -> datetime | None:
        """The last instant that was recorded; None when there is none that can be read."""
        try:
            return datetime.fromisoformat(self._clock.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def record_clock(self, now: datetime) -> None:
        _replace(self._clock, now.isoformat())

    def record_connection(self, connection_string: str) -> None:
        """Say where its Azurite answers, for those who want to look in or to send a message."""
        _replace(self._connection, connection_string)

    def connection(self) -> str:
        """The connection string of the host that runs on this folder; LocalhostError when none does."""
        if not self._is_held() or not self._connection.exists():
            raise LocalhostError(
                f"Nothing runs on the state in {self.path}: start `make serve` first."
            )
        return self._connection.read_text(encoding="utf-8")

    def _is_held(self) -> bool:
        try:
            with (self.path / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


@contextmanager
def hold(path: Path) -> Iterator[StateFolder]:
    """The folder, made if need be, for this process alone; LocalhostError when another one has it."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise LocalhostError(
                f"Process {lock.read() or 'unknown'} runs on the state in {path}: "
                "stop it, or choose another folder with --state."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield StateFolder(path)


def _replace(file: Path, text: str) -> None:
    # A reader, or the next start after a crash, sees the old text or the new one.
    unfinished = file.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
