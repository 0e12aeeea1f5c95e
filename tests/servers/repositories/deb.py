"""Debian repositories of small packages in two releases, and a throw-away server that has the first one installed.

1. The second release has two suites, as Debian has them: `stable`, and `stable-security` with the label
   `Debian-Security`. Real Release files name them; the sources trust them without a signature.
2. What a package is here for says its comment below.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.server import ThrowAwayServer

STABLE, SECURITY = "stable", "stable-security"
PLACE = "/srv/deb"

_FIELDS = {
    STABLE: {"Label": "Debian", "Codename": "bookworm"},
    SECURITY: {"Label": "Debian-Security", "Codename": "bookworm-security"},
}
_WAITS = """#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
touch /var/lib/slow-began
while [ ! -e /var/lib/slow-may-end ]; do sleep 0.05; done
"""
_FAILS = """#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
echo 'the daemon does not answer' >&2
exit 1
"""
_TELLS_FRONTEND = """#!/bin/sh
echo "$DEBIAN_FRONTEND" > /var/lib/asking
"""
_WANTS_REBOOT = """#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
touch /run/reboot-required
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """One version of one package; `fields` are lines of its control file, `files` its files by their path."""

    name: str
    version: str
    suite: str = STABLE
    architecture: str = "all"
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    postinst: str = ""


def native() -> str:
    """The architecture of this machine, which throw-away servers have too."""
    return _told("dpkg", "--print-architecture").strip()


def first_release() -> tuple[Deb, ...]:
    """What a server has installed before it is patched."""
    return (
        Deb(name="tool", version="1.0"),
        Deb(name="webd", version="2.4-1", architecture=native()),
        Deb(name="twice", version="1.0"),
        Deb(name="libfoo", version="1.0"),
        Deb(name="app", version="1.0", fields={"Depends": "libfoo"}),
        Deb(name="grower", version="1.0"),
        Deb(name="kind", version="1.0"),
        Deb(name="held", version="1.0"),
        Deb(name="needs-held", version="1.0", fields={"Depends": "held"}),
        Deb(name="rival", version="1.0"),
        Deb(name="pushy", version="1.0"),
        Deb(name="torn", version="1.0"),
        Deb(name="asking", version="1.0"),
        Deb(name="phased", version="1.0"),
        Deb(name="failing", version="1.0"),
        Deb(name="kernelish", version="1.0"),
        Deb(name="odd", version="1:1.0~rc1+dfsg-1"),
        Deb(name="calc++", version="1.0"),
        Deb(name="both", version="1.0"),
        Deb(name="slow", version="1.0"),
        Deb(name="big", version="1.0"),
        Deb(
            name="configured",
            version="1.0",
            files={"/etc/configured.conf": b"level = 1\n"},
            conffiles=("/etc/configured.conf",),
        ),
        *(
            Deb(name="libwide", version="1.0", architecture=one, fields={"Multi-Arch": "same"})
            for one in (native(), "i386")
        ),
    )


