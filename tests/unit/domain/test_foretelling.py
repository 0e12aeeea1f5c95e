"""What is foretold of a configuration: its windows, and what should be known before."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.configuration import MaintenanceConfiguration, PatchMode
from shared.domain.foretelling import coming, notices
from shared.domain.machine import Machine, MachineType
from shared.domain.recurrence import parse_recurrence
from shared.domain.time_zones import parse_time_zone
from shared.domain.window import MaintenanceWindow, parse_wall_clock
from tests.builders import CONFIGURATION, a_machine

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CUT_OFF = timedelta(minutes=30)


def window(*, hours: float = 3, expires: str = "2026-06-04 02:00") -> MaintenanceWindow:
    return MaintenanceWindow(
        starts=parse_wall_clock("2026-06-01 02:00"),
        expires=parse_wall_clock(expires),
        duration=timedelta(hours=hours),
        time_zone=parse_time_zone("UTC"),
        recurrence=parse_recurrence("Day"),
    )


def told(patched: list[Machine], opens: MaintenanceWindow) -> list[tuple[str, str]]:
    configuration = MaintenanceConfiguration(
        id=CONFIGURATION, window=opens, mode=PatchMode.PLATFORM
    )
    return [
        (one.code, one.message) for one in notices(configuration, patched, now=NOW, cut_off=CUT_OFF)
    ]


def test_windows_to_come_end_with_the_expiry() -> None:
    days = [one.starts_at.day for one in coming(window(), NOW, count=5)]
    assert days == [2, 3, 4]
    assert [one.starts_at.day for one in coming(window(), NOW, count=2)] == [2, 3]


def test_window_that_never_opens_again_is_told() -> None:
    assert [code for code, _ in told([], window(expires="2026-06-01 12:00"))] == ["NoOccurrence"]


@pytest.mark.parametrize(
    ("hours", "fit"),
    [(1, 600), (1.5, 1200), (3, 3000), (0.75, 600)],
    ids=["half an hour to start", "an hour", "two and a half hours", "never less than one budget"],
)
def test_more_machines_than_azure_takes_are_told(hours: float, fit: int) -> None:
    machine = a_machine()
    assert told([machine] * fit, window(hours=hours)) == []
    [(code, message)] = told([machine] * (fit + 1), window(hours=hours))
    assert code == "PatchBudget"
    assert f"{fit + 1} machines in westeurope" in message
    assert f"about {fit} can be started" in message


def test_servers_of_ones_own_are_no_requests_to_azure() -> None:
    server = a_machine(machine_type=MachineType.SERVER)
    assert told([server] * 5000, window()) == []
