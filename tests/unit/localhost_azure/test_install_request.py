"""What Azure refuses in the body of installPatches, and how it reads the rest."""

from datetime import timedelta

import pytest

from localhost.azure.errors import ArmError
from localhost.azure.fleet import Kind, Machine
from localhost.azure.install_request import parse_install_request
from localhost.azure.updates import Os

VM = Machine(
    subscription="s", resource_group="g", kind=Kind.VM, name="w", os=Os.WINDOWS, location="l"
)
ARC = Machine(
    subscription="s", resource_group="g", kind=Kind.ARC, name="a", os=Os.LINUX, location="l"
)
TIMED = {"rebootSetting": "Never", "maximumDuration": "PT2H"}


@pytest.mark.parametrize(
    ("machine", "body", "named"),
    [
        pytest.param(VM, None, "body", id="no body"),
        pytest.param(VM, {}, "rebootSetting", id="no reboot setting"),
        pytest.param(VM, {"rebootSetting": "AlwaysReboot"}, "rebootSetting", id="other spelling"),
        pytest.param(ARC, {"rebootSetting": "Never"}, "maximumDuration", id="Arc without duration"),
        pytest.param(VM, {**TIMED, "maximumDuration": "4h"}, "maximumDuration", id="not ISO 8601"),
        pytest.param(
            VM, {**TIMED, "maximumDuration": "PT"}, "maximumDuration", id="empty duration"
        ),
        pytest.param(
            VM,
            {**TIMED, "windowsParameters": {"classificationsToInclude": ["UpdateRollup"]}},
            "UpdateRollup",
            id="the configuration's spelling of a classification",
        ),
        pytest.param(
            VM,
            {**TIMED, "windowsParameters": {"kbNumbersToInclude": "5034129"}},
            "kbNumbersToInclude",
            id="a string for a list",
        ),
        pytest.param(
            ARC,
            {**TIMED, "linuxParameters": {"classificationsToInclude": ["Other", "Critical"]}},
            "Security",
            id="Other and Critical without Security",
        ),
    ],
)
def test_invalid_body_is_refused_by_name(machine: Machine, body: object, named: str) -> None:
    with pytest.raises(ArmError, match=named) as refusal:
        parse_install_request(body, machine=machine)
    assert refusal.value.status == 400


def test_kb_numbers_are_read_with_and_without_prefix() -> None:
    block = {"kbNumbersToInclude": ["KB1", "2"], "kbNumbersToExclude": ["kb3"]}
    request = parse_install_request({**TIMED, "windowsParameters": block}, machine=VM)
    assert request.selection.include == ("1", "2")
    assert request.selection.exclude == ("3",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT3H55M", timedelta(hours=3, minutes=55)),
        ("PT03H55M00S", timedelta(hours=3, minutes=55)),
        ("P1DT1H", timedelta(days=1, hours=1)),
    ],
)
def test_durations_of_every_client_are_read(text: str, expected: timedelta) -> None:
    request = parse_install_request({**TIMED, "maximumDuration": text}, machine=VM)
    assert request.maximum_duration == expected


def test_only_the_parameters_of_the_own_system_count() -> None:
    body = {**TIMED, "linuxParameters": {"classificationsToInclude": ["Critical"]}}
    assert parse_install_request(body, machine=VM).selection.classifications == frozenset()
