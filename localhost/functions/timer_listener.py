"""Run a timer-triggered function on its schedule, as the Functions host does (TimerListener, ScheduleMonitor).

1. Runs never overlap. A run that outlasts an occurrence is followed at once by one run, reckoned from the start of the
   last; later occurrences that it covered are dropped. A failure is logged and not repeated before the next occurrence.
2. The status of a monitored timer (when it last ran, when it runs next) is kept in a file. A host that starts after the
   recorded next occurrence runs the function once, at once, as past due. A changed schedule makes the record void.
3. The real host keeps the status in a blob and lets one of its instances fire; here each host has its file and fires.
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from azure.functions.timer import TimerRequest

from localhost.functions.function_index import TimerFunction
from localhost.functions.invocations import Invocations
from shared.application.ports import Clock

logger = logging.getLogger(__name__)

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerStatus:
    """The host's record of a timer; `last` is the year 1 as long as it has never run."""

    last: datetime
    next: datetime
    last_updated: datetime

    @property
    def reckoned_from(self) -> datetime:
        """The instant after which `next` was the first occurrence."""
        return self.last_updated if self.last == _NEVER else self.last

    def to_json(self) -> dict[str, str]:
        """In the host's spelling, as functions see it in `TimerRequest.schedule_status`."""
        return {
            "Last": self.last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.last_updated.isoformat(),
        }

    @classmethod
    def from_json(cls, text: str) -> Self:
        """ValueError or KeyError when it is not a status."""
        document = json.loads(text)
        last, following, updated = (
            datetime.fromisoformat(document[name]) for name in ("Last", "Next", "LastUpdated")
        )
        return cls(last=last, next=following, last_updated=updated)


class TimerListener:
    """One timer. `next_at` is when it has to run; `running` holds at most one invocation.

    *state* is the folder for its status, None to keep it in memory only.
    """

    def __init__(self, function: TimerFunction, *, clock: Clock, state: Path | None) -> None:
        self.running = Invocations()
        self._function = function
        self._clock = clock
        self._file = state / "timers" / f"{function.handler.name}.json" if state else None
        self._status: TimerStatus | None = None
        self._past_due = False
        self.next_at = self._first_run()

    async def run(self) -> None:
        """Fire until cancelled; a function that is running then goes on until `close`."""
        while True:
            while (delay := self.next_at - self._clock.now()) > timedelta(0):
                await self._clock.sleep(delay)
            await asyncio.shield(self.running.start(self.fire()))

    async def fire(self) -> None:
        """Run the function now, once, and reckon when it runs next."""
        started_at = self._clock.now()
        request = TimerRequest(
            past_due=self._past_due,
            schedule_status=self._status.to_json() if self._status else None,
            schedule={"AdjustForDST": True},
        )
        try:
            await self._function.handler.call(request)
        except Exception:
            logger.exception("function.failed name=%s", self._function.handler.name)
        self._past_due = False
        self.next_at = self._function.schedule.next_after(started_at)
        self._record(last=started_at, following=self.next_at)

    async def close(self, grace: timedelta) -> None:
        """Give a running function *grace* of real time."""
        await self.running.close(grace)

    def _first_run(self) -> datetime:
        now, schedule = self._clock.now(), self._function.schedule
        self._status = self._read() if self._function.monitored else None
        following = schedule.next_after(now)
        if self._status and self._status.next == schedule.next_after(self._status.reckoned_from):
            self._past_due = now > self._status.next
            following = self._status.next
        else:
            self._record(last=_NEVER, following=following)
        return now if self._past_due or self._function.run_on_startup else following

    def _record(self, *, last: datetime, following: datetime) -> None:
        if not self._function.monitored:
            return
        self._status = TimerStatus(last=last, next=following, last_updated=self._clock.now())
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(self._status.to_json()), encoding="utf-8")
        unfinished.replace(self._file)

    def _read(self) -> TimerStatus | None:
        if self._file is None or not self._file.exists():
            return None
        try:
            return TimerStatus.from_json(self._file.read_text(encoding="utf-8"))
        except (ValueError, KeyError):
            logger.warning("timer.status_unreadable file=%s", self._file)
            return None
