"""A look at tasks is read as it was written, and never in part."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.errors import CommandFailedError
from shared.adapters.ssh.snapshots import Reboot, Snapshot, State, parse_snapshots

BOOT, OTHER = "boot-1", "boot-0"
HEAD = f"now 1000 {BOOT}\n"
BEGAN = "running\nbegan 900\n"


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def frame(*lines: str, key: str = "job") -> str:
    return f"task {key}\n" + "".join(f"{line}\n" for line in lines if line) + "end\n"


def snapshot(*lines: str) -> Snapshot:
    said = HEAD + frame(*lines, "note n" if lines else "")
    return parse_snapshots(said.encode(), ["job"])["job"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param((), Snapshot(state=State.ABSENT), id="no folder"),
        pytest.param(("alive no",), Snapshot(state=State.PREPARED, note="n"), id="not begun"),
        pytest.param(
            ("alive no", "running"), Snapshot(state=State.INTERRUPTED, note="n"), id="abandoned"
        ),
        pytest.param(
            ("alive yes", "running", "began 900"),
            Snapshot(state=State.RUNNING, note="n", began_ago=seconds(100)),
            id="alive",
        ),
        pytest.param(
            ("alive no", "running", "began 900"),
            Snapshot(state=State.INTERRUPTED, note="n", began_ago=seconds(100)),
            id="dead without an end",
        ),
        pytest.param(
            ("alive yes", "running", "began 900", "ended 990"),
            Snapshot(state=State.ENDED, note="n", began_ago=seconds(100), ended_ago=seconds(10)),
            id="ended, and a process is left",
        ),
        pytest.param(
            ("alive yes", "running", "began 900", f"rebooting {BOOT} 980"),
            Snapshot(
                state=State.RUNNING,
                note="n",
                began_ago=seconds(100),
                reboot=Reboot(ago=seconds(20), is_done=False),
            ),
            id="about to reboot",
        ),
        pytest.param(
            ("alive no", "running", "began 900", f"rebooting {BOOT} 980"),
            Snapshot(
                state=State.ENDED,
                note="n",
                began_ago=seconds(100),
                ended_ago=seconds(20),
                reboot=Reboot(ago=seconds(20), is_done=False),
            ),
            id="going down",
        ),
        pytest.param(
            ("alive no", "running", "began 900", f"rebooting {OTHER} 980"),
            Snapshot(
                state=State.ENDED,
                note="n",
                began_ago=seconds(100),
                ended_ago=seconds(20),
                reboot=Reboot(ago=seconds(20), is_done=True),
            ),
            id="has rebooted",
        ),
        pytest.param(
            ("alive no", "running", "began 1900", "ended 1950"),
            Snapshot(state=State.ENDED, note="n", began_ago=seconds(0), ended_ago=seconds(0)),
            id="its clock was set back",
        ),
    ],
)
def test_the_state_follows_from_the_facts(lines: tuple[str, ...], expected: Snapshot) -> None:
    assert snapshot(*lines) == expected


@given(
    stdout=st.binary(), stderr=st.binary(), note=st.text(st.characters(exclude_categories=["C"]))
)
def test_files_are_read_by_their_length(stdout: bytes, stderr: bytes, note: str) -> None:
    said = b"".join(
        [
            f"{HEAD}task job\nalive no\n{BEGAN}ended 950\nnote {note}\n".encode(),
            *(b"file one.code 2\n3\n", b"file one.out %d\n%s" % (len(stdout), stdout)),
            *(b"file one.err %d\n%s" % (len(stderr), stderr), b"end\n"),
        ]
    )
    found = parse_snapshots(said, ["job"])["job"]
    texts = [text.decode(errors="replace") for text in (stdout, stderr)]
    assert found.outputs == {"one": Output(code=3, stdout=texts[0], stderr=texts[1])}
    assert found.note == note


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEAD, id="not this task"),
        pytest.param(HEAD + "task job\n", id="no end"),
        pytest.param(HEAD + "task job\nend", id="a line in part"),
        pytest.param(HEAD + "task job\nfile one.out 9\nabc", id="a file in part"),
        pytest.param("Welcome!\n" + HEAD + frame(), id="a greeting"),
        pytest.param(f"now soon {BOOT}\n" + frame("alive no", "note n"), id="no time"),
        pytest.param(HEAD + frame("alive no", BEGAN.strip()), id="no note"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(said: str) -> None:
    with pytest.raises(CommandFailedError, match="not understood"):
        parse_snapshots(said.encode(), ["job"])


def test_an_output_that_was_cut_is_no_answer() -> None:
    with pytest.raises(CommandFailedError, match=r"one\.out of a task is longer"):
        snapshot("alive no", BEGAN.strip(), "cut one.out", "file one.out 0")
