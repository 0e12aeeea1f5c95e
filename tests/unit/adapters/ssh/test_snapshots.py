"""A look at tasks is read as it was written, never in part, and whatever the server says."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.ssh.commands import Output
from shared.adapters.ssh.errors import CommandFailedError
from shared.adapters.ssh.snapshots import (
    Moment,
    Reboot,
    Snapshot,
    State,
    parse_ages,
    parse_snapshots,
)

BOOT, OTHER = "boot-1", "boot-0"
# 100 s after the boot; the boot before was 5,000 s earlier.
HEAD = f"now 10100 {BOOT} 100\n"
BEGAN = f"began 10000 {BOOT} 0"
YEAR = 365 * 86_400


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
            ("alive yes", "running", BEGAN),
            Snapshot(state=State.RUNNING, note="n", began_ago=seconds(100)),
            id="alive",
        ),
        pytest.param(
            ("alive no", "running", BEGAN),
            Snapshot(state=State.INTERRUPTED, note="n", began_ago=seconds(100)),
            id="dead without an end",
        ),
        pytest.param(
            ("alive yes", "running", BEGAN, f"ended 10090 {BOOT} 90"),
            Snapshot(state=State.ENDED, note="n", began_ago=seconds(100), ended_ago=seconds(10)),
            id="ended, and a process is left",
        ),
        pytest.param(
            ("alive yes", "running", BEGAN, f"rebooting 10080 {BOOT} 80"),
            Snapshot(
                state=State.RUNNING,
                note="n",
                began_ago=seconds(100),
                reboot=Reboot(ago=seconds(20), is_done=False),
            ),
            id="about to reboot",
        ),
        pytest.param(
            ("alive no", "running", BEGAN, f"rebooting 10080 {BOOT} 80"),
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
            ("alive no", "running", f"began 9900 {OTHER} 4900", f"rebooting 9980 {OTHER} 4980"),
            Snapshot(
                state=State.ENDED,
                note="n",
                began_ago=seconds(200),
                ended_ago=seconds(120),
                reboot=Reboot(ago=seconds(120), is_done=True),
            ),
            id="has rebooted",
        ),
    ],
)
def test_the_state_follows_from_the_facts(lines: tuple[str, ...], expected: Snapshot) -> None:
    assert snapshot(*lines) == expected


@pytest.mark.parametrize(
    ("ended", "ago"),
    [
        pytest.param(f"{10090 + YEAR} {BOOT} 90", 10, id="its clock was set back since"),
        pytest.param(f"90 {BOOT} 90", 10, id="its clock was set forward since"),
        pytest.param(f"10090 {OTHER} 4000", 10, id="on another boot"),
        pytest.param(f"10101 {OTHER} 50", None, id="in the future of another boot"),
        pytest.param(f"10090 {BOOT} 101", 10, id="the uptime began anew, as in a container"),
        pytest.param(f"10101 {BOOT} 101", None, id="in the future altogether"),
        pytest.param("10090", None, id="a date alone"),
        pytest.param("", None, id="nothing"),
        pytest.param(f"-5 {BOOT} 90", None, id="before all dates"),
        pytest.param(f"10090 {BOOT} {'9' * 5000}", None, id="an uptime that no number holds"),
        pytest.param(f"{'9' * 11} {OTHER} 1", None, id="a date that no duration holds"),
        pytest.param(f"10_090 {OTHER} 1", None, id="what only Python takes for a number"),
    ],
)
def test_how_long_ago_it_was_is_known_or_not_told(ended: str, ago: int | None) -> None:
    found = snapshot("alive no", "running", f"ended {ended}")
    assert found.state is State.ENDED
    assert found.ended_ago == (None if ago is None else seconds(ago))


def test_a_reboot_before_the_clock_was_set_back_is_done() -> None:
    found = snapshot("alive no", "running", f"rebooting {10000 + YEAR} {OTHER} 50")
    assert (found.state, found.ended_ago) == (State.ENDED, None)
    assert found.reboot == Reboot(ago=seconds(0), is_done=True)


@pytest.mark.parametrize("lost", ["", "10080", f" {OTHER}", f"10080 {OTHER} soon"])
def test_a_reboot_whose_record_can_not_be_read_was_not_asked_for(lost: str) -> None:
    found = snapshot("alive no", "running", BEGAN, f"rebooting {lost}")
    assert (found.state, found.reboot) == (State.INTERRUPTED, None)


@given(
    date=st.integers(min_value=0, max_value=10**10 - 1),
    uptime=st.integers(min_value=0, max_value=10**10 - 1),
    boot=st.sampled_from([BOOT, OTHER]),
)
def test_every_age_is_one_that_a_date_can_bear(date: int, uptime: int, boot: str) -> None:
    now = Moment(date=10**10 - 1, boot=BOOT, uptime=10**10 - 1)
    was = Moment.parse(f"{date} {boot} {uptime}")
    assert was
    ago = was.before(now)
    assert ago is not None
    assert datetime(2020, 1, 1, tzinfo=UTC) - ago < datetime.now(UTC)


@given(
    stdout=st.binary(), stderr=st.binary(), note=st.text(st.characters(exclude_categories=["C"]))
)
def test_files_are_read_by_their_length(stdout: bytes, stderr: bytes, note: str) -> None:
    said = b"".join(
        [
            f"{HEAD}task job\nalive no\nrunning\nended 10050 {BOOT} 50\nnote {note}\n".encode(),
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
        pytest.param(HEAD + "task job\nfile one.out -9\nabc\nend\n", id="a file of less than none"),
        pytest.param(HEAD + "task job\nfile one.out\nend\n", id="a file of no length"),
        pytest.param("Welcome!\n" + HEAD + frame(), id="a greeting"),
        pytest.param(HEAD + "Welcome!\n" + frame(), id="a greeting in between"),
        pytest.param(f"now soon {BOOT} 1\n" + frame("alive no", "note n"), id="no time"),
        pytest.param(frame("alive no", "note n"), id="no head"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(said: str) -> None:
    with pytest.raises(CommandFailedError, match="not understood"):
        parse_snapshots(said.encode(), ["job"])


WORDS = (
    "alive yes",
    "running",
    "began",
    "ended",
    "rebooting",
    "note",
    "cut",
    "file",
    "task",
    "end",
    "now",
)
LINES = st.builds(
    lambda word, rest: f"{word} {rest}".encode() + b"\n",
    st.sampled_from(WORDS),
    st.one_of(
        st.text(),
        st.integers().map(str),
        st.sampled_from([f"10 {BOOT} 5", f"{10**30} {BOOT} -1", "a.code 2", "a.out 0", "a.err 1"]),
    ),
)


@given(said=st.binary() | st.lists(LINES | st.binary(max_size=4)).map(b"".join))
def test_whatever_a_server_says_is_read_or_not_understood(said: bytes) -> None:
    for answer in (said, HEAD.encode() + b"task job\n" + said + b"end\n"):
        try:
            found = parse_snapshots(answer, ["job"])
        except CommandFailedError:
            continue
        assert list(found) == ["job"]


@pytest.mark.parametrize("line", [b"a b\n", b"file a 0\n", b"task other\nend\ntask job\n"])
def test_an_answer_of_endless_lines_holds_nobody_up(line: bytes) -> None:
    said = HEAD.encode() + b"task job\n" + line * (16_000_000 // len(line)) + b"end\n"
    began = time.process_time()
    with pytest.raises(CommandFailedError):
        parse_snapshots(said, ["job"])
    assert time.process_time() - began < 5


def test_a_step_whose_output_was_cut_says_so() -> None:
    files = [
        f"file {step}.{part} 1\n7" for step in ("one", "two") for part in ("code", "out", "err")
    ]
    said = f"{HEAD}task job\nalive no\nrunning\nnote n\ncut one\n{''.join(files)}end\n"
    found = parse_snapshots(said.encode(), ["job"])["job"].outputs
    assert found == {
        "one": Output(code=7, stdout="7", stderr="7", is_cut=True),
        "two": Output(code=7, stdout="7", stderr="7"),
    }


@pytest.mark.parametrize("code", ["", "\n", "x\n", "-1\n", "1 2\n", "1000\n", "\0\0\0"])
def test_a_step_whose_code_can_not_be_read_was_not_run(code: str) -> None:
    files = f"file a.code {len(code)}\n{code}file a.out 0\nfile a.err 0\n"
    said = f"{HEAD}task job\nalive no\nrunning\nnote n\n{files}end\n"
    found = parse_snapshots(said.encode(), ["job"])["job"]
    assert (found.state, found.outputs) == (State.INTERRUPTED, {})


# --- ages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(("made 9000", BEGAN), seconds(100), id="began on this boot"),
        pytest.param(("made 9000", f"began 9500 {OTHER} 4"), seconds(600), id="on another"),
        pytest.param((f"began 9000 {BOOT} 0",), None, id="the machine stood still"),
        pytest.param((f"began 10070 {BOOT} 0",), None, id="the clock was set"),
        pytest.param(("made 9000",), seconds(1100), id="never began"),
        pytest.param(("made 9000", "began"), seconds(1100), id="emptied by a power cut"),
        pytest.param(("made 20000",), None, id="made in what is still to come"),
        pytest.param(("made soon",), None, id="no number"),
    ],
)
def test_age_is_that_of_the_beginning_or_else_of_the_folder(
    lines: tuple[str, ...], expected: timedelta | None
) -> None:
    assert parse_ages((HEAD + frame(*lines)).encode()) == {"job": expected}


@pytest.mark.parametrize("said", ["", "task job\nend\n", HEAD + "task job\n", HEAD + "job\n"])
def test_what_is_no_answer_has_no_ages(said: str) -> None:
    with pytest.raises(CommandFailedError):
        parse_ages(said.encode())
