"""Whatever a server answers is read, or said to be unreadable, in a time that grows with its length only."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.adapters.package_managers.detection import MANAGERS, manager_of
from shared.adapters.package_managers.manager import PackageManager, UnreadableError
from shared.adapters.package_managers.rpm import newest, order
from shared.adapters.ssh.commands import Output
from shared.domain.updates import Update

HUGE = "9" * 5000
FAMILIES = tuple(MANAGERS)
CODES = (0, 1, 7, 8, 100, 102, 200)
UPDATES = {
    "apt": Update(name="tool", version="1", classification="Other"),
    "dnf": Update(name="tool.noarch", version="1-1", classification="Other"),
    "zypper": Update(name="tool.noarch", version="1-1", classification="Other"),
}
# What the parsers look for, whole and in parts.
PIECES = {
    "apt": (
        "Inst ",
        "tool ",
        "[1.0] ",
        "(2.0 ",
        "Debian:12/stable-security ",
        "[amd64])",
        " []",
        "]) [",
        "\n",
        "E: ",
        "W: ",
        "1 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n",
        f"{HUGE} upgraded, ",
        " 500 http://x\n",
        "     release a=now\n",
        "     release v=12,l=Debian,a=stable\n",
        "     release x\n",
        f" {HUGE} x\n",
        "The following packages have been kept back:\n",
        "dpkg: error processing package tool (--configure):\n ",
        "amd64\n",
        "tool\tamd64\t1.0\tinstalled\n",
        "Could not get lock /x",
        "sudo: a password is required\n",
    ),
    "dnf": (
        "tool.noarch ",
        "2-1 ",
        "updates\n",
        " ",
        "\n",
        "tool-2-1.noarch",
        "|",
        "X-1 Important/Sec. ",
        "X-2 security Critical ",
        f"tool-{HUGE}-1.noarch",
        f"tool.noarch {HUGE}:2-1 updates\n",
        f"tool-{HUGE}:2-1.noarch",
        "Upgrading:\n",
        " tool noarch 2-1 updates 6.0 k\n",
        "Transaction Summary\n",
        "Error: ",
        " Problem: ",
        "%post(",
        "%post(a) scriptlet failed, exit status ",
        "Nothing to do",
        "tool.noarch\t1-1\n",
        "is a duplicate with ",
        "gpg-pubkey.(none)\t1-1\n",
        "RPMDB already locked by 7\n",
    ),
    "zypper": (
        "<stream>",
        "</stream>",
        "<message type='error'>",
        "</message>",
        "<prompt>",
        "</prompt>",
        "<update-list>",
        "</update-list>",
        "<update kind='package' name='tool' edition='2-1' arch='noarch'/>",
        "<update kind='package'/>",
        f"<update kind='package' name='tool' edition='{HUGE}:1-1' arch='noarch'/>",
        "<update kind='patch' name='p' category='security' severity='critical'/>",
        "<install-summary>",
        "</install-summary>",
        "<to-upgrade>",
        "</to-upgrade>",
        "<solvable type='package'/>",
        "<?xml version='1.0' encoding='utf-16'?>",
        "<?xml version='1.0' encoding='nonsense'?>",
        "&nbsp;",
        "&#0;",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>",
        "&b;",
        "<![CDATA[",
        "! | p | patch | 1 | noarch | updates\n",
        "    conflicts: tool < 2-1\n",
        f"tool.noarch\t{HUGE}:1-1\n",
        f"tool.noarch\t{HUGE}-2\n",
        "tool.noarch\t1-1\n",
        "System management is locked by the application",
        "\n",
    ),
}


def questions(
    manager: PackageManager, outputs: Mapping[str, Output]
) -> Iterator[Callable[[], object]]:
    """All that is ever read from outputs."""
    yield partial(manager.updates, outputs)
    yield partial(manager.installed, outputs)
    yield partial(manager.problem, outputs)
    yield lambda: manager.install(manager.updates(outputs))
    for output in outputs.values():
        yield partial(manager.brings, output)


def steps_of(family: str) -> tuple[str, ...]:
    manager = MANAGERS[family]
    steps = (*manager.assess(), *manager.install([UPDATES[family]]), *manager.inspect())
    return tuple(dict.fromkeys(step.name for step in steps))


def texts(family: str) -> st.SearchStrategy[str]:
    pieces = st.lists(st.sampled_from(PIECES[family]), max_size=8).map("".join)
    return st.one_of(
        pieces, st.text(max_size=30), st.tuples(pieces, st.text(max_size=9)).map("".join)
    )


def read(manager: PackageManager, outputs: Mapping[str, Output]) -> None:
    for question in questions(manager, outputs):
        try:
            question()
        except UnreadableError:
            continue


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("family", FAMILIES)
def test_any_answer_is_read_or_unreadable(family: str, data: st.DataObject) -> None:
    text = texts(family)
    output = st.builds(Output, code=st.sampled_from(CODES), stdout=text, stderr=text)
    outputs = {
        name: data.draw(output) for name in data.draw(st.sets(st.sampled_from(steps_of(family))))
    }
    read(MANAGERS[family], outputs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", CODES)
def test_each_piece_of_an_answer_is_read_or_unreadable_as_every_answer(
    family: str, code: int
) -> None:
    for piece in ("", *PIECES[family]):
        for output in (Output(code=code, stdout=piece), Output(code=code, stderr=piece)):
            read(MANAGERS[family], dict.fromkeys(steps_of(family), output))


DONE = Output(code=0)
COUNTED = Output(code=0, stdout="0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")


def apt_said(**outputs: Output) -> dict[str, Output]:
    return {"refresh": DONE, "updates": COUNTED, "security": COUNTED, "sources": DONE, **outputs}


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param(
            apt_said(updates=Output(code=0, stdout=f"{HUGE}{COUNTED.stdout}")), id="a count"
        ),
        pytest.param(
            apt_said(updates=Output(code=0, stdout="Inst tool (2.0 x [amd64]")), id="half a line"
        ),
    ],
)
def test_a_number_that_is_no_count_makes_the_answer_unreadable(
    outputs: Mapping[str, Output],
) -> None:
    with pytest.raises(UnreadableError):
        MANAGERS["apt"].updates(outputs)


@pytest.mark.parametrize(
    "policy", [f" {HUGE} http://x\n     release a=b\n", "     release nonsense\n"]
)
def test_a_source_that_is_not_understood_has_no_priority(policy: str) -> None:
    assert MANAGERS["apt"].updates(apt_said(sources=Output(code=0, stdout=policy))) == ()


def test_a_version_of_five_thousand_digits_is_unreadable() -> None:
    outputs = {
        "refresh": DONE,
        "newest": Output(code=100, stdout="a.noarch 1-1 r\n"),
        "available": Output(code=0, stdout=f"a-1-1.noarch|a-{HUGE}-1.noarch|"),
        "advisories": Output(code=0, stdout=f"X Important/Sec. a-{HUGE}-1.noarch\n"),
    }
    with pytest.raises(UnreadableError):
        MANAGERS["dnf"].updates(outputs)


@given(st.integers(min_value=0), st.integers(min_value=0), st.integers(0, 3), st.integers(0, 3))
@example(10, 9, 0, 0)
@example(0, 0, 0, 2)
def test_numbers_in_versions_are_compared_by_value(a: int, b: int, zeros: int, more: int) -> None:
    one, other = f"{'0' * zeros}{a}-1", f"{'0' * more}{b}-1"
    assert (order(one) < order(other)) == (a < b)
    assert (order(one) == order(other)) == (a == b)


def test_versions_of_more_digits_than_a_number_may_have_are_compared() -> None:
    assert newest((f"{HUGE}-1", f"{HUGE}0-1")) == f"{HUGE}0-1"
    assert newest((f"{HUGE}:1-1", "1:2-1")) == f"{HUGE}:1-1"


@given(st.text())
def test_any_description_of_a_distribution_is_read(text: str) -> None:
    manager_of(text)


# Answers of one repeated piece that has cost, or could cost, a time that grows with its square.
REPEATED = {
    "apt, ends of sources": ("apt", "updates", "Inst a (1 {}\n", " [a]) [", 0),
    "apt, beginnings of architectures": ("apt", "updates", "Inst a (1 {}\n", " [", 0),
    "apt, kept back": ("apt", "updates", "The following packages have been kept back:\n{}", "  a\n", 0),
    "apt, faults": ("apt", "install", "dpkg: error processing package {}\n", "a (--b): ", 100),
    "apt, spaces after a fault": ("apt", "install", "dpkg: error processing package a (--b):{}x", " ", 100),
    "apt, sources": ("apt", "sources", "     release {}\n", "a=,", 0),
    "dnf, an endless row": ("dnf", "newest", "a b\n{}", " a b\n", 0),
    "dnf, an endless heading": ("dnf", "install", "A{}\nTransaction Summary\n", "a", 1),
    "dnf, scripts without an end": ("dnf", "install", "{}", "%a(", 1),
    "dnf, problems": ("dnf", "install", "{}", " Problem: a\n - b\n", 1),
    "dnf, hyphens": ("dnf", "available", "{}|", "a-1.", 0),
    "dnf, advisories": ("dnf", "advisories", "{}", "X-1 Low/Sec. a-1-1.noarch\n", 0),
    "zypper, nested messages": ("zypper", "install", "<stream>{}", "<message>a", 4),
    "zypper, scripts without an end": ("zypper", "install", "{}", "%a(", 8),
    "zypper, bars": ("zypper", "contents", "! {}", "|", 0),
    "zypper, packages twice": ("zypper", "packages", "{}", "a.noarch\t1-1\na.noarch\t2-1\n", 0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "step", "text", "piece", "code"), REPEATED.values(), ids=REPEATED.keys()
)
def test_time_grows_with_the_length_of_an_answer_only(
    family: str, step: str, text: str, piece: str, code: int
) -> None:
    manager = MANAGERS[family]

    def took(times: int) -> float:
        closing = "</message>" * times + "</stream>" if "<message>" in piece else ""
        output = Output(code=code, stdout=text.format(piece * times) + closing)
        outputs = {**dict.fromkeys(steps_of(family), DONE), step: output}
        began = time.process_time()
        read(manager, outputs)
        return time.process_time() - began

    few = 1
    while took(few) < 0.004 and few < 200_000:
        few *= 2
    # Linear is 8, and quadratic 64.
    assert min(took(few * 8) for _ in range(3)) < 25 * min(took(few) for _ in range(3)) + 0.01
