"""What real apt on a throw-away Debian is found to lack, and what it would bring along."""

import fcntl
from pathlib import Path

import pytest

from shared.adapters.package_managers.apt_answers import reason
from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update
from tests.integration.package_managers.apt_server import (
    APT,
    apt_server,
    assess,
    only,
    perform,
    run,
)
from tests.servers.repositories.deb import STABLE
from tests.servers.server import ThrowAwayServer

SECURITY_ONLY = """
Unattended-Upgrade::Origins-Pattern { "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"; };
"""
PINNED_AWAY = "Package: *\nPin: release l=Debian-Security\nPin-Priority: -1\n"
PREFERRED = "Package: *\nPin: release l=Debian,n=bookworm\nPin-Priority: 900\n"
DOWNGRADING = "Package: *\nPin: release l=Debian,n=bookworm\nPin-Priority: 1001\n"


def write(server: ThrowAwayServer, path: str, text: str) -> Path:
    file = server.root / path
    file.write_text(text, encoding="utf-8")
    return file


def listed(updates: tuple[Update, ...]) -> list[tuple[str, str | None, str]]:
    return [(one.name, one.version, one.classification) for one in updates]


def test_each_update_is_listed_with_its_version_and_classification() -> None:
    with apt_server() as server:
        found = listed(assess(server))
    # Not `held`, which is held, nor `needs-held`; not `pushy`, which would remove `rival`; not `phased`, not yet.
    assert found == [
        ("app", "2.0", "Security"),
        ("asking", "2.0", "Other"),
        ("big", "2.0", "Other"),
        ("both", "1.1", "Security"),
        ("calc++", "1.1+", "Other"),
        ("configured", "2.0", "Other"),
        ("failing", "2.0", "Other"),
        ("grower", "1.1", "Other"),
        ("kernelish", "2.0", "Security"),
        ("kind", "1.1", "Other"),
        ("libfoo", "2.0", "Other"),
        ("libwide", "1.1", "Other"),
        ("libwide:i386", "1.1", "Other"),
        ("odd", "1:1.0+dfsg-1~deb12u1+b1", "Security"),
        ("slow", "2.0", "Security"),
        ("tool", "1.1", "Other"),
        ("torn", "2.0", "Security"),
        ("twice", "3.0", "Other"),
        ("twice", "2.0", "Security"),
        ("webd", "2.4-2", "Security"),
    ]


def test_a_package_is_listed_once_it_is_no_longer_held() -> None:
    with apt_server("held", "needs-held") as server:
        assert assess(server) == ()
        assert server.run(["/usr/bin/apt-mark", "unhold", "held"]).code == 0
        assert listed(assess(server)) == [
            ("held", "2.0", "Security"),
            ("needs-held", "2.0", "Other"),
        ]


def test_unattended_upgrades_chooses_the_same_security_updates() -> None:
    # It never installs `app`: that needs an update that is no security fix itself, which Muster would bring along.
    names = (
        "webd",
        "twice",
        "torn",
        "rival",
        "held",
        "pushy",
        "kernelish",
        "slow",
        "odd",
        "both",
        "tool",
        "grower",
    )
    with apt_server(*names) as server:
        own = {
            (one.name, one.version) for one in assess(server) if one.classification == "Security"
        }
        write(server, "etc/apt/apt.conf.d/50unattended-upgrades", SECURITY_ONLY)
        said = server.run(["/usr/bin/unattended-upgrade", "--dry-run", "-d"])
    fetched = [line.split() for line in said.stdout.splitlines() if line.startswith("Get:")]
    # Get:1 file:/srv/deb/second stable-security/main amd64 webd amd64 2.4-2 [20.7 kB]
    theirs = {(words[4], words[6]) for words in fetched}
    assert said.code == 0
    assert own == theirs
    assert ("torn", "2.0") in theirs
    assert len(theirs) == 7


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        ("", [("twice", "3.0", "Other"), ("twice", "2.0", "Security")]),
        (PREFERRED, [("twice", "3.0", "Other")]),
        (PINNED_AWAY, [("twice", "3.0", "Other")]),
        ("Package: twice\nPin: version 2.0\nPin-Priority: 990\n", [("twice", "2.0", "Security")]),
        ("Package: twice\nPin: release l=Debian*\nPin-Priority: -1\n", []),
    ],
    ids=["none", "ordinary suite preferred", "security suite never", "one version", "nothing of this package"],
)  # fmt: skip
def test_the_pins_of_the_administrator_count(
    preferences: str, expected: list[tuple[str, str | None, str]]
) -> None:
    with apt_server("twice") as server:
        write(server, "etc/apt/preferences.d/pins", preferences)
        assert listed(assess(server)) == expected


