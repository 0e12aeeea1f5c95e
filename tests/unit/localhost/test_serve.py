"""`serve`: its clock, its state folder, steps from the terminal, and the process as the operating system sees it."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from localhost.clocks import ManualClock
from localhost.demo.run import API_VERSION, CONFIGURATION
from localhost.errors import LocalhostError
from localhost.functions.host import Host
from localhost.passing_time import MINUTE
from localhost.serve.advance import HINT, ByHand, Lines, parse_step
from localhost.serve.greeting import AFRESH, greeting
from localhost.serve.options import ServeOptions, clock_for
from localhost.serve.state_folder import StateFolder, hold
from shared.adapters.clock import SystemClock
from shared.adapters.memory.services import services as memory_services
from shared.application.ports import AgendaEntry, Services
from shared.domain.records import RunId
from tests.builders import a_configuration
from tests.processes import finished, is_running, running

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOWHERE = ("--port", "0", "--storage-ports", "0:0", "--machines", "10")


# --- the clock and the folder --------------------------------------------------------------------


def test_the_real_clock_is_the_computers() -> None:
    assert isinstance(clock_for(1.0, showed=None, now=NOW), SystemClock)
    assert isinstance(clock_for(1.0, showed=NOW - HOUR, now=NOW), SystemClock)


def test_a_clock_never_goes_back_behind_what_was_shown() -> None:
    assert clock_for(None, showed=NOW + HOUR, now=NOW).now() == NOW + HOUR
    real = SystemClock().now()
    ahead = clock_for(1.0, showed=real + HOUR, now=real)
    assert real + HOUR <= ahead.now() < real + HOUR + MINUTE


def test_a_folder_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    with hold(tmp_path):
        with pytest.raises(LocalhostError, match=rf"Process {os.getpid()} .* --state"):
            hold(tmp_path).__enter__()
        with pytest.raises(LocalhostError, match="start `make serve` first"):
            StateFolder(tmp_path).connection()
    with hold(tmp_path) as again:
        again.record_connection("where Azurite is")
        assert StateFolder(tmp_path).connection() == "where Azurite is"


def test_the_clock_outlives_the_process_and_a_damaged_record_counts_for_nothing(
    tmp_path: Path,
) -> None:
    with hold(tmp_path) as state:
        assert state.clock_showed() is None
        state.record_clock(NOW)
    assert StateFolder(tmp_path).clock_showed() == NOW
    (tmp_path / "clock").write_text("yesterday", encoding="utf-8")
    assert StateFolder(tmp_path).clock_showed() is None


@pytest.mark.parametrize(
    ("options", "said", "unsaid"),
    [
        pytest.param(ServeOptions(), ["simulated", "at real speed"], [AFRESH], id="first start"),
        pytest.param(
            ServeOptions(arm="https://arm.example"),
            ["may be real"],
            ["simulated"],
            id="other Azure",
        ),
        pytest.param(ServeOptions(speed=60.0), ["60 times as fast"], [], id="a faster clock"),
        pytest.param(ServeOptions(speed=None), ["moved by hand"], [], id="by hand"),
    ],
)
def test_the_greeting_says_what_is_simulated_and_how_time_passes(
    options: ServeOptions, said: list[str], unsaid: list[str], tmp_path: Path
) -> None:
    state = StateFolder(tmp_path)
    text = greeting(options, state, url="http://u", arm=options.arm or "http://a", now=NOW)
    assert all(word in text for word in [*said, "curl -s 'http://u/", str(tmp_path), "Ctrl-C"])
    assert not any(word in text for word in unsaid)


def test_the_greeting_names_what_was_forgotten_once_there_is_state(tmp_path: Path) -> None:
    (tmp_path / "azurite").mkdir()
    state = StateFolder(tmp_path)
    text = greeting(ServeOptions(), state, url="http://u", arm="http://a", now=NOW)
    assert AFRESH in " ".join(text.split())


# --- the clock moved from the terminal -----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "step"),
    [
        pytest.param("", MINUTE, id="Enter alone"),
        pytest.param("30m", 30 * MINUTE, id="minutes"),
        pytest.param(" 3 H ", 3 * HOUR, id="hours, spaces and case forgiven"),
        pytest.param("2d", 48 * HOUR, id="days"),
        pytest.param("Next", "next", id="next"),
        pytest.param("quit", "quit", id="quit"),
        pytest.param("3 weeks", None, id="an unknown unit"),
        pytest.param("-5m", None, id="backwards"),
    ],
)
def test_a_line_is_one_step(line: str, step: object) -> None:
    assert parse_step(line) == step


class FakeHost:
    """Writes down where it was brought, and what the clock showed before."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.ticks: list[datetime] = []

    async def advance_to(self, instant: datetime) -> None:
        self.clock.advance_to(instant)
        self.ticks.append(instant)


