"""The demo as a user starts it: a process of its own over real Azurite."""

import signal
import sys
from pathlib import Path

import pytest

from localhost.demo.output import INVARIANTS
from tests.processes import finished, is_running, running


def test_without_a_terminal_it_tells_everything_in_plain_lines() -> None:
    ended = finished("demo", "--machines", "90")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert not {char for char in ended.stdout if ord(char) < 32} - {"\n"}
    assert ended.stdout.count("   201 PUT /subscriptions/") == 4
    for number, sentence in enumerate(INVARIANTS, start=1):
        assert f"holds  {number}  {sentence}" in ended.stdout
    for word in ("Succeeded", "PrerequisitesNotMet", "Installed", "Excluded", "NotSelected"):
        assert word in ended.stdout
    assert "machines per second" in ended.stdout


def test_a_fleet_that_no_scope_matches_is_still_patched_by_name() -> None:
    ended = finished("demo", "--machines", "1", "--seed", "2")

    assert ended.returncode == 0, ended.stdout
    assert "1 of 1 machines" in ended.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_it_without_a_traceback_and_without_leaving_a_process(tmp_path: Path) -> None:
    with running("demo", "--machines", "400", log=tmp_path / "log") as demo:
        demo.wait_for("(20:00 UTC  0 of)")
        children = demo.children()
        code = demo.end_by(signal.SIGINT)

    assert (code, len(children)) == (130, 1)
    assert not any(map(is_running, children))
    assert demo.output.endswith("Interrupted: nothing is left running.\n")
    assert "Traceback" not in demo.output
