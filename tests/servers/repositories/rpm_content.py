"""The rpm packages of the tests in two releases, and the advisories for some of them: one for each case.

`first` is what a server has, `ordinary` and `updates` are what its repositories offer; only `updates` has advisories.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WAITING, GO = "/tmp/waiting", "/tmp/go"  # noqa: S108


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package of one release; `configuration` is a file that an administrator may change."""

    name: str
    version: str = "1.0"
    release: str = "1"
    epoch: int = 0
    arch: str = "noarch"
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    recommends: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    obsoletes: Sequence[str] = ()
    vendor: str = "Muster"
    before: str = ""
    after: str = ""
    configuration: str = ""

    @property
    def evr(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{epoch}{self.version}-{self.release}"

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """What a distribution says of the packages of `updates` that have these names and versions."""

    id: str
    type: str
    severity: str
    packages: Sequence[Package]
    reboot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the repositories of one test hold."""

    first: Sequence[Package]
    ordinary: Sequence[Package] = ()
    updates: Sequence[Package] = ()
    advisories: Sequence[Advisory] = ()


_SLOW = f"touch {WAITING}; while ! test -e {GO}; do sleep 0.05; done"

_FIRST = (
    Package(
        name="base", provides=("/bin/sh", "system-release = 9", "system-release(releasever) = 9")
    ),
    Package(name="plain"),
    Package(name="better"),
    Package(name="grave"),
    Package(name="weighty"),
    Package(name="layered"),
    Package(name="deep"),
    Package(name="libfoo"),
    Package(name="app", requires=("libfoo",)),
    Package(name="grows"),
    Package(name="held"),
    Package(name="fails-before"),
    Package(name="fails-after"),
    Package(
        name="kernel",
        version="5.0",
        provides=("installonlypkg(kernel)", "multiversion(kernel)"),
    ),
    Package(name="odd", version="1.0~rc1", epoch=1),
    Package(name="both", arch="x86_64"),
    Package(name="both", arch="i686"),
    Package(name="slow"),
    Package(name="conf", configuration="first\n"),
    Package(name="stuck"),
    Package(name="greedy"),
    Package(name="victim"),
    Package(name="old-name"),
    Package(
        name="a-package-with-a-name-so-long-that-no-table-of-80-columns-can-hold-it-in-one-line"
    ),
    Package(name="urgent-not-secure"),
    Package(name="slow-after"),
    Package(name="foreign"),
)
_ORDINARY = (
    Package(name="layered", version="1.2"),
    Package(name="deep", version="1.10"),
    Package(name="app", version="2.0", requires=("libfoo >= 2",)),
    Package(name="grows", version="2.0", requires=("brand-new",), recommends=("brand-weak",)),
    Package(name="brand-new"),
    Package(name="brand-weak"),
    Package(name="foreign", version="2.0", vendor="Others"),
    Package(name="slow-after", version="2.0", after=_SLOW),
    Package(name="odd", version="1.0^git5", epoch=1),
    Package(name="both", version="2.0", arch="x86_64"),
    Package(name="both", version="2.0", arch="i686"),
    Package(name="stuck", version="2.0", requires=("what-nobody-has",)),
    Package(name="greedy", version="2.0", conflicts=("victim",)),
    Package(
        name="new-name", version="2.0", obsoletes=("old-name < 2",), provides=("old-name = 2.0",)
    ),
    Package(
        name="a-package-with-a-name-so-long-that-no-table-of-80-columns-can-hold-it-in-one-line",
        version="2.0",
    ),
)
_PLAIN = Package(name="plain", version="1.1")
_BETTER = Package(name="better", version="2.0")
_GRAVE = Package(name="grave", version="1.0.1")
_WEIGHTY = Package(name="weighty", version="2.0")
_LAYERED = Package(name="layered", version="1.1")
_DEEP = (Package(name="deep", version="1.2"), Package(name="deep", version="1.9"))
_LIBFOO = Package(name="libfoo", version="2.0")
_HELD = Package(name="held", version="2.0")
_FAILS_BEFORE = Package(name="fails-before", version="2.0", before="exit 1")
_FAILS_AFTER = Package(name="fails-after", version="2.0", after="exit 1")
_KERNEL = Package(
    name="kernel", version="5.1", provides=("installonlypkg(kernel)", "multiversion(kernel)")
)
_SLOW_2 = Package(name="slow", version="2.0", before=_SLOW)
_CONF = Package(name="conf", version="2.0", configuration="second\n")
_URGENT = Package(name="urgent-not-secure", version="2.0")

CONTENT = Content(
    first=_FIRST,
    ordinary=_ORDINARY,
    updates=(
        _PLAIN,
        _BETTER,
        _GRAVE,
        _WEIGHTY,
        _LAYERED,
        *_DEEP,
        _LIBFOO,
        _HELD,
        _FAILS_BEFORE,
        _FAILS_AFTER,
        _KERNEL,
        _SLOW_2,
        _CONF,
        _URGENT,
    ),
    advisories=(
        Advisory(
            id="TEST-2026-01", type="bugfix", severity="None", packages=(_PLAIN, _CONF, _SLOW_2)
        ),
        Advisory(id="TEST-2026-02", type="enhancement", severity="None", packages=(_BETTER,)),
        Advisory(id="TEST-2026-03", type="security", severity="Critical", packages=(_GRAVE,)),
        Advisory(
            id="TEST-2026-04", type="security", severity="Important", packages=(_WEIGHTY, _LIBFOO)
        ),
        Advisory(id="TEST-2026-05", type="security", severity="Moderate", packages=(_LAYERED,)),
        Advisory(id="TEST-2026-06", type="security", severity="Critical", packages=(_DEEP[0],)),
        Advisory(id="TEST-2026-07", type="security", severity="Low", packages=(_DEEP[1],)),
        Advisory(id="TEST-2026-08", type="security", severity="Important", packages=(_HELD,)),
        Advisory(
            id="TEST-2026-09",
            type="bugfix",
            severity="None",
            packages=(_FAILS_BEFORE, _FAILS_AFTER),
        ),
        Advisory(
            id="TEST-2026-10",
            type="security",
            severity="Important",
            packages=(_KERNEL,),
            reboot=True,
        ),
        Advisory(id="TEST-2026-11", type="bugfix", severity="Critical", packages=(_URGENT,)),
    ),
)
