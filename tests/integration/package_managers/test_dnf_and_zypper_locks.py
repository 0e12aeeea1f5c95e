"""What a real dnf and a real zypper say of a lock that is held, by another process or by themselves."""

from collections.abc import Iterator

import pytest

from shared.adapters.package_managers.dnf import Dnf
from shared.adapters.package_managers.manager import INSTALL, PackageManager
from shared.adapters.package_managers.zypper import Zypper
from tests.servers.os_releases import Family
from tests.servers.repositories.rpm_content import Package
from tests.servers.repositories.rpm_servers import (
    FOLDER,
    begin,
    boot_remembered,
    carry_out,
    fill,
    install,
    let_go,
    offer,
    packages,
)
from tests.servers.server import ThrowAwayServer

MANAGERS: dict[Family, PackageManager] = {"dnf": Dnf(), "zypper": Zypper()}
RPM = ("/usr/bin/rpm", "-U", "--nosignature", f"{FOLDER}/updates/slow-2.0-1.noarch.rpm")
ASKS_RPM = "rpm --upgrade --nosignature /srv/repositories/updates/grave-1.0.1-1.noarch.rpm"
ITSELF = "itself"
ASKS_ITSELF: dict[Family, str] = {
    "dnf": "dnf -y --config=/etc/dnf/dnf.conf --setopt=exit_on_lock=True upgrade better",
    "zypper": "zypper --non-interactive update better",
}


@pytest.fixture
def server(family: Family) -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start(family) as started:
        fill(started, family)
        with boot_remembered(started):
            carry_out(started, MANAGERS[family].assess()[0])
            yield started


@pytest.mark.parametrize(
    ("family", "words"),
    [
        pytest.param("dnf", ("/usr/bin/dnf", "-y", "upgrade", "slow"), id="dnf by dnf"),
        pytest.param("dnf", RPM, id="dnf by rpm"),
        pytest.param("zypper", ("/usr/bin/zypper", "-n", "update", "slow"), id="zypper by zypper"),
        pytest.param("zypper", RPM, id="zypper by rpm"),
    ],
)
def test_a_lock_of_another_process_is_recognised_and_nothing_is_done(
    server: ThrowAwayServer, family: Family, words: tuple[str, ...]
) -> None:
    manager = MANAGERS[family]
    other = begin(server, words)
    refused = install(server, manager, "plain.noarch=1.1-1")
    output = refused.outputs[INSTALL]
    assert refused.packages == {}
    assert output.code != 0
    said = output.stdout + output.stderr
    assert any(one in said for one in manager.locked)
    assert not any(one in said for one in manager.began)
    assert "lock" in manager.problem(refused.outputs)
    let_go(server)
    other.communicate()
    assert packages(server)["slow.noarch"] == ["2.0-1"]
    done = install(server, manager, "plain.noarch=1.1-1")
    assert done.packages == {"plain.noarch": ["1.1-1"]}


@pytest.mark.parametrize("family", MANAGERS)
@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        pytest.param(ASKS_RPM, "", "%prein", id="before"),
        pytest.param("", ASKS_RPM, "%post", id="after"),
        pytest.param("", f"{ASKS_RPM}; exit 0", "", id="in vain"),
        pytest.param("", ITSELF, "%post", id="itself in itself"),
    ],
)
def test_a_lock_that_a_script_asks_for_is_not_held_by_another_process(
    server: ThrowAwayServer, family: Family, before: str, after: str, reason: str
) -> None:
    manager = MANAGERS[family]
    script = ASKS_ITSELF[family] if after == ITSELF else after
    offer(server, family, Package(name="plain", version="3.0", before=before, after=script))
    carry_out(server, manager.assess()[0])
    done = install(server, manager, "plain.noarch=3.0-1")
    said = done.outputs[INSTALL].stdout + done.outputs[INSTALL].stderr
    assert any(one in said for one in manager.locked)
    # So the step is not repeated, nor the script.
    assert any(one in said for one in manager.began)
    told = manager.problem(done.outputs)
    assert (f"the script {reason} of plain-3.0-1.noarch failed" in told) if reason else told == ""
