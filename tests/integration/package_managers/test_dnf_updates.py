"""Which updates Muster finds with a real dnf, beside what dnf itself selects."""

import subprocess
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.package_managers.dnf import Dnf
from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.package_managers.rpm import order
from shared.domain.updates import Classification, Update
from tests.servers.repositories.rpm_servers import carry_out, fill, install, wanted
from tests.servers.server import ThrowAwayServer

DNF = Dnf()
LONG = "a-package-with-a-name-so-long-that-no-table-of-80-columns-can-hold-it-in-one-line.noarch"
# Every second release, the newest of a package first; what obsoletes another package is no update of it.
EVERYTHING = [
    (LONG, "2.0-1", "Other"),
    ("app.noarch", "2.0-1", "Other"),
    ("better.noarch", "2.0-1", "Other"),
    ("both.i686", "2.0-1", "Other"),
    ("both.x86_64", "2.0-1", "Other"),
    ("conf.noarch", "2.0-1", "Other"),
    ("deep.noarch", "1.10-1", "Other"),
    ("deep.noarch", "1.9-1", "Critical"),
    ("fails-after.noarch", "2.0-1", "Other"),
    ("fails-before.noarch", "2.0-1", "Other"),
    ("foreign.noarch", "2.0-1", "Other"),
    ("grave.noarch", "1.0.1-1", "Critical"),
    ("greedy.noarch", "2.0-1", "Other"),
    ("grows.noarch", "2.0-1", "Other"),
    ("held.noarch", "2.0-1", "Security"),
    ("kernel.noarch", "5.1-1", "Security"),
    ("layered.noarch", "1.2-1", "Other"),
    ("layered.noarch", "1.1-1", "Security"),
    ("libfoo.noarch", "2.0-1", "Security"),
    ("odd.noarch", "1:1.0^git5-1", "Other"),
    ("plain.noarch", "1.1-1", "Other"),
    ("slow-after.noarch", "2.0-1", "Other"),
    ("slow.noarch", "2.0-1", "Other"),
    ("stuck.noarch", "2.0-1", "Other"),
    ("urgent-not-secure.noarch", "2.0-1", "Other"),
    ("weighty.noarch", "2.0-1", "Security"),
]


@pytest.fixture(scope="module")
def unchanged() -> Iterator[ThrowAwayServer]:
    """One for all tests that only look."""
    with ThrowAwayServer.start("dnf") as started:
        fill(started, "dnf")
        assessed(started)
        yield started


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer.start("dnf") as started:
        fill(started, "dnf")
        yield started


def assessed(server: ThrowAwayServer) -> list[tuple[str, str | None, str]]:
    updates = DNF.updates(carry_out(server, *DNF.assess()))
    return [(one.name, one.version, one.classification) for one in updates]


def brings(server: ThrowAwayServer, *updates: str) -> tuple[str, ...]:
    step = DNF.simulate(wanted(*updates), name="simulate")
    return DNF.brings(carry_out(server, step)["simulate"])


def lock_version(server: ThrowAwayServer, *patterns: str) -> None:
    file = server.root / "etc/dnf/plugins/versionlock.list"
    file.write_text("".join(f"{one}\n" for one in patterns), encoding="utf-8")


def security_of(updates: list[tuple[str, str | None, str]]) -> set[tuple[str, str | None]]:
    return {(name, version) for name, version, kind in updates if kind != Classification.OTHER}


def test_every_update_is_found_with_the_classification_of_its_advisories(
    unchanged: ThrowAwayServer,
) -> None:
    assert assessed(unchanged) == EVERYTHING


def test_dnf_itself_selects_the_same_security_updates(unchanged: ThrowAwayServer) -> None:
    found = security_of(assessed(unchanged))
    listed = unchanged.run(["/usr/bin/dnf", "-q", "updateinfo", "list", "--security"]).stdout
    advised = {line.split()[2] for line in listed.splitlines()}
    named = {f"{name.removesuffix('.noarch')}-{version}.noarch" for name, version in found}
    # Of two security fixes of one package dnf lists both advisories, and installs the newer fix.
    assert advised - named == {"deep-1.2-1.noarch"}
    assert named <= advised
    table = unchanged.run(["/usr/bin/dnf", "--assumeno", "upgrade-minimal", "--security"]).stdout
    rows = [line.split() for line in table.splitlines() if line.startswith(" ")]
    chosen = {(f"{row[0]}.{row[1]}", row[2]) for row in rows if row[0] != "Package"}
    assert chosen == found


