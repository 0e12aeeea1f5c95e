"""The process that holds one throw-away server: mounts its files, boots it, and boots it again when it is asked to.

Run by server.py with the system's Python, in a mount namespace of its own: `machine.py LAYER`. It answers each line
of its standard input with a line (`boot`, `off`), and does the same for `/var/lib/throw-away/control` inside. When its
standard input ends, all that belongs to the server dies: each boot is a PID namespace, and the files are in memory.

Simulated are the reboot and the boot id, nothing else.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import uuid
from pathlib import Path

CLONE_NEWPID, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000000, 0x04000000, 0x08000000
PR_SET_PDEATHSIG = 1
STATE = Path("/var/lib/throw-away")
SSHD = ("/usr/sbin/sshd", "-f", "/etc/ssh/throw-away", "-E", "/var/log/sshd.log")
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


def _mounted(script: str, *words: str) -> None:
    subprocess.run(["/bin/sh", "-euc", script, "mount", *words], env=PLAIN, check=True)


def _raise_unless(done: int) -> None:
    if done != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lay_out(layer: str) -> None:
    """Make the server's files the root of this process: the layer and this machine's, and memory over them."""
    _mounted(
        """
        mount -t tmpfs -o mode=755 server "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay server -o "lowerdir=$2:/,upperdir=$1/upper,workdir=$1/work" "$1/root"
        cd "$1/root"
        mount -t tmpfs -o mode=755 dev dev
        mkdir dev/shm dev/pts
        chmod 1777 dev/shm
        for one in $3; do : > dev/$one; mount --bind /dev/$one dev/$one; done
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
        mount -t proc proc proc
        ln -s pts/ptmx dev/ptmx
        ln -s /proc/self/fd dev/fd
        mkdir -p var/lib/throw-away
        pivot_root . mnt
        umount -l /mnt
        """,
        f"{layer}/mnt",
        layer,
        " ".join(DEVICES),
    )


def boot() -> int:
    """Start it: a new PID namespace and boot id, empty `/run` and `/tmp`, sshd; returns its first process."""
    ready, told = os.pipe()
    holder = os.fork()
    if holder == 0:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _raise_unless(_libc.unshare(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC))
        first = os.fork()
        if first == 0:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(ready)
            _first_process(told)
        os.write(told, f"{first}\n".encode())
        os.close(told)
        os.waitpid(first, 0)
        os._exit(0)
    os.close(told)
    with os.fdopen(ready, encoding="ascii") as lines:
        first_id = int(lines.readline())
        # The second end of the pipe is closed when the first process is done with its preparations.
        lines.read()
    return first_id


def _first_process(told: int) -> None:
    """Prepare what a boot prepares, then be the parent of whoever has none."""
    boot_id = STATE / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    _mounted(
        """
        umount -l /run /tmp /proc 2>/dev/null || :
        mount -t proc proc /proc
        mount --bind "$1" /proc/sys/kernel/random/boot_id
        mount -t tmpfs -o mode=755 run /run
        mount -t tmpfs -o mode=1777 tmp /tmp
        mkdir -p /run/sshd /run/lock
        echo throw-away > /proc/sys/kernel/hostname
        """,
        str(boot_id),
    )
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    subprocess.run(SSHD, env=PLAIN, check=False)
    os.close(told)
    os.closerange(3, 64)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        _reap()
        signal.sigwait({signal.SIGCHLD})


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


class Machine:
    """Whether the server runs, and by which first process; `first` keeps that for those who want to come in."""

    def __init__(self) -> None:
        self._first = 0

    def obey(self, order: str) -> None:
        """Switch it off; `boot` and `reboot` switch it on again."""
        if self._first:
            os.kill(self._first, signal.SIGKILL)
            os.wait()
            self._first = 0
            (STATE / "first").unlink()
        if order != "off":
            self._first = boot()
            kept = STATE / "first.new"
            kept.write_text(str(self._first), encoding="ascii")
            kept.rename(STATE / "first")


def main() -> None:
    """Hold the server until standard input ends."""
    lay_out(sys.argv[1])
    os.chdir("/")
    os.mkfifo(STATE / "control")
    control = os.open(STATE / "control", os.O_RDWR)
    machine = Machine()
    sources = selectors.DefaultSelector()
    sources.register(0, selectors.EVENT_READ)
    sources.register(control, selectors.EVENT_READ)
    os.write(1, b"laid out\n")
    while True:
        for key, _ in sources.select():
            orders = os.read(key.fd, 4096).decode().split()
            if not orders:
                machine.obey("off")
                return
            for order in orders:
                machine.obey(order)
                if key.fd == 0:
                    os.write(1, f"{order}\n".encode())


if __name__ == "__main__":
    main()
