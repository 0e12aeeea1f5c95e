"""Small real rpm repositories in two releases, with advisories.

1. Every package is built by rpmbuild, every repository by createrepo_c and modifyrepo_c; nothing is written by hand but
   the specs and updateinfo.xml, whose form is that of Fedora and SUSE.
2. They are built once and kept in `.local/servers`, by the hash of what they are made from.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as Xml

from tests.servers.repositories.rpm_content import CONTENT, Advisory, Content, Package

_DEFINES = {
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_id_links": "none",
    "_binary_payload": "w1.gzdio",
}


@cache
def repositories() -> Path:
    """The folder with the built repositories, kept between runs of the tests."""
    key = hashlib.sha256(Path(__file__).read_bytes() + repr(CONTENT).encode()).hexdigest()[:16]
    kept = Path(__file__).parents[3] / ".local" / "servers" / f"rpm-{key}"
    if not kept.exists():
        for old in kept.parent.glob("rpm-*"):
            if not old.name.startswith(kept.name):
                shutil.rmtree(old, ignore_errors=True)
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
        build(fresh)
        try:
            fresh.rename(kept)
        except OSError:  # another run of the tests was faster
            shutil.rmtree(fresh)
    return kept


def build(folder: Path, content: Content = CONTENT) -> None:
    """Make the repositories `first`, `ordinary` and `updates` in *folder*; some seconds."""
    for name, packages in (
        ("first", content.first),
        ("ordinary", content.ordinary),
        ("updates", content.updates),
    ):
        repository = folder / name
        repository.mkdir(parents=True)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda package, at=repository: _build(package, at), packages))
        _run("createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(repository))
    information = folder / "updateinfo.xml"
    information.write_text(_updateinfo(content.advisories), encoding="utf-8")
    _run("modifyrepo_c", "--mdtype=updateinfo", str(information), str(folder / "updates/repodata"))


def _build(package: Package, repository: Path) -> None:
    """Build one package with rpmbuild, in a folder of its own beside the repository."""
    top = (
        repository.parent
        / "build"
        / f"{repository.name}-{package.name}-{package.evr}.{package.arch}"
    )
    top.mkdir(parents=True)
    spec = top / "package.spec"
    spec.write_text(_spec(package), encoding="utf-8")
    defines = {
        **_DEFINES,
        "_topdir": str(top),
        "_rpmdir": str(repository),
        "_build_name_fmt": package.file,
    }
    words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    _run("rpmbuild", "-bb", "--quiet", "--target", f"{package.arch}-linux", *words, str(spec))


def _spec(package: Package) -> str:
    tags: list[tuple[str, object]] = [
        ("Name", package.name),
        ("Epoch", package.epoch),
        ("Version", package.version),
        ("Release", package.release),
        ("Vendor", package.vendor),
        ("Summary", f"The package {package.name}"),
        ("License", "MIT"),
        ("AutoReqProv", "no"),
        *(("Requires", name) for name in package.requires),
        *(("Recommends", name) for name in package.recommends),
        *(("Provides", name) for name in package.provides),
        *(("Conflicts", name) for name in package.conflicts),
        *(("Obsoletes", name) for name in package.obsoletes),
    ]
    at = f"/usr/share/muster/{package.name}-{package.arch}"
    if package.name == "kernel":
        at += f"-{package.version}"  # two kernels are installed side by side
    lines = [f"{name}: {value}" for name, value in tags if name != "Epoch" or value]
    lines += ["%description", f"For tests of {package.name}.", "%install"]
    lines += [f"mkdir -p %{{buildroot}}{Path(at).parent} %{{buildroot}}/etc"]
    lines += [f"echo {package.version} > %{{buildroot}}{at}"]
    if package.configuration:
        lines += [
            f"cat > %{{buildroot}}/etc/{package.name}.conf <<'END'",
            package.configuration + "END",
        ]
    lines += ["%pre", package.before] if package.before else []
    lines += ["%post", package.after] if package.after else []
    lines += ["%files", at]
    lines += [f"%config(noreplace) /etc/{package.name}.conf"] if package.configuration else []
    return "\n".join(lines) + "\n"


def _updateinfo(advisories: Sequence[Advisory]) -> str:
    """The text of updateinfo.xml, as createrepo_c documents it and libsolv reads it."""
    root = Xml.Element("updates")
    for advisory in advisories:
        update = Xml.SubElement(
            root,
            "update",
            {"from": "test@example.org", "status": "final", "type": advisory.type, "version": "1"},
        )
        for tag, text in (
            ("id", advisory.id),
            ("title", f"About {advisory.id}"),
            ("severity", advisory.severity),
        ):
            Xml.SubElement(update, tag).text = text
        Xml.SubElement(update, "issued", {"date": "2026-01-02 03:04:05"})
        Xml.SubElement(update, "description").text = "A description.\nOf two lines."
        collection = Xml.SubElement(
            Xml.SubElement(update, "pkglist"), "collection", {"short": "test"}
        )
        for package in advisory.packages:
            _listed(collection, package, {"reboot_suggested": "True"} if advisory.reboot else {})
    return Xml.tostring(root, encoding="unicode", xml_declaration=True)


def _listed(collection: Xml.Element, package: Package, marks: Mapping[str, str]) -> None:
    attributes = {
        "name": package.name,
        "epoch": str(package.epoch),
        "version": package.version,
        "release": package.release,
        "arch": package.arch,
    }
    element = Xml.SubElement(collection, "package", attributes)
    Xml.SubElement(element, "filename").text = package.file
    for tag, text in marks.items():
        Xml.SubElement(element, tag).text = text


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]} answered {done.returncode}: {done.stdout}{done.stderr}")