def test_a_server_that_has_everything_lacks_nothing(server: ThrowAwayServer) -> None:
    assert server.run(["/usr/bin/rm", "-r", "/etc/yum.repos.d/ordinary.repo"]).code == 0
    everything = [f"{name}={version}" for name, version, _ in assessed(server)]
    install(server, DNF, *(one for one in everything if "slow" not in one and "fails" not in one))
    left = {name for name, _, _ in assessed(server)}
    assert left == {"slow.noarch", "fails-after.noarch", "fails-before.noarch"}


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        pytest.param("held-0:1.0-*", [], id="the installed version"),
        pytest.param("!held-0:2.0-*", [], id="not that version"),
        pytest.param("held-0:2.0-*", [("held.noarch", "2.0-1", "Security")], id="that version"),
    ],
)
def test_a_lock_of_versions_is_respected(
    server: ThrowAwayServer, pattern: str, kept: list[tuple[str, str, str]]
) -> None:
    lock_version(server, pattern)
    found = assessed(server)
    assert [one for one in found if one[0] == "held.noarch"] == kept
    assert len(found) == len(EVERYTHING) - 1 + len(kept)


def test_a_lock_below_the_newest_leaves_the_security_fix_below_it(server: ThrowAwayServer) -> None:
    lock_version(server, "deep-0:1.2-*")
    assert [one for one in assessed(server) if one[0] == "deep.noarch"] == [
        ("deep.noarch", "1.2-1", "Critical")
    ]


def test_an_exclude_of_the_administrator_is_respected(server: ThrowAwayServer) -> None:
    with (server.root / "etc/dnf/dnf.conf").open("a", encoding="utf-8") as file:
        file.write("excludepkgs=libfoo weight*\n")
    names = {name for name, _, _ in assessed(server)}
    assert names.isdisjoint({"libfoo.noarch", "weighty.noarch"})
    with pytest.raises(UnreadableError, match="libfoo"):
        brings(server, "app.noarch=2.0-1")


@pytest.mark.parametrize("may_be_skipped", ["0", "1"])
def test_a_repository_that_is_gone_makes_the_assessment_unreadable(
    server: ThrowAwayServer, may_be_skipped: str
) -> None:
    assert assessed(server) == EVERYTHING
    with (server.root / "etc/yum.repos.d/updates.repo").open("a", encoding="utf-8") as file:
        file.write(f"skip_if_unavailable={may_be_skipped}\n")
    (server.root / "srv/repositories/updates").rename(server.root / "srv/gone")
    with pytest.raises(UnreadableError, match="updates"):
        assessed(server)


def test_a_simulated_install_names_what_it_would_bring(unchanged: ThrowAwayServer) -> None:
    assert brings(unchanged, "app.noarch=2.0-1") == ("app.noarch", "libfoo.noarch")
    assert brings(unchanged, "grows.noarch=2.0-1") == ("brand-new.noarch", "grows.noarch")
    both = ("both.i686=2.0-1", "both.x86_64=2.0-1")
    assert brings(unchanged, f"{LONG}=2.0-1", *both) == (LONG, "both.i686", "both.x86_64")
    assert brings(unchanged, "odd.noarch=1:1.0^git5-1") == ("odd.noarch",)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        pytest.param("stuck.noarch=2.0-1", "what-nobody-has", id="nobody has what it requires"),
        pytest.param("greedy.noarch=2.0-1", "victim", id="it would remove another package"),
        pytest.param("plain.noarch=9-1", "plain-9-1", id="it can't be had any more"),
        pytest.param("new-name.noarch=9-1", "new-name-9-1", id="it is not there"),
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


def test_updates_are_plain_values(unchanged: ThrowAwayServer) -> None:
    first, *_ = DNF.updates(carry_out(unchanged, *DNF.assess()))
    assert first == Update(name=LONG, version="2.0-1", classification=Classification.OTHER)


_PIECES = st.text("019aZ.~^_+", min_size=1, max_size=6)
_VERSIONS = st.builds(
    lambda epoch, version, release: f"{epoch}{version}-{release}",
    st.sampled_from(["", "0:", "1:", "10:"]),
    _PIECES,
    _PIECES,
)


@settings(max_examples=40, deadline=None)
@given(versions=st.lists(_VERSIONS, min_size=30, max_size=60))
def test_versions_are_ordered_as_rpm_itself_orders_them(versions: list[str]) -> None:
    pairs = list(pairwise(versions))
    asked = ", ".join(f"rpm.vercmp('{first}', '{second}')" for first, second in pairs)
    done = subprocess.run(
        ["rpm", "--eval", f"%{{lua:for _, one in ipairs({{{asked}}}) do print(one .. ' ') end}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    said = [int(one) for one in done.stdout.split()]
    ours = [
        (order(first) > order(second)) - (order(first) < order(second)) for first, second in pairs
    ]
    assert ours == said
