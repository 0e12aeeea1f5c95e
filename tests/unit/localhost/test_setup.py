import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from localhost import setup


def test_an_old_python_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert setup.main() == 1
    assert capsys.readouterr() == (
        "",
        "Python 3.11 or newer is needed, this is 3.10: `make PYTHON=python3.11`.\n",
    )


def test_a_python_without_venv_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert setup.main() == 1
    assert capsys.readouterr().err == (
        "Python's venv module is missing: `apt install python3-venv`.\n"
    )


def test_a_failing_tool_is_quoted() -> None:
    with pytest.raises(setup.SetupError, match=r"no such wheel\nThis failed: .*python"):
        setup.run([sys.executable, "-c", "print('no such wheel'); raise SystemExit(3)"])


def test_the_stamp_is_set_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> None:
        raise setup.SetupError("the line went dead")

    monkeypatch.setattr(setup, "VENV", tmp_path)
    for step in ("check_python", "create_venv", "install_azurite"):
        monkeypatch.setattr(setup, step, lambda: None)
    monkeypatch.setattr(setup, "run", lambda command: None)
    monkeypatch.setattr(setup, "install_azurite", fail)
    stamps = [(setup.main(), (tmp_path / ".ready").exists())]
    monkeypatch.setattr(setup, "install_azurite", lambda: None)
    stamps.append((setup.main(), (tmp_path / ".ready").exists()))
    assert stamps == [(1, False), (0, True)]


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        pytest.param({}, False, id="no Node.js"),
        pytest.param({"node": "v20.11.1"}, False, id="no npm"),
        pytest.param({"node": "v16.20.2", "npm": "8"}, False, id="too old"),
        pytest.param({"node": "v18.0.0", "npm": "9"}, True, id="just new enough"),
        pytest.param({"node": "v24.1.0", "npm": "11"}, True, id="newer"),
        pytest.param({"node": "broken", "npm": "11"}, False, id="a node that is none"),
    ],
)
def test_the_systems_node_is_used_when_it_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: dict[str, str], expected: bool
) -> None:
    for name, version in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.has_node() is expected


@pytest.mark.parametrize(
    ("record_is_younger_by", "installs"),
    [
        pytest.param(None, True, id="nothing is installed, or it was cut off"),
        pytest.param(-60, True, id="the lock file is younger"),
        pytest.param(60, False, id="the record is younger"),
    ],
)
def test_npm_runs_unless_its_record_is_younger_than_the_lock_file(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    record_is_younger_by: float | None,
    installs: bool,
) -> None:
    lock = tmp_path / "package-lock.json"
    lock.touch()
    if record_is_younger_by is not None:
        record = tmp_path / "node_modules" / ".package-lock.json"
        record.parent.mkdir()
        record.touch()
        changed_at = lock.stat().st_mtime + record_is_younger_by
        os.utime(record, (changed_at, changed_at))
    commands: list[list[str]] = []
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "has_node", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name, path: f"/somewhere/{name}")
    monkeypatch.setattr(setup, "run", lambda command, environment: commands.append(command))
    setup.install_azurite()
    assert [command[:2] for command in commands] == [["/somewhere/npm", "ci"]] * installs
