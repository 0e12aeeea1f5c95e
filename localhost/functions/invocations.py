"""The functions that are running now: started, counted, and given a little time when the host stops."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any


class Invocations:
    """A set of running tasks; one that ends leaves it by itself.

    What is started here reports its own failures: it must not raise.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait_until_at_most(self, count: int) -> None:
        """Return as soon as no more than *count* are running."""
        while len(self._tasks) > count:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def close(self, grace: timedelta) -> None:
        """Let all of them end within *grace* of real time; then cancel, and wait until they have gone."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
