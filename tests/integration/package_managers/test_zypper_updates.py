"""Which updates Muster finds with a real zypper, beside what zypper itself selects."""

from collections.abc import Iterator
from xml.etree import ElementTree as Xml

import pytest

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.zypper import Zypper
from shared.adapters.package_managers.zypper_answers import patches
from shared.domain.updates import Classification
from tests.servers.repositories.rpm_servers import carry_out, fill, install, wanted
from tests.servers.server import ThrowAwayServer

ZYPPER = Zypper()
LONG = "a-package-with-a-name-so-long-that-no-table-of-80-columns-can-hold-it-in-one-line.noarch"
# The second releases that can be installed, but that of another vendor, and but what renames a package.
EVERYTHING = [
    (LONG, "2.0-1", "Other"),
    ("app.noarch", "2.0-1", "Other"),
    ("better.noarch", "2.0-1", "Other"),
    ("both.x86_64", "2.0-1", "Other"),
    ("conf.noarch", "2.0-1", "Other"),
    ("deep.noarch", "1.10-1", "Critical"),
    ("fails-after.noarch", "2.0-1", "Other"),
    ("fails-before.noarch", "2.0-1", "Other"),
    ("grave.noarch", "1.0.1-1", "Critical"),
    ("grows.noarch", "2.0-1", "Other"),
    ("held.noarch", "2.0-1", "Security"),
    ("kernel.noarch", "5.1-1", "Security"),
    ("layered.noarch", "1.2-1", "Security"),
    ("libfoo.noarch", "2.0-1", "Security"),
    ("odd.noarch", "1:1.0^git5-1", "Other"),
    ("plain.noarch", "1.1-1", "Other"),
    ("slow-after.noarch", "2.0-1", "Other"),
    ("slow.noarch", "2.0-1", "Other"),
    ("urgent-not-secure.noarch", "2.0-1", "Other"),
    ("weighty.noarch", "2.0-1", "Security"),
]


@pytest.fixture(scope="module")
def unchanged() -> Iterator[ThrowAwayServer]:
    """One for all tests that only look."""
    with ThrowAwayServer.start("zypper") as started:
        fill(started, "zypper")
        assessed(started)
        yield started


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("zypper") as started:
        fill(started, "zypper")
        yield started


def assessed(server: ThrowAwayServer) -> list[tuple[str, str | None, str]]:
    updates = ZYPPER.updates(carry_out(server, *ZYPPER.assess()))
    return [(one.name, one.version, one.classification) for one in updates]


def brings(server: ThrowAwayServer, *updates: str) -> tuple[str, ...]:
    step = ZYPPER.simulate(wanted(*updates), name="simulate")
    return ZYPPER.brings(carry_out(server, step)["simulate"])


def asked(server: ThrowAwayServer, *words: str) -> Xml.Element:
    """What zypper itself answers root."""
    done = server.run(["/usr/bin/zypper", "--non-interactive", "--xmlout", *words])
    return Xml.fromstring(done.stdout)  # noqa: S314 - of a throw-away server


def security_of(updates: list[tuple[str, str | None, str]]) -> set[tuple[str, str | None]]:
    return {(name, version) for name, version, kind in updates if kind != Classification.OTHER}


def test_every_update_is_found_with_the_classification_of_its_patches(
    unchanged: ThrowAwayServer,
) -> None:
    assert assessed(unchanged) == EVERYTHING


def test_zypper_itself_selects_the_same_security_updates(unchanged: ThrowAwayServer) -> None:
    found = security_of(assessed(unchanged))
    security = ("--category", "security", "--with-interactive")
    answer = asked(unchanged, "patch", "--dry-run", *security)
    chosen = {
        (f"{one.get('name')}.{one.get('arch')}", one.get("edition"))
        for one in answer.iter("solvable")
        if one.get("type") == "package"
    }
    assert chosen == found


def test_zypper_itself_lists_the_same_security_patches(unchanged: ThrowAwayServer) -> None:
    outputs = carry_out(unchanged, *ZYPPER.assess())
    # Only the table is cut down to the category, the XML is not.
    words = ["/usr/bin/zypper", "--no-abbrev", "list-patches", "--category", "security"]
    rows = [line.split("|") for line in unchanged.run(words).stdout.splitlines() if "TEST-" in line]
    listed = {name.strip(): severity.strip() for _, name, _, severity, *_ in rows}
    found = {one.name: one.kind for one in patches(outputs["patches"])}
    assert found.keys() == listed.keys()
    critical = {name for name, severity in listed.items() if severity == "critical"}
    assert critical == {name for name, kind in found.items() if kind == "Critical"}


def test_a_server_that_has_everything_lacks_nothing(server: ThrowAwayServer) -> None:
    everything = [f"{name}={version}" for name, version, _ in assessed(server)]
    install(
        server, ZYPPER, *(one for one in everything if "slow" not in one and "fails" not in one)
    )
    left = {name for name, _, _ in assessed(server)}
    assert left == {
        "slow.noarch",
        "slow-after.noarch",
        "fails-after.noarch",
        "fails-before.noarch",
    }


def test_a_lock_is_respected(server: ThrowAwayServer) -> None:
    assert server.run(["/usr/bin/zypper", "addlock", "held", "libfoo"]).code == 0
    without = [one for one in EVERYTHING if one[0] not in ("held.noarch", "libfoo.noarch")]
    # What requires the locked one can't be installed either.
    assert assessed(server) == [one for one in without if one[0] != "app.noarch"]


def test_a_repository_that_is_gone_makes_the_assessment_unreadable(server: ThrowAwayServer) -> None:
    assert assessed(server) == EVERYTHING
    (server.root / "srv/repositories/updates").rename(server.root / "srv/gone")
    with pytest.raises(UnreadableError, match="updates"):
        assessed(server)


def test_lists_that_the_user_can_not_read_make_the_assessment_unreadable(
    server: ThrowAwayServer,
) -> None:
    (server.root / "etc/zypp/repos.d/updates.repo").chmod(0o600)
    with pytest.raises(UnreadableError, match="TEST-2026"):
        assessed(server)


def test_a_simulated_install_names_what_it_would_bring(unchanged: ThrowAwayServer) -> None:
    assert brings(unchanged, "app.noarch=2.0-1") == ("app.noarch", "libfoo.noarch")
    assert brings(unchanged, "grows.noarch=2.0-1") == ("brand-new.noarch", "grows.noarch")
    assert brings(unchanged, f"{LONG}=2.0-1", "both.x86_64=2.0-1") == (LONG, "both.x86_64")
    assert brings(unchanged, "odd.noarch=1:1.0^git5-1") == ("odd.noarch",)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        pytest.param("stuck.noarch=2.0-1", "what-nobody-has", id="nobody has what it requires"),
        pytest.param("greedy.noarch=2.0-1", "victim", id="it would remove another package"),
        pytest.param("plain.noarch=9-1", "plain.noarch=9-1", id="it can't be had any more"),
    ],
)
def test_a_simulated_install_that_fails_says_why(
    unchanged: ThrowAwayServer, update: str, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason):
        brings(unchanged, update, "grave.noarch=1.0.1-1")


def test_a_simulation_changes_nothing(unchanged: ThrowAwayServer) -> None:
    before = assessed(unchanged)
    brings(unchanged, "app.noarch=2.0-1", "kernel.noarch=5.1-1")
    assert assessed(unchanged) == before
