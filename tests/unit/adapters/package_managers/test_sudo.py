"""Which words of sudo are a refusal, and which are only a warning or those of somebody else."""

import pytest

from shared.adapters.package_managers.detection import MANAGERS
from shared.adapters.package_managers.manager import INSTALL
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.ssh.commands import Output

# Of the original sudo (logging.c, check.c, sudoers.c, tgetpass.c, exec.c), and of sudo-rs (src/common/error.rs).
REFUSALS = [
    "sudo: a password is required",
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input",
    "sudo: no tty present and no askpass program specified",
    "sudo: sorry, you must have a tty to run sudo",
    "sudo: sorry, you are not allowed to preserve the environment",
    "sudo: /usr/bin/zypper: command not found",
    "sudo: account validation failure, is your account locked?",
    "sudo: no valid sudoers sources found, quitting",
    'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
    "Sorry, user muster is not allowed to execute '/usr/bin/apt-get remove tool' as root on db-1.",
    "Sorry, user muster may not run sudo on db-1.",
    "muster is not in the sudoers file.",
    "muster is not in the sudoers file.  This incident will be reported.",
    "muster is not allowed to run sudo on db-1.  This incident will be reported.",
    "sudo: interactive authentication is required",
    "sudo: I'm sorry muster. I'm afraid I can't do that",
    "sudo: Sorry, user muster is not allowed to execute '/usr/bin/apt-get -q check' as root on db-1.",
    "sudo: '/usr/bin/zypper': command not found",
]
WARNINGS = [
    "sudo: unable to resolve host db-1: Name or service not known",
    "sudo: setrlimit(RLIMIT_CORE): Operation not permitted",
    "sudo: unable to send audit message: Operation not permitted",
    "E: a password is required for this repository",
    "dnf: command not found",
    "W: muster-1.0 is not in the sudoers list",
]
WARNING = WARNINGS[0]


@pytest.mark.parametrize("line", REFUSALS)
def test_a_refusal_is_known_also_below_a_warning(line: str) -> None:
    assert refusal(Output(code=1, stderr=f"{line}\n")) == line
    assert refusal(Output(code=1, stderr=f"{WARNING}\n{line}\n")) == line


@pytest.mark.parametrize("line", WARNINGS)
def test_what_only_looks_like_a_refusal_is_none(line: str) -> None:
    assert refusal(Output(code=1, stderr=f"{line}\n")) == ""


@pytest.mark.parametrize("code", [0, 2, 100, 127])
def test_sudo_that_runs_the_command_has_refused_nothing(code: int) -> None:
    assert refusal(Output(code=code, stderr=f"{REFUSALS[0]}\n")) == ""


def test_what_a_script_of_a_package_says_of_its_own_sudo_is_no_refusal() -> None:
    assert refusal(Output(code=1, stdout="Running transaction\n", stderr=f"{REFUSALS[0]}\n")) == ""


def test_a_long_refusal_is_cut() -> None:
    long = f"Sorry, user muster is not allowed to execute '{'x' * 5000}' as root on db-1."
    assert refusal(Output(code=1, stderr=long)) == long[:300]


@pytest.mark.parametrize("name", MANAGERS)
@pytest.mark.parametrize("line", REFUSALS)
def test_every_manager_tells_a_refusal_with_the_name_of_its_file(name: str, line: str) -> None:

    said = MANAGERS[name].problem({INSTALL: Output(code=1, stderr=f"{WARNING}\n{line}\n")})
    assert f"sudo refuses it, see infra/sudoers/muster-{name}: {line.rstrip('.')[:300]}" in said


SUCCESSES = {
    "apt": "",
    "dnf": "Complete!\n",
    "zypper": "<?xml version='1.0'?>\n<stream>\n</stream>\n",
}
FAILURES = {
    "apt": Output(code=100, stderr="E: Unable to locate package nope\n"),
    "dnf": Output(code=1, stderr="Error: No packages marked for upgrade.\n"),
    "zypper": Output(code=4, stdout=SUCCESSES["zypper"]),
}


@pytest.mark.parametrize("name", MANAGERS)
def test_a_warning_makes_no_good_install_bad(name: str) -> None:
    output = Output(code=0, stdout=SUCCESSES[name], stderr=f"{WARNING}\n")
    assert MANAGERS[name].problem({INSTALL: output}) == ""


@pytest.mark.parametrize("name", MANAGERS)
def test_a_warning_explains_no_failure(name: str) -> None:
    plain = FAILURES[name]
    warned = Output(code=plain.code, stdout=plain.stdout, stderr=f"{WARNING}\n{plain.stderr}")
    said = MANAGERS[name].problem({INSTALL: warned})
    assert said == MANAGERS[name].problem({INSTALL: plain})
    assert said