def test_a_pin_that_would_downgrade_is_no_update() -> None:
    with apt_server("tool") as server:
        built = server.run(
            ["/usr/bin/dpkg-deb", "-R", "/srv/deb/second/pool/stable/tool_1.1_all.deb", "/srv/t"]
        )
        assert built.code == 0
        control = server.root / "srv/t/DEBIAN/control"
        control.write_text(
            control.read_text(encoding="ascii").replace("1.1", "9.0"), encoding="ascii"
        )
        assert server.run(["/usr/bin/dpkg-deb", "-b", "/srv/t", "/srv/t.deb"]).code == 0
        assert server.run(["/usr/bin/dpkg", "-i", "/srv/t.deb"]).code == 0
        write(server, "etc/apt/preferences.d/pins", DOWNGRADING)
        outputs = perform(server, APT.assess())
        assert "1 downgraded" in outputs["updates"].stdout
        assert APT.updates(outputs) == ()


def test_a_server_without_security_suites_has_ordinary_updates() -> None:
    with apt_server("twice", "webd", suites=(STABLE,)) as server:
        assert listed(assess(server)) == [("twice", "3.0", "Other")]


def test_a_source_that_does_not_answer_makes_the_answer_unreadable() -> None:
    with apt_server("tool") as server:
        write(server, "etc/apt/apt.conf.d/quick", 'Acquire::Retries "0";\n')
        write(
            server,
            "etc/apt/sources.list.d/dead.list",
            "deb http://127.0.0.1:9/debian stable main\n",
        )
        outputs = perform(server, APT.assess())
        with pytest.raises(UnreadableError, match=r"Failed to fetch http://127\.0\.0\.1:9/"):
            APT.updates(outputs)
        # As apt before 2.1 answers, which does not know the option.
        older = server.run(["/usr/bin/apt-get", "-q", "update"])
        assert older.code == 0
        with pytest.raises(UnreadableError, match=r"Failed to fetch http://127\.0\.0\.1:9/"):
            APT.updates({**outputs, "refresh": older})


def test_lists_and_configuration_that_only_root_can_read_are_read() -> None:
    with apt_server("tool", "twice") as server:
        (server.root / "srv/deb").chmod(0o700)
        write(
            server, "etc/apt/apt.conf.d/secret", 'APT::Default-Release "stable-security";\n'
        ).chmod(0o600)
        assert listed(assess(server)) == [("tool", "1.1", "Other"), ("twice", "2.0", "Security")]


def test_lists_that_another_process_has_locked_are_waited_for() -> None:
    with apt_server("tool") as server:
        assert len(assess(server)) == 1
        with (server.root / "var/lib/apt/lists/lock").open("w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            refused = run(server, APT.assess()[0])
        assert refused.code != 0
        assert any(text in refused.stderr for text in APT.locked)
        assert len(assess(server)) == 1


# --- what an update brings along -----------------------------------------------------------------


def simulated(server: ThrowAwayServer, *updates: Update) -> Output:
    return run(server, APT.simulate(updates, name="simulated"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app", ["app", "libfoo"]),
        ("grower", ["grower", "newcomer"]),
        ("kind", ["kind"]),
        ("libwide:i386", ["libwide", "libwide:i386"]),
        ("tool", ["tool"]),
    ],
    ids=["another update", "a new package", "no recommendation", "its twin", "nothing"],
)
def test_a_simulated_install_says_what_an_update_brings(name: str, expected: list[str]) -> None:
    with apt_server("app", "libfoo", "grower", "kind", "libwide", "tool") as server:
        wanted = only(assess(server), name)
        assert sorted(APT.brings(simulated(server, *wanted))) == expected


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pushy", "Packages need to be removed"),
        ("held", "Held packages were changed"),
        ("needs-held", "needs-held : Depends: held"),
    ],
)
def test_what_can_not_be_had_is_an_error(name: str, why: str) -> None:
    with apt_server() as server:
        assess(server)
        update = Update(name=name, version="2.0", classification="Other")
        with pytest.raises(UnreadableError, match=why):
            APT.brings(simulated(server, update))


def test_an_assessment_after_an_interruption_still_lists_what_is_lacking() -> None:
    with apt_server("app", "libfoo", "tool") as server:
        unpacked = "/srv/deb/second/pool/stable-security/app_2.0_all.deb"
        assert server.run(["/usr/bin/dpkg", "--unpack", unpacked]).code == 0
        assert listed(assess(server)) == [("libfoo", "2.0", "Other"), ("tool", "1.1", "Other")]
        broken = server.run(["/usr/bin/apt-get", "-s", "upgrade"])
        assert "Unmet dependencies" in reason(broken)
