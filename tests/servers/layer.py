"""What throw-away servers have beside the files of this machine: packages, no sources, no installed package, a user.

1. The layer is made once, in memory over the machine's own files, which stay as they are, and kept as
   `.local/servers/<hash>.tar`; the hash is of the recipe and of the machine's own packages.
2. Linux, root, namespaces and overlayfs are needed, and a Debian or Ubuntu for the packages. Where they lack, tests are
   skipped with a sentence that says so; with `CI=true` they fail.
3. It is mounted in a mount namespace of its own, which is gone with the process that asked for it, however that ends.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

PACKAGES = (
    "openssh-server openssh-sftp-server sudo util-linux procps dash bash busybox "
    "apt apt-utils dpkg dpkg-dev unattended-upgrades lsb-release "
    "rpm dnf zypper createrepo-c python3-dateutil python3-dbus"
)
# They break zypper by their metadata only.
UNPACKED = "dnf-plugins-core"

_FOLDER = Path(__file__).parents[2] / ".local" / "servers"
_RECIPE = Path(__file__).with_name("build_layer.sh")
_TRIAL = """
mount -t tmpfs trial /mnt && cd /mnt && mkdir upper work root &&
mount -t overlay trial -o lowerdir=/,upperdir=upper,workdir=work root
"""
_MOUNTS = """
set -eu
mount -t tmpfs -o mode=755 layer "$2"
tar --extract --file "$1" --directory "$2" --numeric-owner --xattrs --xattrs-include='trusted.*'
mkdir -p "$2/mnt"
echo ready
exec cat
"""


class Layer:
    """A mounted layer: `holder` is the process in whose mount namespace it is found at `folder`."""

    def __init__(self, archive: Path) -> None:
        self.folder = _FOLDER / "mounted"
        self.folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTS, "layer"),
                *(str(archive), str(self.folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the layer could not be mounted"

    @property
    def holder(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Unmount it, and let nothing of it stay."""
        self._process.communicate()


@cache
def layer() -> Layer:
    """The layer of this run of the tests; skips the test where there can't be one."""
    if lack := _lack():
        sentence = f"Throw-away servers need {lack}."
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    mounted = Layer(_archive())
    atexit.register(mounted.close)
    return mounted


def _lack() -> str:
    """What is missing here, in words; empty if nothing is."""
    if os.geteuid() != 0:
        return (
            "root, who alone may mount: run the tests as root (sudo -E .venv/bin/pytest tests/...)"
        )
    if not shutil.which("apt-get"):
        return "a Debian or an Ubuntu, whose packages they are made of"
    tried = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--propagation", "private"),
            *("sh", "-c", _TRIAL),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        said = tried.stderr.strip()
        return f"namespaces and overlayfs, which this kernel or container refuses ({said})"
    return ""


def _archive() -> Path:
    """The kept layer, made if there is none yet; of two runs at the same time one makes it."""
    parts = (
        _RECIPE.read_bytes(),
        PACKAGES.encode(),
        UNPACKED.encode(),
        Path("/var/lib/dpkg/status").read_bytes(),
    )
    kept = _FOLDER / f"{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.tar"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in _FOLDER.glob("*.tar*"):
                old.unlink()
            _build(kept)
    return kept


def _build(kept: Path) -> None:
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", str(_RECIPE), str(kept)),
        ],
        env={**os.environ, "PACKAGES": PACKAGES, "UNPACKED": UNPACKED},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the layer could not be made:\n{done.stdout}{done.stderr}"
