"""Runs that are due together read an inventory once, not once each.

A page that was asked for since a run began is as good to it as one of its own, and whoever wants a page that is being
read waits for it. Filters that differ by tags only ask the same question, since tags are left to `matches`. Where
several questions are put to one subscription within a minute, the whole of it is read instead, for all of them. Pages
are forgotten after that minute; other processes have theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.application.ports import Clock, InventoryPage
from shared.domain.machine import MachineType
from shared.domain.scope import Choice, Narrowing

_TOGETHER = timedelta(minutes=1)
_FEW = 2
"""Different questions about a subscription that are put on their own."""
_MOST_PAGES = 16

Read = Callable[[Narrowing, str, int], Awaitable[InventoryPage]]
_Key = tuple[Narrowing, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page that was asked for, and may have arrived."""

    asked_at: datetime
    task: asyncio.Task[InventoryPage]


class SharedSweeps:
    """Pages of one inventory, as *read* gives them by narrowing, last key and limit."""

    def __init__(self, read: Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._pages: dict[_Key, _Page] = {}
        self._questions: dict[Narrowing, datetime] = {}

    async def page(
        self, narrowing: Narrowing, *, after: str, limit: int, since: datetime
    ) -> InventoryPage:
        """A page that was asked for at or after *since*; it may hold more than was asked. Raises as *read*."""
        now = self._clock.now()
        self._forget(now)
        self._questions[narrowing] = now
        key = (self._question(narrowing), after, limit)
        page = self._pages.get(key)
        if page is None or page.asked_at < since:
            page = _Page(asked_at=now, task=asyncio.create_task(self._ask(*key)))
            self._pages.pop(key, None)
            self._pages[key] = page
        try:
            # Whoever is cancelled does not take the page away from the others.
            return await asyncio.shield(page.task)
        finally:
            if self._pages.get(key) is page and not _is_worth_keeping(page.task):
                del self._pages[key]

    async def _ask(self, narrowing: Narrowing, after: str, limit: int) -> InventoryPage:
        return await self._read(narrowing, after, limit)

    def _question(self, narrowing: Narrowing) -> Narrowing:
        subscription = narrowing.subscription
        asked = sum(other.subscription == subscription for other in self._questions)
        return narrowing if asked <= _FEW else _whole(subscription)

    def _forget(self, now: datetime) -> None:
        self._questions = {one: at for one, at in self._questions.items() if now - at <= _TOGETHER}
        recent = [
            (key, page) for key, page in self._pages.items() if now - page.asked_at <= _TOGETHER
        ]
        self._pages = dict(recent[-_MOST_PAGES:])


def _is_worth_keeping(task: asyncio.Task[InventoryPage]) -> bool:
    """Neither a failure nor an empty page: who sees nothing may just be given the right to see."""
    if not task.done():
        return True
    if task.cancelled() or task.exception():
        return False
    return bool(task.result().states or task.result().last)


def _whole(subscription: str) -> Narrowing:
    return Narrowing(
        subscription=subscription,
        types=frozenset(MachineType),
        resource_groups=Choice(),
        locations=Choice(),
        os_types=None,
    )
