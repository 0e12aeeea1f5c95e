"""The distribution decides which package manager is asked, whatever else is installed."""

import pytest

from shared.adapters.package_managers.detection import manager_of


@pytest.mark.parametrize(
    ("os_release", "name"),
    [
        pytest.param("ID=debian\n", "apt", id="Debian"),
        pytest.param('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "apt", id="Ubuntu"),
        pytest.param("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "apt", id="made of Ubuntu"),
        pytest.param('ID="rhel"\nID_LIKE="fedora"\n', "dnf", id="RHEL"),
        pytest.param('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "dnf", id="AlmaLinux"),
        pytest.param('ID="ol"\nID_LIKE="fedora"\n', "dnf", id="Oracle Linux"),
        pytest.param("ID=fedora\n", "dnf", id="Fedora"),
        pytest.param('ID="amzn"\nID_LIKE="fedora"\n', "dnf", id="Amazon Linux"),
        pytest.param('ID="sles"\nID_LIKE="suse"\n', "zypper", id="SLES"),
        pytest.param('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "zypper", id="Leap"),
        pytest.param('ID="sl-micro"\nID_LIKE="suse"\n', "zypper", id="made of SUSE"),
    ],
)
def test_each_family_has_its_manager(os_release: str, name: str) -> None:
    found = manager_of(os_release)
    assert found
    assert found.name == name


@pytest.mark.parametrize(
    "os_release", ["", "ID=alpine\n", "ID=arch\n", "NAME=debian\n", "# ID=debian\n", "ID\n"]
)
def test_other_systems_have_none(os_release: str) -> None:
    assert manager_of(os_release) is None
