"""Which package manager a server has: its distribution decides, not what else happens to be installed.

Source: os-release(5): `ID` names the distribution, `ID_LIKE` those that it is made of, the closest first.
"""

from collections.abc import Mapping

from shared.adapters.package_managers.apt import Apt
from shared.adapters.package_managers.dnf import Dnf
from shared.adapters.package_managers.manager import PackageManager
from shared.adapters.package_managers.zypper import Zypper

MANAGERS: Mapping[str, PackageManager] = {one.name: one for one in (Apt(), Dnf(), Zypper())}
_BY_DISTRIBUTION = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "amzn": "dnf",
    "suse": "zypper",
    "opensuse": "zypper",
    "sles": "zypper",
    "sle": "zypper",
    "opensuse-leap": "zypper",
    "opensuse-tumbleweed": "zypper",
}


def manager_of(os_release: str) -> PackageManager | None:
    """The package manager of the distribution that an os-release file describes; None of one that is not known."""
    members = dict(_member(line) for line in os_release.splitlines() if "=" in line)
    for name in (members.get("ID", ""), *members.get("ID_LIKE", "").split()):
        if known := _BY_DISTRIBUTION.get(name.lower()):
            return MANAGERS[known]
    return None


def _member(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip().strip("\"'")