class Desk:
    """Somebody at the terminal, over an agenda in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.host = FakeHost(self.clock)
        self.services: Services = memory_services(self.clock)
        self.said: list[str] = []
        self.recorded: list[datetime] = []

    async def expect(self, occurrence: datetime) -> None:
        await self.services.agenda.look_at("/x", revision="1", now=NOW)
        entry = await self.services.agenda.get("/x")
        assert entry
        settled = AgendaEntry(configuration_id="/x", next_due=occurrence, etag=entry.etag)
        await self.services.agenda.settle(settled)

    async def type(self, *lines: str) -> None:
        remaining = iter(lines)

        async def next_line() -> str | None:
            return next(remaining, None)

        by_hand = ByHand(
            host=cast(Host, self.host),
            services=self.services,
            clock=self.clock,
            say=self.said.append,
            record=self.recorded.append,
        )
        await by_hand.drive(next_line)


async def test_next_goes_to_the_occurrence_without_the_minutes_in_between() -> None:
    desk = Desk()
    await desk.expect(NOW + 300 * HOUR)
    await desk.type("next")
    assert desk.host.ticks == [NOW + MINUTE, NOW + 300 * HOUR]
    assert desk.said == [
        HINT,
        "It is Mon 2026-06-01 12:01 UTC.",
        "It is Sun 2026-06-14 00:00 UTC.",
    ]


async def test_a_long_way_stops_at_the_occurrence_that_lies_on_it() -> None:
    desk = Desk()
    await desk.expect(NOW + 5 * HOUR)
    await desk.type("4h", "30m", "30m")
    assert desk.host.ticks[:3] == [NOW + 4 * HOUR, NOW + 4.5 * HOUR, NOW + 5 * HOUR]
    assert desk.recorded == desk.host.ticks


async def test_while_a_run_is_open_every_minute_is_ticked() -> None:
    desk = Desk()
    await desk.services.agenda.open_run(RunId(configuration_id="/x", key="20260601120000"), now=NOW)
    await desk.type("3m")
    assert desk.host.ticks == [NOW + MINUTE, NOW + 2 * MINUTE, NOW + 3 * MINUTE]


async def test_without_an_occurrence_next_says_so_and_quit_ends() -> None:
    desk = Desk()
    await desk.type("next", "what?", "quit", "3h")
    assert desk.said == [HINT, "It is Mon 2026-06-01 12:01 UTC.", "Nothing is on the agenda.", HINT]


@asynccontextmanager
async def typed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Lines, int]]:
    """Lines from a pipe in the place of the terminal, and the pipe's other end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        async with Lines() as lines:
            yield lines, writing


async def test_lines_come_whole_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with typed(monkeypatch) as (lines, writing):
        os.write(writing, b"ne")
        await asyncio.sleep(0)
        os.write(writing, b"xt\n3h\n")
        os.close(writing)
        assert [await lines.next() for _ in range(3)] == ["next", "3h", None]


# --- the process ---------------------------------------------------------------------------------


def ask(url: str, *, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Put *body*, or get; the status and the answer."""
    method, content = ("PUT", json.dumps(body).encode()) if body else ("GET", None)
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{url}{CONFIGURATION}?api-version={API_VERSION}", method=method, data=content
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return answer.status, json.load(answer)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_was_stored_is_there_after_a_restart_and_no_process_is_left(tmp_path: Path) -> None:
    switches = ("serve", *NOWHERE, "--state", str(tmp_path / "state"))
    with running(*switches, log=tmp_path / "first") as first:
        url = first.wait_for(r"answers at (http://127\.0\.0\.1:\d+)")
        curl = first.wait_for(r"curl -s '(http.*)'")
        with urllib.request.urlopen(curl, timeout=60) as answer:  # noqa: S310
            assert json.load(answer) == {"value": []}
        assert ask(url, body=a_configuration())[0] == 201

        twice = finished(*switches)
        assert twice.returncode == 1
        assert re.fullmatch(r"Process \d+ runs on the state in .*\n", twice.stderr)

        children = first.children()
        assert (first.end_by(signal.SIGINT), len(children)) == (0, 1)
    assert not any(map(is_running, children))
    assert first.output.endswith("\nStopped.\n")
    assert "Traceback" not in first.output

    with running(*switches, log=tmp_path / "second") as second:
        url = second.wait_for(r"answers at (http://127\.0\.0\.1:\d+)")
        status, stored = ask(url)
        assert (status, stored["name"]) == (200, "saturday")
        children = second.children()
        assert second.end_by(signal.SIGTERM) == 0
    assert not any(map(is_running, children))
    assert "the state of an earlier run" in second.output


@pytest.mark.parametrize("switch", ["--port", "--storage-ports"])
def test_a_port_that_is_taken_is_one_sentence(switch: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        value = f"{port}:0" if switch == "--storage-ports" else str(port)
        ended = finished("serve", *NOWHERE, switch, value, "--state", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"Port {port} of 127.0.0.1 can't be had (Address already in use): stop what listens "
        f"there, or choose another with {switch}.\n"
    )
