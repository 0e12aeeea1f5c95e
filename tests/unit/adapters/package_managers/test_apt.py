"""Which updates apt's answers make, which answers are refused, and the words that go back to apt."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.package_managers.apt import Apt
from shared.adapters.package_managers.manager import INSTALL, PackageManager, UnreadableError
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update

APT = Apt()
NATIVE = Output(code=0, stdout="amd64\n")

POLICY = """Package files:
 100 /var/lib/dpkg/status
     release a=now
 {security} http://archive.ubuntu.com/ubuntu jammy-security/main amd64 Packages
     release v=22.04,o=Ubuntu,a=jammy-security,n=jammy,l=Ubuntu,c=main,b=amd64
     origin archive.ubuntu.com
 {updates} http://archive.ubuntu.com/ubuntu jammy-updates/main amd64 Packages
     release v=22.04,o=Ubuntu,a=jammy-updates,n=jammy,l=Ubuntu,c=main,b=amd64
     origin archive.ubuntu.com
Pinned packages:
"""
UPDATES, SECURITY = "Ubuntu:22.04/jammy-updates", "Ubuntu:22.04/jammy-security"


def simulated(*installs: str, above: str = "", counts: str | None = None) -> Output:
    """A simulated run that would upgrade these: `name version source`."""
    lines = []
    for one in installs:
        name, version, source = one.split(" ", 2)
        lines.append(f"Inst {name} [1.0] ({version} {source} [amd64])\n")
    counts = (
        counts or f"{len(lines)} upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
    )
    return Output(code=0, stdout=above + counts + "".join(lines))


def assessed(
    updates: Output,
    *,
    security: Output | None = None,
    refresh: Output | None = None,
    pins: tuple[int, int] = (500, 500),
) -> tuple[tuple[str, str | None, str], ...]:
    """What an assessment lists; *pins* are the priorities of security suites and of the others."""
    policy = POLICY.format(security=pins[0], updates=pins[1])
    found = APT.updates(
        {
            "refresh": refresh or Output(code=0),
            "updates": updates,
            "security": security or simulated(),
            "sources": Output(code=0, stdout=policy),
        }
    )
    return tuple((one.name, one.version, one.classification) for one in found)


def test_apt_is_a_package_manager() -> None:
    manager: PackageManager = APT
    assert manager.name == "apt"


# --- which updates -------------------------------------------------------------------------------

TWO_VERSIONS = (("web", "3.0", "Other"), ("web", "2.0", "Security"))
ONLY_NEWEST = (("web", "3.0", "Other"),)
KEPT_BACK = "The following packages have been kept back:\n  {}\n"
PHASED = "The following upgrades have been deferred due to phasing:\n  {}\n"


@pytest.mark.parametrize(
    ("newest", "security", "pins", "expected"),
    [
        pytest.param(f"3.0 {UPDATES}", f"2.0 {SECURITY}", (500, 500), TWO_VERSIONS, id="a fix below the newest"),
        pytest.param(
            f"3.0 {UPDATES}, {SECURITY}", f"3.0 {UPDATES}, {SECURITY}", (500, 500), (("web", "3.0", "Security"),),
            id="the newest is the fix",
        ),
        pytest.param(
            f"3.0 {SECURITY}", f"2.0 {SECURITY}", (500, 500), (("web", "3.0", "Security"),),
            id="a fix below a newer fix",
        ),
        pytest.param(f"3.0 {UPDATES}", f"3.0 {UPDATES}", (500, 500), ONLY_NEWEST, id="no fix at all"),
        pytest.param(f"3.0 {UPDATES}", f"2.0 {SECURITY}", (500, 900), ONLY_NEWEST, id="another source preferred"),
        pytest.param(f"3.0 {UPDATES}", f"2.0 {SECURITY}", (-1, 500), ONLY_NEWEST, id="security suites pinned away"),
    ],
)  # fmt: skip
def test_a_security_fix_below_the_newest_is_listed_unless_pins_forbid_it(
    newest: str,
    security: str,
    pins: tuple[int, int],
    expected: tuple[tuple[str, str | None, str], ...],
) -> None:
    found = assessed(simulated(f"web {newest}"), security=simulated(f"web {security}"), pins=pins)
    assert found == expected


@pytest.mark.parametrize(
    ("above", "pins", "expected"),
    [
        pytest.param(KEPT_BACK.format("a web b"), (500, 500), (("web", "2.0", "Security"),), id="kept back"),
        pytest.param(PHASED.format("web"), (500, 500), (("web", "2.0", "Security"),), id="for others first"),
        pytest.param("", (500, 500), (), id="what is installed is preferred"),
        pytest.param(KEPT_BACK.format("web"), (500, 900), (), id="kept back, and another source preferred"),
    ],
)  # fmt: skip
def test_a_fix_is_listed_alone_when_apt_keeps_only_the_newest_back(
    above: str, pins: tuple[int, int], expected: tuple[tuple[str, str | None, str], ...]
) -> None:
    found = assessed(simulated(above=above), security=simulated(f"web 2.0 {SECURITY}"), pins=pins)
    assert found == expected


def test_a_server_without_security_suites_has_no_security_updates() -> None:
    none = Output(
        code=100,
        stderr="E: The value '*-security' is invalid for APT::Default-Release as such a release is not available "
        "in the sources\n",
    )
    assert assessed(simulated(f"web 3.0 {UPDATES}"), security=none) == ONLY_NEWEST


def test_a_package_that_is_new_is_no_update_by_itself() -> None:
    new = simulated(counts="0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\n")
    brought = replace(new, stdout=f"{new.stdout}Inst web (3.0 {UPDATES} [amd64])\n")
    assert assessed(brought) == ()


def test_what_would_go_back_to_a_lower_version_is_no_update() -> None:
    downgrade = simulated(
        f"web 0.9 {UPDATES}",
        above="The following packages will be DOWNGRADED:\n  web\n",
        counts="0 upgraded, 0 newly installed, 1 downgraded, 0 to remove and 0 not upgraded.\n",
    )
    assert assessed(downgrade) == ()


STALE = (
    "W: Some index files failed to download. They have been ignored, or old ones used instead.\n"
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"refresh": Output(code=0, stderr=STALE)}, "did not get every list"),
        ({"refresh": Output(code=100, stderr="E: Failed to fetch http://x\n")}, "Failed to fetch"),
        ({"updates": Output(code=100, stderr="E: The list of sources could not be read.\n")}, "list of sources"),
        ({"updates": Output(code=0)}, "did not say what it would do"),
        ({"updates": simulated(counts="1 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")},
         "does not list what it counts"),
        ({"updates": simulated(f"web 3.0 {UPDATES}", counts="1 upgraded, 0 newly installed, 1 to remove \n")},
         "does not list what it counts"),
        ({"updates": simulated(f"we$b 3.0 {UPDATES}")}, "Debian's policy"),
        ({"updates": simulated(f"web 3.0- {UPDATES}")}, "Debian's policy"),
        ({"updates": simulated(f"web 3.0;reboot {UPDATES}")}, "Debian's policy"),
        ({"updates": replace(simulated(), stdout=f"{simulated().stdout}Inst web\n")}, "not understood"),
        ({"security": Output(code=100, stderr="E: Unmet dependencies.\n")}, "Unmet dependencies"),
    ],
    ids=[
        "an old list that apt only warns of", "a list that can't be fetched", "no sources", "nothing said",
        "a line that was cut off", "a removal", "a name of other signs", "a version that would remove",
        "a version of other signs", "a line of another form", "a failed second look",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_an_error_and_never_nothing_to_do(
    changed: Mapping[str, Output], said: str
) -> None:
    plain: dict[str, Any] = {"updates": simulated(), **changed}
    with pytest.raises(UnreadableError, match=said):
        assessed(**plain)


@pytest.mark.parametrize("step", [step.name for step in APT.assess()])
def test_an_answer_that_is_missing_is_an_error(step: str) -> None:
    outputs = {one.name: simulated() for one in APT.assess() if one.name != step}
    with pytest.raises(UnreadableError, match=f"no output of '{step}'"):
        APT.updates(outputs)


# --- what is there, and what went wrong ----------------------------------------------------------


def test_packages_of_another_architecture_bear_it_in_their_name() -> None:
    listed = (
        "libfoo\tamd64\t1.0\tinstalled\nlibfoo\ti386\t1.1\tinstalled\ntool\tall\t2\tinstalled\n"
    )
    found = APT.installed({"architecture": NATIVE, "packages": Output(code=0, stdout=listed)})
    assert found == {"libfoo": {"1.0"}, "libfoo:i386": {"1.1"}, "tool": {"2"}}


@pytest.mark.parametrize(
    "packages",
    [
        Output(code=2, stderr="dpkg-query: error: failed to open package info file\n"),
        Output(code=0, stdout="tool\tall\t2"[:8]),
    ],
    ids=["dpkg-query fails", "a line that was cut off"],
)
def test_a_list_of_packages_that_is_not_understood_is_an_error(packages: Output) -> None:
    with pytest.raises(UnreadableError):
        APT.installed({"architecture": NATIVE, "packages": packages})


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({INSTALL: Output(code=0, stderr="W: something\n")}, ""),
        ({}, ""),
        ({INSTALL: Output(code=100, stderr="E: Version '9' for 'tool' was not found\n")},
         "apt-get failed: Version '9' for 'tool' was not found."),
        ({INSTALL: Output(code=137)}, "apt-get failed: it ended with code 137."),
    ],
    ids=["it went well", "nothing was installed", "apt said why", "killed"],
)  # fmt: skip
def test_a_failed_install_has_a_problem_and_no_other(
    outputs: Mapping[str, Output], said: str
) -> None:
    assert APT.problem(outputs) == said


# --- words ---------------------------------------------------------------------------------------


def chosen(*pairs: tuple[str, str]) -> tuple[Update, ...]:
    return tuple(
        Update(name=name, version=version, classification="Other") for name, version in pairs
    )


def words_of_install(*pairs: tuple[str, str]) -> tuple[str, ...]:
    step = next(step for step in APT.install(chosen(*pairs)) if step.name == INSTALL)
    return step.command.words[step.command.words.index("--") + 1 :]


def test_each_package_is_named_with_its_version() -> None:
    assert words_of_install(("web", "1:2-3"), ("libfoo:i386", "1.1")) == (
        "web=1:2-3",
        "libfoo:i386=1.1",
    )


def test_of_two_versions_of_a_package_the_newest_is_installed() -> None:
    assert words_of_install(("web", "3.0"), ("web", "2.0")) == ("web=3.0",)


def test_a_plus_at_the_end_of_a_version_is_not_taken_for_a_sign() -> None:
    assert words_of_install(("calc++", "1.1+")) == ("calc++=1.1++",)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("-o", "1"), ("web", "1-"), ("web", ""), ("./web.deb", "1"), ("web*", "1"), ("web", "1 -o"),
        ("web\n", "1"), ("web", "1\n"), ("Web", "1"), ("web", "candidate"),
    ],
)  # fmt: skip
def test_no_other_word_than_a_package_and_its_version_is_ever_made(name: str, version: str) -> None:
    with pytest.raises(UnreadableError):
        APT.install(chosen((name, version)))
    with pytest.raises(UnreadableError):
        APT.simulate(chosen((name, version)), name="simulated")


def test_without_updates_it_only_looks() -> None:
    assert APT.install(()) == APT.inspect()
    assert not any(step.command.as_root for step in APT.inspect())


def test_apt_is_asked_as_root_because_it_takes_what_a_user_can_not_read_for_nothing() -> None:
    steps = (*APT.assess(), APT.simulate(chosen(("web", "1")), name="simulated"))
    assert all(step.command.as_root for step in steps)