def second_release() -> tuple[Deb, ...]:
    """What the sources have, and why."""
    return (
        # Plain, and a security fix.
        Deb(name="tool", version="1.1"),
        Deb(name="webd", version="2.4-2", suite=SECURITY, architecture=native()),
        # The newest is ordinary, and a security fix lies below it.
        Deb(name="twice", version="2.0", suite=SECURITY),
        Deb(name="twice", version="3.0"),
        # A security fix that needs an ordinary update.
        Deb(name="libfoo", version="2.0"),
        Deb(name="app", version="2.0", suite=SECURITY, fields={"Depends": "libfoo (>= 2)"}),
        # It needs a package that is not installed; the other only recommends one.
        Deb(name="grower", version="1.1", fields={"Depends": "newcomer"}),
        Deb(name="newcomer", version="1.0"),
        Deb(name="kind", version="1.1", fields={"Recommends": "extra"}),
        Deb(name="extra", version="1.0"),
        # Held by the administrator, and one that needs it.
        Deb(name="held", version="2.0", suite=SECURITY),
        Deb(name="needs-held", version="2.0", fields={"Depends": "held (>= 2)"}),
        # Its update would remove `rival`.
        Deb(name="pushy", version="2.0", suite=SECURITY, fields={"Conflicts": "rival"}),
        # The newest would remove `rival`, the security fix below it does not.
        Deb(name="torn", version="2.0", suite=SECURITY),
        Deb(name="torn", version="3.0", fields={"Conflicts": "rival"}),
        # For no server yet, as Ubuntu spreads its updates.
        Deb(name="phased", version="2.0", fields={"Phased-Update-Percentage": "0"}),
        # Its script notes how it may ask questions.
        Deb(name="asking", version="2.0", postinst=_TELLS_FRONTEND),
        # Its script fails; its script wants a reboot; its script waits for a file.
        Deb(name="failing", version="2.0", postinst=_FAILS),
        Deb(name="kernelish", version="2.0", suite=SECURITY, postinst=_WANTS_REBOOT),
        Deb(name="slow", version="2.0", suite=SECURITY, postinst=_WAITS),
        # An epoch, a tilde and a plus; a plus at the end of a name and of a version.
        Deb(name="odd", version="1:1.0+dfsg-1~deb12u1+b1", suite=SECURITY),
        Deb(name="calc++", version="1.1+"),
        # In both suites, as Ubuntu copies its security fixes.
        Deb(name="both", version="1.1"),
        Deb(name="both", version="1.1", suite=SECURITY),
        # More than fits where a test leaves little room.
        Deb(name="big", version="2.0", files={"/opt/big": bytes(range(256)) * 4096}),
        # Its file has been changed by the administrator.
        Deb(
            name="configured",
            version="2.0",
            files={"/etc/configured.conf": b"level = 2\n"},
            conffiles=("/etc/configured.conf",),
        ),
        *(
            Deb(name="libwide", version="1.1", architecture=one, fields={"Multi-Arch": "same"})
            for one in (native(), "i386")
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Repositories:
    """Both releases as folders with `pool` and `dists`, made once and copied into servers."""

    folder: Path

    def fill(
        self, server: ThrowAwayServer, *names: str, suites: Sequence[str] = (STABLE, SECURITY)
    ) -> None:
        """Install these packages of the first release, all without names, and point the sources to the second."""
        place = server.root / PLACE.lstrip("/")
        shutil.copytree(self.folder, place)
        _done(server, "dpkg", "--add-architecture", "i386")
        debs = sorted(path.relative_to(place) for path in place.glob("first/pool/*/*.deb"))
        wanted = [f"{PLACE}/{one}" for one in debs if not names or one.name.split("_")[0] in names]
        _done(server, "dpkg", "--install", *wanted)
        if not names or "held" in names:
            _done(server, "apt-mark", "hold", "held")
        self.point(server, suites=suites)

    def point(self, server: ThrowAwayServer, *, suites: Sequence[str]) -> None:
        """Let the server's sources be these suites of the second release; it has not read them yet."""
        lines = [f"deb [trusted=yes] file:{PLACE}/second {suite} main\n" for suite in suites]
        listed = server.root / "etc/apt/sources.list.d/second.list"
        listed.write_text("".join(lines), encoding="ascii")


def build(folder: Path) -> Repositories:
    """Make both releases below *folder*."""
    for name, release in (("first", first_release()), ("second", second_release())):
        publish(release, folder / name, workshop=folder / "workshop")
    shutil.rmtree(folder / "workshop")
    return Repositories(folder=folder)


def publish(release: Iterable[Deb], folder: Path, *, workshop: Path) -> None:
    """Make one release as a folder with `pool` and `dists`."""
    for deb in release:
        _pack(deb, folder / "pool" / deb.suite, workshop=workshop)
    for pool in sorted((folder / "pool").iterdir()):
        dist = folder / "dists" / pool.name
        packages = _told("apt-ftparchive", "packages", f"pool/{pool.name}", cwd=folder)
        for architecture in (native(), "i386"):
            listed = dist / "main" / f"binary-{architecture}" / "Packages"
            listed.parent.mkdir(parents=True)
            listed.write_text(_of_architecture(packages, architecture), encoding="utf-8")
        fields = {
            "Origin": "Debian",
            "Suite": pool.name,
            "Version": "12",
            "Components": "main",
            "Architectures": f"{native()} i386",
            **_FIELDS[pool.name],
        }
        options = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in fields.items()]
        text = _told("apt-ftparchive", *options, "release", str(dist))
        (dist / "Release").write_text(text, encoding="utf-8")


def _of_architecture(packages: str, architecture: str) -> str:
    kinds = (f"\nArchitecture: {architecture}\n", "\nArchitecture: all\n")
    kept = [one for one in packages.split("\n\n") if any(kind in f"{one}\n" for kind in kinds)]
    return "\n\n".join(kept) + "\n" * bool(kept)


def _pack(deb: Deb, pool: Path, *, workshop: Path) -> None:
    tree = workshop / f"{deb.name}-{deb.version}-{deb.architecture}-{deb.suite}"
    control = tree / "DEBIAN"
    control.mkdir(parents=True)
    pool.mkdir(parents=True, exist_ok=True)
    fields = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": deb.architecture,
        "Maintainer": "Nobody <nobody@example.com>",
        **deb.fields,
        "Description": "small package of the tests",
    }
    lines = "".join(f"{key}: {value}\n" for key, value in fields.items())
    (control / "control").write_text(lines, encoding="ascii")
    if deb.conffiles:
        (control / "conffiles").write_text("\n".join(deb.conffiles) + "\n", encoding="ascii")
    if deb.postinst:
        (control / "postinst").write_text(deb.postinst, encoding="ascii")
        (control / "postinst").chmod(0o755)
    for path, content in deb.files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    _told("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(pool))


def _told(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def _done(server: ThrowAwayServer, *words: str) -> None:
    answer = server.run(words)
    assert answer.code == 0, f"{' '.join(words)}: {answer.stdout}{answer.stderr}"
