"""The command line: what it understands, and what it says when it does not."""

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localhost.azure.faults import Faults
from localhost.azurite import Ports
from localhost.command_line import main, parser, serve_options
from localhost.serve.options import ServeOptions

SHARES = [fault.name for fault in fields(Faults) if fault.name != "seed"]


def options(*switches: str) -> ServeOptions:
    return serve_options(parser().parse_args(["serve", *switches]))


def test_without_switches_the_defaults_hold() -> None:
    assert options() == ServeOptions()


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        pytest.param(["--port", "7072"], {"port": 7072}, id="port"),
        pytest.param(["--state", "/tmp/x"], {"state": Path("/tmp/x")}, id="state"),  # noqa: S108
        pytest.param(
            ["--storage-ports", "0:5"],
            {"storage_ports": Ports(queue=0, table=5)},
            id="storage ports",
        ),
        pytest.param(["--speed", "60"], {"speed": 60.0}, id="a faster clock"),
        pytest.param(["--advance"], {"speed": None}, id="a clock moved by hand"),
        pytest.param(
            ["--arm", "https://arm.example/"], {"arm": "https://arm.example"}, id="another Azure"
        ),
        pytest.param(["--machines", "5", "--seed", "9"], {"machines": 5, "seed": 9}, id="fleet"),
        pytest.param(
            ["--install-minutes", "1:2.5"],
            {"install_time": (timedelta(minutes=1), timedelta(minutes=2.5))},
            id="install time",
        ),
        pytest.param(["--fault-seed", "4"], {"faults": Faults(seed=4)}, id="seed of the faults"),
    ],
)
def test_a_switch_changes_its_option_and_no_other(
    switches: list[str], expected: dict[str, Any]
) -> None:
    assert options(*switches) == replace(ServeOptions(), **expected)


@pytest.mark.parametrize("name", SHARES)
def test_every_fault_has_its_switch(name: str) -> None:
    switch = f"--{name.replace('_', '-')}"
    shares: dict[str, Any] = {name: 0.25}
    assert options(switch, "0.25").faults == Faults(**shares)


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        pytest.param(["--slow", "1.5"], "a number from 0 to 1", id="a share above 1"),
        pytest.param(["--speed", "0"], "a speed is above 0", id="a clock that stands"),
        pytest.param(["--speed", "2", "--advance"], "not allowed with", id="two clocks"),
        pytest.param(["--arm", "arm.example"], "an address such as", id="no address"),
        pytest.param(["--machines", "0"], "at least 1", id="no machine"),
        pytest.param(["--install-minutes", "9:3"], "A not above B", id="times the wrong way round"),
        pytest.param(["--storage-ports", "10001"], "invalid ports value", id="one port for two"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    switches: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        options(*switches)
    assert refused.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("switch", ["--machines", "--slow", "--seed", "--install-minutes"])
def test_switches_of_the_simulated_azure_are_refused_beside_another_one(
    switch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = "1" if switch != "--seed" else "2"
    code = main(["serve", "--arm", "https://arm.example", switch, value])
    sentence = "With --arm no Azure is simulated: leave out machines and faults.\n"
    assert (code, capsys.readouterr().err) == (1, sentence)


def test_a_message_for_nobody_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["send", "runs", "{}", "--state", str(tmp_path)])
    sentence = f"Nothing runs on the state in {tmp_path}: start `make serve` first.\n"
    assert (code, capsys.readouterr().err) == (1, sentence)


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_without_azurite_it_says_what_to_do(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("localhost.azurite.ROOT", tmp_path)
    nowhere = ["--state", str(tmp_path), "--storage-ports", "0:0", "--port", "0"]
    code = main([command, *(nowhere if command == "serve" else ())])
    assert (code, capsys.readouterr().err) == (1, "Azurite is not installed: run `make setup`\n")


def test_help_says_what_a_restart_forgets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["serve", "--help"])
    assert "are forgotten" in " ".join(capsys.readouterr().out.split())
