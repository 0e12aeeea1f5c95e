"""The plan of a task holds its words as they are, one a line, and what can't be a task is refused."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.ssh.commands import Command, Condition, Step
from shared.adapters.ssh.detached import Task, plan_of

PRINTABLE = st.text().filter(str.isprintable)


def step(name: str, *words: str, reboots: bool = False) -> Step:
    return Step(name=name, command=Command(words=("/bin/true", *words)), reboots=reboots)


def test_a_plan_says_all_that_a_task_is() -> None:
    install = Step(
        name="install",
        command=Command(words=("/usr/bin/apt-get", "install", "", "a b"), as_root=True),
        only_if=(Condition(step="audit"), Condition(step="lists", codes=(0, 100))),
        within=timedelta(minutes=90),
    )
    reboot = Step(name="reboot", command=Command(words=("/bin/true",)), reboots=True)
    task = Task(
        key="install-1",
        steps=(install, reboot),
        locked=("Could not get lock",),
        began=("Setting up",),
        patience=timedelta(minutes=5),
        note="a note",
    )
    assert plan_of(task).splitlines() == [
        *("note a note", "patience 300", "pause 10", "locked Could not get lock"),
        "began Setting up",
        *("step install", "root", "only-if audit 0", "only-if lists 0 100", "within 5400"),
        *("word /usr/bin/apt-get", "word install", "word ", "word a b", "run"),
        *("step reboot", "reboots", "word /bin/true", "run", "end"),
    ]


@given(words=st.lists(PRINTABLE), note=PRINTABLE)
def test_no_word_passes_for_another_line(words: list[str], note: str) -> None:
    lines = plan_of(Task(key="k", steps=(step("one", *words),), note=note)).split("\n")
    begins = [line.partition(" ")[0] for line in lines]
    expected = [
        "note",
        "patience",
        "pause",
        "step",
        "word",
        *["word"] * len(words),
        "run",
        "end",
        "",
    ]
    assert begins == expected
    assert [line.partition(" ")[2] for line in lines if line.startswith("word ")][1:] == words


@pytest.mark.parametrize(
    ("steps", "texts", "note"),
    [
        pytest.param((), (), "", id="no step"),
        pytest.param((step("a"), step("a")), (), "", id="two steps of one name"),
        pytest.param((step("a", reboots=True), step("b")), (), "", id="a step after the reboot"),
        pytest.param((step("a"),), ("",), "", id="a lock that is always held"),
        pytest.param((step("a"),), ("a\nb",), "", id="a lock of two lines"),
        pytest.param((step("a"),), (), "a\nend", id="a note of two lines"),
    ],
)
def test_what_can_not_be_a_task_is_refused(
    steps: tuple[Step, ...], texts: tuple[str, ...], note: str
) -> None:
    with pytest.raises(ValueError, match=r"task|lock"):
        Task(key="k", steps=steps, locked=texts, note=note)
    with pytest.raises(ValueError, match=r"task|beginning"):
        Task(key="k", steps=steps, began=texts, note=note)
