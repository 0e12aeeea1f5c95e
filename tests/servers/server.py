"""A throw-away Linux server for one test: a real sshd, real package managers, real sudo, and nothing of it left after.

    with ThrowAwayServer.start("apt") as server:
        server.run(["/usr/bin/apt-get", "update"])

- It has this machine's programs and the layer's (layer.py) under a root of its own in memory, an empty package
  database, no sources, a user `muster` and, as its only sudoers file, `infra/sudoers/muster-<family>` or what the test
  gives.
- Processes, `/proc`, `/run`, `/tmp`, `/dev`, mounts and the name are its own; the network is this machine's, so that
  its sshd answers on a free port of 127.0.0.1. All of it dies with the test, however the test ends.
- Simulated are the reboot (every process dies at once, `/run` and `/tmp` are empty after) and the boot id.
  `systemctl reboot` inside does what `set_reboots` said. Each boot is a new PID namespace, so that `/proc/1` is as old
  as the boot.
- `root` is where its files are reached from outside. An absolute symbolic link there leads to this machine's files:
  use `/run`, not `/var/run`.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Literal, Self

from shared.adapters.ssh.commands import Output
from tests.servers.layer import layer
from tests.servers.login import SSHD_CONFIG, client_key, new_key
from tests.servers.machine import PLAIN, SSHD, STATE
from tests.servers.os_releases import OS_RELEASES, Family
from tests.waiting import PATIENCE, wait_until

_SUDOERS = Path(__file__).parents[2] / "infra" / "sudoers"
_HOMES = {"root": "/root", "muster": "/home/muster"}
_SYSTEM_PYTHON = "/usr/bin/python3"


class ThrowAwayServer:
    """One running server; `start` makes it, `stop` or the end of the `with` ends it."""

    user = "muster"
    host = "127.0.0.1"

    def __init__(self, process: subprocess.Popen[bytes], *, private_key: str) -> None:
        self._process = process
        self.private_key = private_key
        self._reserved = socket()
        self.port = self._reserve_port()
        self.host_key = ""

    @classmethod
    def start(
        cls,
        family: Family = "apt",
        *,
        sudoers: str | None = None,
        sh: Literal["dash", "bash", "busybox"] = "dash",
        os_release: str | None = None,
        prepare: Callable[[Self], None] | None = None,
    ) -> Self:
        """A server of that family.

        *sudoers* is the text of its sudoers file, *sh* is what `/bin/sh` is. *prepare* may write files below `root`
        before it boots.
        """
        mounted = layer()
        server = cls(_hold(mounted.holder, mounted.folder), private_key=client_key()[0])
        try:
            server._expect("laid out")
            server._write_files(family, sudoers=sudoers, os_release=os_release)
            server._link_sh(sh)
            if prepare:
                prepare(server)
            server._boot()
        except BaseException:
            server.stop()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def root(self) -> Path:
        """Its files, seen from outside, also while it is off."""
        return Path(f"/proc/{self._process.pid}/root")

    @property
    def boot_id(self) -> str:
        """What `/proc/sys/kernel/random/boot_id` says inside."""
        return self._state("boot_id").read_text(encoding="ascii").strip()

    @property
    def sshd_log(self) -> str:
        return (self.root / "var/log/sshd.log").read_text(encoding="utf-8")

    def run(
        self,
        words: Sequence[str],
        user: str = "root",
        *,
        data: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Output:
        """Run a command inside, not over SSH, and wait for it; *data* is its standard input."""
        done = subprocess.run(
            self._inside(words, user),
            input=data,
            capture_output=True,
            env=self._environment(user, environment),
            timeout=PATIENCE * 4,
            check=False,
        )
        texts = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        return Output(code=done.returncode, stdout=next(texts), stderr=next(texts))

    def open(self, words: Sequence[str], user: str = "root") -> subprocess.Popen[bytes]:
        """Run a command inside and do not wait for it; the caller does, or kills it and then does."""
        return subprocess.Popen(
            self._inside(words, user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(user, None),
        )

    def kill_sshd(self) -> None:
        """No sshd any more, and no connection: whoever connects is refused."""
        # One that dies still holds the port.
        wait_until(lambda: not self._signal("KILL", "sshd"))

    def start_sshd(self) -> None:
        """Start sshd again, on the same port."""
        (self.root / "run/sshd.pid").unlink(missing_ok=True)
        assert self.run(SSHD).code == 0
        assert self._listens(), self.sshd_log

    def drop_connections(self) -> None:
        """Cut every connection; new ones are taken."""
        self._signal("KILL", f"sshd: {self.user}")

    def freeze_sshd(self) -> None:
        """Answer nothing any more, as behind a firewall that swallows packets; connecting still works."""
        self._signal("STOP", "sshd")

    def thaw_sshd(self) -> None:
        """Answer again."""
        self._signal("CONT", "sshd")

    def set_reboots(self, reaction: Literal["now", "held", "fails", "off"]) -> None:
        """What `systemctl reboot` does: reboot at once, nothing (`reboot_asked` then), fail, or switch off for good."""
        self._state("reboots").write_text(reaction, encoding="ascii")

    @property
    def reboot_asked(self) -> bool:
        """Whether a reboot was asked for that is held back."""
        return self._state("asked").exists()

    def reboot(self) -> None:
        """Kill every process, change the boot id, start sshd; returns when it listens."""
        self._state("asked").unlink(missing_ok=True)
        self._boot()

    def wait_for_boot(self, before: str) -> None:
        """Wait until the server has booted by itself since the boot id was *before*, and sshd listens."""
        deadline = time.monotonic() + PATIENCE
        while self.boot_id == before:
            assert time.monotonic() < deadline, "the server has not booted"
            time.sleep(0.01)
        self._first()
        assert self._listens(), self.sshd_log

    def switch_off(self) -> None:
        """Kill every process; `reboot` switches it on again."""
        self._order("off")

    def stop(self) -> None:
        """End it, and everything in it."""
        self._process.communicate()
        self._reserved.close()

    def _write_files(self, family: Family, *, sudoers: str | None, os_release: str | None) -> None:
        given = _SUDOERS / f"muster-{family}"
        if sudoers is None:
            sudoers = given.read_text(encoding="utf-8") if given.exists() else ""
        self._write("etc/sudoers.d/muster", sudoers, mode=0o440)
        self._write("etc/os-release", OS_RELEASES[family] if os_release is None else os_release)
        self._write("etc/ssh/throw-away", SSHD_CONFIG.format(port=self.port))
        private, self.host_key = new_key()
        self._write("etc/ssh/host_key", private, mode=0o600)
        self._write("home/muster/.ssh/authorized_keys", client_key()[1])
        self.set_reboots("now")

    def _link_sh(self, name: str) -> None:
        (self.root / "usr/bin/sh").unlink()
        (self.root / "usr/bin/sh").symlink_to(name)

    def _boot(self) -> None:
        self._order("boot")
        assert self._listens(), self.sshd_log

    def _reserve_port(self) -> int:
        """A free port that nobody else is given, also while the server is off; its sshd may share it."""
        self._reserved.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self._reserved.bind((self.host, 0))
        return int(self._reserved.getsockname()[1])

    def _listens(self) -> bool:
        """Whether sshd has got the port, waited for; it writes its process id when it has."""
        deadline = time.monotonic() + PATIENCE
        while not (self.root / "run/sshd.pid").exists():
            if time.monotonic() > deadline or "Cannot bind any address" in self._tail():
                return False
            time.sleep(0.005)
        return True

    def _tail(self) -> str:
        lines = self.sshd_log.splitlines() if (self.root / "var/log/sshd.log").exists() else []
        return lines[-1] if lines else ""

    def _write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A link of this machine is replaced, not followed.
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def _state(self, name: str) -> Path:
        return self.root / STATE.relative_to("/") / name

    def _order(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())
        self._process.stdin.flush()
        self._expect(order)

    def _expect(self, line: str) -> None:
        assert self._process.stdout is not None
        found = self._process.stdout.readline().decode().strip()
        assert found == line, f"the server said {found!r}, not {line!r}"

    def _signal(self, name: str, begin: str) -> bool:
        """Signal those of its own processes whose command line begins so; whether there were any."""
        words = ["/usr/bin/pkill", f"-{name}", "-f", f"^({begin}|/usr/sbin/{begin})"]
        code = self.run(words).code
        assert code in (0, 1)
        return code == 0

    def _first(self) -> str:
        """Its first process, waited for while it boots."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._state("first").read_text(encoding="ascii")
            except FileNotFoundError:
                assert time.monotonic() < deadline, "the server is off"
                time.sleep(0.01)

    def _inside(self, words: Sequence[str], user: str) -> list[str]:
        enter = ("nsenter", "--target", self._first(), "--mount", "--pid", "--uts", "--ipc", "--")
        if user == "root":
            return [*enter, *words]
        become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--")
        return [*enter, *become, *words]

    def _environment(self, user: str, more: Mapping[str, str] | None) -> dict[str, str]:
        return {**PLAIN, "HOME": _HOMES.get(user, "/"), "USER": user, **(more or {})}


def _hold(holder: int, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *("nsenter", "--target", str(holder), "--mount", "--"),
            *("unshare", "--mount", "--propagation", "private", "--"),
            *(_SYSTEM_PYTHON, "-I", "-S", str(Path(__file__).with_name("machine.py"))),
            str(folder),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.__stderr__,
    )
