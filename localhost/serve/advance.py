"""Move the clock from the terminal: one line is one step.

An empty line is a minute, `next` goes to the next occurrence on the agenda, `30m`, `3h` or `2d` go that far, `quit`
ends it.
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from localhost.clocks import ManualClock
from localhost.errors import LocalhostError
from localhost.functions.host import Host
from localhost.passing_time import MINUTE, next_occurrence, pass_time
from shared.application.ports import Services

HINT = "Enter: one minute; next: the next occurrence; 30m, 3h, 2d: that far; quit: stop."
_SPAN = re.compile(r"(\d{1,4})\s*([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Step = timedelta | Literal["next", "quit"] | None


def parse_step(line: str) -> Step:
    """What a line asks for; None when it is not understood."""
    match line.strip().lower():
        case "":
            return MINUTE
        case "next":
            return "next"
        case "quit" | "q" | "exit":
            return "quit"
        case other if span := _SPAN.fullmatch(other):
            return int(span[1]) * _UNITS[span[2]]
    return None


class Lines:
    """Lines of standard input, as they are typed, without keeping the event loop waiting."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._partial = b""

    async def __aenter__(self) -> "Lines":
        try:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)
        except PermissionError as error:
            raise LocalhostError("--advance reads a terminal or a pipe, not a file.") from error
        return self

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    async def next(self) -> str | None:
        """The next line; None when there will be no more."""
        return await self._lines.get()

    def _read(self) -> None:
        received = os.read(sys.stdin.fileno(), 4096)
        if not received:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._lines.put_nowait(None)
        *whole, self._partial = (self._partial + received).split(b"\n")
        for line in whole:
            self._lines.put_nowait(line.decode(errors="replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Drives *host* by lines; *say* prints, *record* is told the time after every step."""

    host: Host
    services: Services
    clock: ManualClock
    say: Callable[[str], None]
    record: Callable[[datetime], None]

    async def drive(self, next_line: Callable[[], Awaitable[str | None]]) -> None:
        """Step by step, until a line says `quit` or there are no more."""
        self.say(HINT)
        while (line := await next_line()) is not None:
            match parse_step(line):
                case "quit":
                    return
                case "next":
                    await self._go_to_next()
                case timedelta() as span:
                    await self._go_to(self.clock.now() + span)
                case None:
                    self.say(HINT)

    async def _go_to_next(self) -> None:
        # What was written since the last tick is on the agenda only after the next one.
        await self._go_to(self.clock.now() + MINUTE)
        occurrence = await next_occurrence(self.services)
        if occurrence is None:
            self.say("Nothing is on the agenda.")
            return
        await self._go_to(occurrence)

    async def _go_to(self, until: datetime) -> None:
        steps = pass_time(self.host, self.services, clock=self.clock, until=until)
        async for now in steps:
            self.record(now)
        self.say(f"It is {self.clock.now():%a %Y-%m-%d %H:%M} UTC.")
